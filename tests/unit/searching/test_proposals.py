"""What is tried next, and what is not tried at all."""

import pytest

from leanglot.results.searching import Levels, PartialResult
from leanglot.searching.ladder import ladder
from leanglot.searching.proposals import Proposals, candidate_from
from leanglot.searching.recipes import Space, candidate_of

HOPELESS = PartialResult(examples=300, accuracy_drop=0.2, harm=0.1, speedup=9.0, size_bytes=10)


@pytest.fixture
def proposals(space):
    return Proposals(space=space, max_drop=0.05, baseline_s=100.0, per_second=200.0, lessons=0, seed=0, priced=False)


def learning(proposals, lessons=20_000):
    return Proposals(
        space=proposals.space, max_drop=0.05, baseline_s=100.0, per_second=200.0, lessons=lessons, seed=0, priced=False
    )


def test_the_ladder_comes_first_rung_by_rung(proposals, tried):
    rungs = ladder(proposals.space)
    assert proposals.following([], 1000.0) == (rungs[0], "ladder")
    assert proposals.following([tried(rungs[0]), tried(rungs[1], state="failed")], 1000.0) == (rungs[2], "ladder")


def test_unfinished_work_comes_before_all_else(proposals, tried):
    cut = tried(Levels(scheme="int8-static", vocabulary="used"), state="cut", origin="sampler")
    assert proposals.following([tried(), cut], 1000.0) == (cut.levels, "sampler")


def test_unfinished_training_waits_until_there_is_time(proposals, tried):
    cut = tried(Levels(student=3, ffn=60, epochs=6), state="cut", origin="training")
    with_lessons = learning(proposals)
    assert with_lessons.following([cut], 100.0)[1] == "ladder"
    assert with_lessons.following([cut], 1e6) == (cut.levels, "training")


def test_after_the_ladder_a_training_that_fits_in_then_the_sampler(proposals, tried):
    climbed = [tried(rung) for rung in ladder(proposals.space)]
    with_lessons = learning(proposals)
    levels, origin = with_lessons.following(climbed, 3000.0)
    assert (origin, levels.student, levels.ffn, levels.epochs) == ("training", 3, 60, 6)
    assert with_lessons.following(climbed, 700.0)[0].epochs < 6
    assert with_lessons.following(climbed, 100.0)[1] == "sampler"
    assert proposals.following(climbed, 3000.0)[1] == "sampler"


def test_a_student_is_trained_once_whatever_its_epochs(proposals, tried):
    with_lessons = learning(proposals)
    first = with_lessons.student([], 1e6)
    second = with_lessons.student([tried(first.model_copy(update={"epochs": 2}))], 1e6)
    assert (first.student, second.student) == (3, 6)
    assert with_lessons.student([tried(first), tried(second)], 1e6) is None


def test_the_same_recipe_is_not_tried_twice(proposals, tried):
    new = proposals.untried([tried(Levels(scheme="int8"), state="failed")])
    assert not new(Levels(scheme="int8"))
    assert new(Levels(scheme="int8-emb"))


def test_deeper_cuts_of_what_lost_too_much_are_not_tried(proposals, tried):
    lost = tried(
        Levels(scheme="int8-emb", vocabulary="used", heads=20, ffn=20), state="dropped", part=HOPELESS, full=None
    )
    deeper = Levels(scheme="int8-emb", vocabulary="frequent", heads=20, ffn=40)
    new = proposals.untried([lost])
    assert not new(deeper)
    assert new(deeper.model_copy(update={"heads": 10}))
    assert new(deeper.model_copy(update={"scheme": "int8"}))
    beaten = lost.model_copy(update={"part": HOPELESS.model_copy(update={"harm": 0.0, "accuracy_drop": 0.0})})
    assert proposals.untried([beaten])(deeper)


def test_what_takes_too_long_is_passed_over(proposals, tried):
    """Layers take ninety seconds to choose; more pieces go at once."""
    slow = [tried(Levels(scheme="int8-emb", vocabulary="used", layers=1), seconds=300.0)]
    climbed = [tried(rung, seconds=40.0) for rung in ladder(proposals.space) if not rung.layers]
    levels, _ = proposals.following([*climbed, *slow], 100.0)
    assert not levels.layers
    assert proposals.following([*climbed, *slow], 40.0) is None
    assert proposals.least_expected([*climbed, *slow]) == 50


def test_where_nothing_is_left_nothing_follows(tried):
    alone = Proposals(
        space=Space(("fp32",)), max_drop=0.05, baseline_s=1.0, per_second=1.0, lessons=0, seed=0, priced=False
    )
    assert alone.following([tried()], 1000.0) is None
    assert alone.least_expected([tried()]) is None


def test_a_training_is_expected_to_take_its_own_time_too(proposals):
    student = Levels(scheme="int8-emb", student=3, ffn=60, epochs=6)
    assert proposals.expected(student, []) == 60  # nothing is known to learn from
    assert learning(proposals).expected(student, []) > 600


def test_it_says_why_no_student_was_trained(proposals, tried):
    with_lessons = learning(proposals)
    told = with_lessons.training_note([tried()], 30.0)
    assert told.startswith("No student was trained: 2 epochs of 3 layers were expected to take ")
    assert told.endswith("and 30 s were left.")
    assert with_lessons.training_note([tried(Levels(student=3, epochs=2))], 30.0) is None
    assert proposals.training_note([], 30.0) is None


def test_a_tried_recipe_becomes_its_candidate_again(tried):
    levels = Levels(scheme="int8-emb", heads=20)
    assert candidate_from(tried(levels)) == candidate_of(levels, 12)
