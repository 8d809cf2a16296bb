"""The order of training examples: fixed by the seed, balanced over the languages, and complete."""

import itertools
import pickle
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from leanglot.data.schedule import make_schedule, part
from leanglot.errors import DataError


def tags_of(sizes):
    """One tag per example, languages in turn as long as each lasts."""
    columns = [[tag] * size for tag, size in sizes.items()]
    return [tag for row in itertools.zip_longest(*columns) for tag in row if tag]


def met(schedule, tags, step):
    return Counter(tags[position] for position in schedule.batch(step))


def stream(schedule, tags, tag, steps):
    """Positions of one language's examples in the order met."""
    return [int(position) for step in range(steps) for position in schedule.batch(step) if tags[position] == tag]


def error_of(*arguments, **options):
    with pytest.raises(DataError) as caught:
        make_schedule(*arguments, **options)
    assert caught.value.hint
    return caught.value


def test_a_batch_holds_positions_sorted_by_language():
    tags = tags_of({"sw": 3, "de": 20, "en": 20})
    batch = make_schedule(tags, 7, "uniform").batch(5)
    assert (batch.dtype, batch.shape) == (np.int64, (7,))
    assert [tags[position] for position in batch] == sorted(tags[position] for position in batch)


def test_even_shares_fill_every_batch_evenly():
    tags = tags_of({"de": 100, "en": 10, "sw": 5})
    schedule = make_schedule(tags, 8, "uniform")
    for step in range(9):
        assert sorted(met(schedule, tags, step).values()) == [2, 3, 3]
    assert schedule.counts(9) == {"de": 24, "en": 24, "sw": 24}
    assert schedule.share("sw") == pytest.approx(1 / 3)


def test_proportional_shares_are_those_of_the_data():
    schedule = make_schedule(tags_of({"de": 90, "en": 9, "sw": 1}), 10, "proportional")
    assert schedule.counts(10) == {"de": 90, "en": 9, "sw": 1}
    assert schedule.passes(10) == {"de": 1.0, "en": 1.0, "sw": 1.0}


def test_a_temperature_lies_between_proportional_and_uniform():
    tags = tags_of({"de": 800, "sw": 100})
    schedule = make_schedule(tags, 9, "temperature", temperature=3.0)
    assert schedule.share("de") == pytest.approx(2 / 3)
    proportional = make_schedule(tags, 9, "temperature", temperature=1.0)
    assert proportional.counts(50) == make_schedule(tags, 9, "proportional").counts(50)


def test_traffic_is_followed_and_scaled():
    schedule = make_schedule(tags_of({"de": 5, "en": 50}), 10, "traffic", traffic={"de": 7, "EN": 3})
    assert schedule.counts(1) == {"de": 7, "en": 3}
    assert schedule.counts(1000) == {"de": 7000, "en": 3000}
    assert any("add up to 10" in note for note in schedule.notes)


def test_what_the_traffic_does_not_fit_is_left_out_and_said():
    tags = tags_of({"de": 9, "en": 9, "th": 9})
    schedule = make_schedule(tags, 4, "traffic", traffic={"de": 0.5, "sw": 0.3, "en": 0.2})
    assert schedule.languages == ("de", "en")
    assert set(schedule.counts(3)) == set(schedule.passes(3)) == {"de", "en"}
    assert schedule.share("th") == schedule.share("sw") == 0
    assert schedule.share("de") == pytest.approx(5 / 7)
    assert schedule.notes == (
        "Training: languages with traffic but without texts: sw.",
        "Training: languages without a share of the traffic, which give no texts: th.",
    )
    assert {tags[position] for step in range(20) for position in schedule.batch(step)} == {"de", "en"}


@pytest.mark.parametrize(
    ("batch_size", "languages", "said"),
    [
        (8, 24, "A batch of 8 examples holds fewer than the 24 languages: they take turns, each in every third batch."),
        (1, 2, "A batch of 1 example holds fewer than the 2 languages: they take turns, each in every second batch."),
        (1, 10, "A batch of 1 example holds fewer than the 10 languages: they take turns, each in every tenth batch."),
        (
            2,
            22,
            "A batch of 2 examples holds fewer than the 22 languages: they take turns, each in 1 of every 11 batches.",
        ),
        (
            10,
            24,
            "A batch of 10 examples holds fewer than the 24 languages: they take turns, each in 5 of every 12 batches.",
        ),
    ],
)
def test_a_batch_smaller_than_the_languages_is_said_and_true(batch_size, languages, said):
    names = [first + second for first in "abcde" for second in "vwxyz"][:languages]
    tags = tags_of(dict.fromkeys(names, 3))
    schedule = make_schedule(tags, batch_size, "uniform")
    assert schedule.notes == (said,)
    meetings = Counter(tag for step in range(languages) for tag in met(schedule, tags, step))
    assert meetings == dict.fromkeys(names, batch_size)


