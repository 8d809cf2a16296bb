"""What is dropped on part of the data, and what is not."""

import numpy as np
import pytest

from leanglot.results.searching import Levels, PartialResult
from leanglot.searching.screening import Screen, beaten_by, part_of
from leanglot.stats.intervals import PairedCounts, counted_interval

TAGS = ("de",) * 1000 + ("th",) * 400 + ("sw",) * 10


def screen(languages, *, max_drop=0.05, groups=None, correct=None):
    """A screen whose examples have these languages; the baseline is right in all, unless told otherwise."""

    class Examples:
        pass

    class Exam:
        examples = Examples()

    Exam.examples.languages, Exam.examples.groups = languages, groups
    right = np.ones(len(languages), dtype=bool) if correct is None else correct
    return Screen(Exam, right, 2 * len(languages), max_drop, 0.05, 1024)


def answers(languages, **wrong):
    """All right but for so many at the start of each language."""
    right = np.ones(len(languages), dtype=bool)
    for tag, count in wrong.items():
        right[np.flatnonzero(np.asarray(languages) == tag)[:count]] = False
    return right


def test_a_fifth_of_each_language_is_drawn_and_five_at_least():
    positions = part_of(TAGS, seed=0)
    drawn = [TAGS[position] for position in positions]
    assert {tag: drawn.count(tag) for tag in ("de", "th", "sw")} == {"de": 212 + 1, "th": 86, "sw": 5}
    assert list(positions) == sorted(set(positions))


def test_of_many_examples_a_fifth_is_enough():
    tags = ("de",) * 5000 + ("th",) * 2000
    assert len(part_of(tags, seed=0)) == 1400


def test_of_few_examples_all_are_taken():
    tags = ("de",) * 100 + ("sw",)
    assert part_of(tags, seed=0) == tuple(range(101))


def test_the_draw_depends_on_the_seed_and_on_the_language_alone():
    assert part_of(TAGS, seed=0) == part_of(TAGS, seed=0)
    assert part_of(TAGS, seed=0) != part_of(TAGS, seed=1)
    german = list(part_of(("de",) * 5000, seed=0))
    beside = [position for position in part_of(("de",) * 5000 + ("th",) * 2000, seed=0) if position < 5000]
    assert german == beside


def test_a_certain_loss_of_one_language_is_too_much():
    languages = ("de",) * 300 + ("th",) * 100
    found = screen(languages).verdict_on(answers(languages, th=40))
    low = counted_interval(PairedCounts(lost=40, won=0, n=100), 0.05 / 3).low  # two languages, and both together
    assert found.harm == pytest.approx(low)
    assert found.too_much == (
        f"On 400 of 800 examples Thai (th) lost at least {100 * low:.1f} points, more than the 5 points allowed."
    )


def test_a_loss_that_may_be_chance_is_not_too_much():
    languages = ("de",) * 300 + ("th",) * 100 + ("sw",) * 5
    found = screen(languages).verdict_on(answers(languages, th=10, sw=2))
    assert found.too_much is None
    assert found.harm < 0.05
    assert found.drop == pytest.approx(12 / 405)


def test_a_small_loss_everywhere_is_too_much_together():
    languages = tuple(tag for tag in ("de", "fr", "it", "pl", "th", "uk") for _ in range(100))
    right = answers(languages, **dict.fromkeys(("de", "fr", "it", "pl", "th", "uk"), 11))
    found = screen(languages).verdict_on(right)
    assert found.too_much is not None
    assert "all languages together lost at least" in found.too_much


def test_groups_that_fail_as_one_prove_less():
    languages = ("de",) * 200
    right = answers(languages, de=30)
    groups = tuple(str(number // 30) for number in range(200))
    assert screen(languages).verdict_on(right).too_much is not None
    assert screen(languages, groups=groups).verdict_on(right).too_much is None


def test_a_larger_allowance_lets_more_pass():
    languages = ("de",) * 300
    right = answers(languages, de=60)
    assert screen(languages, max_drop=0.05).verdict_on(right).too_much is not None
    assert screen(languages, max_drop=0.2).verdict_on(right).too_much is None


def test_a_gain_is_no_harm():
    languages = ("de",) * 300
    found = screen(languages, correct=answers(languages, de=60)).verdict_on(answers(languages))
    assert found.too_much is None
    assert (found.harm, found.drop) == (0.0, pytest.approx(-0.2))


def part(**changes):
    numbers = {"examples": 300, "accuracy_drop": 0.01, "harm": 0.0, "speedup": 3.0, "size_bytes": 200}
    return PartialResult.model_validate(numbers | changes)


def test_what_is_slower_larger_and_no_better_is_beaten(tried):
    known = [tried(Levels(scheme="int8-emb"), drop=0.01, speedup=4.0, size=100)]
    assert beaten_by(part(), known) == (
        "On part of the examples int8-emb lost no more, and is faster (4.00× against 3.00×) and smaller (0.0 MB "
        "against 0.0 MB)."
    )


@pytest.mark.parametrize(
    "better",
    [{"accuracy_drop": 0.009}, {"size_bytes": 100}, {"speedup": 3.3}],
    ids=["more right", "no larger", "hardly slower"],
)
def test_what_is_better_in_anything_is_not_beaten(tried, better):
    known = [tried(drop=0.01, speedup=4.0, size=100)]
    assert beaten_by(part(**better), known) is None


def test_harm_of_one_language_less_keeps_a_candidate(tried):
    assert beaten_by(part(harm=0.01), [tried(drop=0.01, harm=0.02, speedup=9.0, size=1)]) is None


def test_only_what_was_measured_and_harms_nobody_beats_others(tried):
    known = tried(drop=0.0, speedup=9.0, size=1)
    rejected = known.model_copy(update={"full": known.full.model_copy(update={"status": "rejected"})})
    others = [
        rejected,
        known.model_copy(update={"state": "dropped", "full": None}),
        known.model_copy(update={"part": None}),
    ]
    assert beaten_by(part(), others) is None
    assert beaten_by(part(), [*others, known]) is not None