def test_turns_by_share_are_said_and_followed():
    schedule = make_schedule(tags_of({"de": 6, "en": 3, "sw": 1}), 2, "proportional")
    assert schedule.notes == (
        "A batch of 2 examples holds fewer than the 3 languages: they take turns, each by its share.",
    )
    assert schedule.counts(5) == {"de": 6, "en": 3, "sw": 1}


def test_a_batch_for_all_languages_has_no_note():
    assert make_schedule(tags_of({"de": 6, "en": 3}), 2, "uniform").notes == ()


def test_every_language_has_its_turn_before_any_has_two():
    names = [first + second for first in "abcd" for second in "vwxyz"]
    tags = tags_of(dict.fromkeys(names, 4))
    schedule = make_schedule(tags, 3, "uniform")
    met_so_far = Counter()
    for step in range(200):
        met_so_far += met(schedule, tags, step)
        counts = [met_so_far[name] for name in names]
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    ("sizes", "batch_size"),
    [((2, 5, 5, 4), 3), ((2, 4, 5, 5), 3), ((8, 8, 5, 7, 5), 4), ((8, 8, 3, 9, 9), 4)],
)
def test_turns_that_are_due_together_are_given_in_the_right_order(sizes, batch_size):
    # With equal deadlines told apart in another way, too few turns are open at some step, and a slot stays empty.
    tags = tags_of(dict(zip(("ar", "de", "en", "fr", "sw"), sizes, strict=False)))
    for seed in range(20):
        schedule = make_schedule(tags, batch_size, "proportional", seed=seed)
        for step in range(1, len(tags) + 1):
            counts = schedule.counts(step).values()
            assert sum(counts) == step * batch_size
            for size, count in zip(sizes, counts, strict=True):
                assert abs(Fraction(step * batch_size * size, len(tags)) - count) < 1


def test_a_rare_language_keeps_its_share_and_no_more():
    tags = tags_of({"de": 990, "sw": 10})
    schedule = make_schedule(tags, 10, "proportional")
    holding = [step for step in range(1000) if met(schedule, tags, step)["sw"]]
    assert len(holding) == 100
    assert max(np.diff(holding)) < 20


def test_each_pass_is_whole_and_shuffled_anew():
    tags = tags_of({"de": 40, "sw": 7})
    schedule = make_schedule(tags, 4, "uniform")
    seen = stream(schedule, tags, "sw", 70)
    passes = [seen[at : at + 7] for at in range(0, 140, 7)]
    assert all(sorted(one) == sorted(passes[0]) for one in passes)
    assert len({tuple(one) for one in passes}) == len(passes)
    assert passes[0] != sorted(passes[0])


def test_a_language_is_met_in_the_same_order_whatever_the_others():
    two, three = tags_of({"de": 50, "sw": 9}), [*tags_of({"de": 50, "sw": 9}), *["th"] * 30]
    one = stream(make_schedule(two, 4, "uniform", seed=5), two, "sw", 40)
    assert stream(make_schedule(three, 6, "uniform", seed=5), three, "sw", 40) == one


@pytest.mark.parametrize("size", range(1, 13))
def test_a_batch_repeats_an_example_only_where_the_language_has_too_few(size):
    tags = tags_of({"de": 50, "sw": size})
    # Shares of 4.5 and 4.5: the number of slots goes up and down, and passes end anywhere in a batch.
    schedule = make_schedule(tags, 9, "uniform", seed=3)
    for step in range(150):
        counts = Counter(position for position in schedule.batch(step).tolist() if tags[position] == "sw")
        least, most = divmod(counts.total(), size)
        assert max(counts.values()) <= least + bool(most)
        assert len(counts) == min(size, counts.total())


def test_a_language_of_two_batches_is_shuffled_as_a_whole():
    tags = tags_of({"de": 50, "sw": 7})
    seen = stream(make_schedule(tags, 8, "uniform"), tags, "sw", 70)
    assert len({frozenset(seen[at : at + 3]) for at in range(0, 280, 7)}) > 10


def test_a_language_of_less_than_two_batches_is_shuffled_in_part():
    tags = tags_of({"de": 50, "sw": 6})
    seen = stream(make_schedule(tags, 8, "uniform"), tags, "sw", 30)
    passes = {tuple(seen[at : at + 6]) for at in range(0, 120, 6)}
    assert len(passes) > 3
    assert {frozenset(one[:3]) for one in passes} == {frozenset(seen[:3])}


def test_the_seed_decides():
    tags = tags_of({"de": 40, "en": 40, "sw": 5})
    batches = [
        [make_schedule(tags, 6, "uniform", seed=seed).batch(step).tolist() for step in (0, 9)] for seed in (1, 1, 2)
    ]
    assert batches[0] == batches[1] != batches[2]
    firsts = {min(met(make_schedule(tags, 1, "uniform", seed=seed), tags, 0)) for seed in range(30)}
    assert firsts == {"de", "en", "sw"}


def test_any_step_is_answered_alike_in_any_order():
    tags = tags_of({"de": 61, "en": 17, "sw": 5})
    given = {"balance": "temperature", "temperature": 2.5, "seed": 4}
    in_order = [batch.tolist() for batch in itertools.islice(make_schedule(tags, 5, **given).batches(), 700)]
    one = make_schedule(tags, 5, **given)
    for step in (699, 0, 256, 255, 257, 512, 3, 600, 600, 511, 100):
        assert one.batch(step).tolist() == in_order[step]
    assert make_schedule(tags, 5, **given).counts(700) == one.counts(700)


def test_two_readers_do_not_disturb_each_other():
    tags = tags_of({"de": 30, "sw": 4})
    schedule = make_schedule(tags, 3, "proportional")
    early, late = schedule.batches(), schedule.batches(50)
    for step in range(40):
        assert next(early).tolist() == make_schedule(tags, 3, "proportional").batch(step).tolist()
        assert next(late).tolist() == make_schedule(tags, 3, "proportional").batch(50 + step).tolist()


def test_a_schedule_travels_to_another_process():
    schedule = make_schedule(tags_of({"de": 30, "sw": 4}), 3, "temperature")
    schedule.batch(77)
    copy = pickle.loads(pickle.dumps(schedule))  # noqa: S301  # its own bytes
    assert copy.batch(78).tolist() == schedule.batch(78).tolist()


def test_shares_do_not_drift_however_many_steps():
    shares = {"de": 0.7, "en": 0.2, "sw": 0.1}
    tags = tags_of(dict.fromkeys(shares, 9))
    schedule = make_schedule(tags, 7, "traffic", traffic=shares)
    # Shares are what they are written as, and not the binary fractions next to them: all is even after ten batches.
    assert schedule._slots._period == 10
    assert schedule.counts(10**12) == {"de": 49 * 10**11, "en": 14 * 10**11, "sw": 7 * 10**11}
    assert met(schedule, tags, 10**12) == met(schedule, tags, 0)


def test_shares_without_a_short_period_do_not_drift():
    sizes = {"de": 7919, "en": 1009, "sw": 13}
    schedule = make_schedule(tags_of(sizes), 4, "temperature", temperature=3.7)
    for steps in (1, 999, 20_000):
        for tag, count in schedule.counts(steps).items():
            share = sizes[tag] ** (1 / 3.7) / sum(size ** (1 / 3.7) for size in sizes.values())
            assert abs(count - 4 * steps * share) < 1


def test_passes_count_how_often_the_data_were_met():
    schedule = make_schedule(tags_of({"de": 100, "sw": 4}), 4, "uniform")
    assert schedule.passes(0) == {"de": 0.0, "sw": 0.0}
    assert schedule.passes(25) == {"de": 0.5, "sw": 12.5}


def test_parts_are_even_over_languages():
    tags = tags_of({"de": 90, "en": 90, "sw": 90})
    batch = make_schedule(tags, 24, "uniform").batch(3)
    for rank in range(4):
        assert Counter(tags[position] for position in part(batch, rank, 4)) == {"de": 2, "en": 2, "sw": 2}
    assert part(batch, 25, 30).shape == (0,)


@pytest.mark.parametrize(("rank", "world"), [(-1, 2), (2, 2), (0, 0)])
def test_a_process_that_there_is_not_is_refused(rank, world):
    with pytest.raises(DataError, match=f"no process {rank} among {world}"):
        part(np.arange(4), rank, world)


@pytest.mark.parametrize("ask", ["batch", "batches", "counts", "passes"])
def test_a_step_below_0_is_refused(ask):
    schedule = make_schedule(["de"], 1, "uniform")
    with pytest.raises(DataError, match="no step -1"):
        getattr(schedule, ask)(-1)


def test_faults_are_named():
    assert "batch of 0 examples" in error_of(["de"], 0, "uniform").message
    assert "no examples" in error_of([], 4, "uniform").message
    assert "Example 2 has no language" in error_of(["de", "en", "", ""], 4, "uniform").message
    assert "Example 1 has no language" in error_of(["de", " "], 4, "uniform").message
    assert "temperature is 0.5" in error_of(["de"], 4, "temperature", temperature=0.5).message
    assert "temperature is nan" in error_of(["de"], 4, "temperature", temperature=float("nan")).message


def test_traffic_that_gives_nothing_is_refused():
    error = error_of(["en", "de"], 4, "traffic", traffic={"th": 1, "sw": 2})
    assert error.message == "No language of the traffic (sw, th) has examples."
    assert error.hint == "There are examples in de, en."
    assert "traffic (none)" in error_of(["de"], 4, "traffic").message


@pytest.mark.parametrize("share", [0.0, -1.0, float("nan"), float("inf")])
def test_a_share_that_is_no_positive_number_is_refused(share):
    assert f"share of de is {share}" in error_of(["de", "en"], 4, "traffic", traffic={"en": 1, "de": share}).message


def test_traffic_counts_only_where_it_is_asked_for():
    schedule = make_schedule(["de", "en"], 2, "uniform", traffic={"de": 1.0})
    assert (schedule.counts(1), schedule.notes) == ({"de": 1, "en": 1}, ())
