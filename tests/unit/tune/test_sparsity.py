"""The search for the highest sparsity, on answers whose every loss is planted."""

import math

import numpy as np
import pytest

from leanglot.errors import ConfigError, DataError
from leanglot.tune.requirement import Requirement, undecided_languages
from leanglot.tune.sparsity import Attempt, search
from leanglot.tune.sparsity_wording import notes_on

HUNDREDTHS = tuple(number / 100 for number in range(1, 100))


def requirement(counts, **changes):
    """A model that answers all examples right."""
    languages = [tag for tag, number in counts.items() for _ in range(number)]
    return Requirement(languages, np.ones(len(languages), dtype=bool), **changes)


class Losing:
    """A model that loses answers of a language: so many from each sparsity on."""

    def __init__(self, counts, losses):
        self.counts, self.losses, self.asked = counts, losses, []

    def __call__(self, sparsity):
        self.asked.append(sparsity)
        correct = []
        for tag, number in self.counts.items():
            lost = max((lost for start, lost in self.losses.get(tag, {}).items() if sparsity >= start), default=0)
            correct += [False] * lost + [True] * (number - lost)
        return Attempt(np.array(correct), sparsity)


def run(counts, losses, levels=HUNDREDTHS, kind="heads", **changes):
    needed, model = requirement(counts, **changes), Losing(counts, losses)
    return search(kind, levels, model, needed), model, needed


def test_the_highest_sparsity_within_is_found_in_eight_probes():
    found, model, _ = run({"de": 200, "th": 200}, {"th": {0.42: 3}, "de": {0.6: 50}})
    assert (found.outcome, found.sparsity) == ("found", 0.41)
    assert model.asked[:3] == [0.25, 0.5, 0.75]
    assert len(model.asked) == len(set(model.asked)) <= 8
    assert [probe.sparsity for probe in found.probes] == sorted(model.asked)
    assert found.reason == (
        "With 41.0% of the attention heads gone no language loses more than 1 point; th loses 1.5 points at 42.0%."
    )
    assert found.found.accuracy == {"de": 1.0, "th": 1.0}


def test_a_drop_of_exactly_the_allowed_one_is_within():
    found, _, _ = run({"de": 300}, {"de": {0.1: 3}}, max_drop=0.01)
    assert found.outcome == "all"
    assert run({"de": 300}, {"de": {0.1: 4}})[0].sparsity == 0.09


def test_probes_say_who_lost_too_much_the_worst_first():
    found, _, _ = run({"de": 200, "en": 200, "th": 200}, {"th": {0.3: 6}, "de": {0.3: 4}, "en": {0.3: 2}})
    (over,) = {probe.exceeded for probe in found.probes if not probe.within}
    assert over == ("th", "de")
    assert "th loses 3.0 points and de loses 2.0 points at 30.0%" in found.reason


def test_more_languages_than_a_sentence_holds_are_counted():
    tags = dict.fromkeys(("de", "en", "fr", "it", "th"), 200)
    found, _, _ = run(tags, {tag: {0.3: 10 + place} for place, tag in enumerate(tags)})
    assert "th loses 7.0 points, it loses 6.5 points, fr loses 6.0 points and 2 more lose too much" in found.reason


def test_a_loss_that_rounds_to_the_limit_is_told_apart_from_it():
    found, _, _ = run({"de": 2900}, {"de": {0.3: 30}})
    assert "de loses 1.03 points at 30.0%" in found.reason


def test_too_much_from_the_least_on_finds_none():
    found, model, needed = run({"de": 200}, {"de": {0.0: 9}})
    assert (found.outcome, found.sparsity, found.found, found.verdicts) == ("none", None, None, {})
    assert min(model.asked) == 0.01
    assert found.reason == "The least that was tried is too much already: de loses 4.5 points at 1.0%."
    assert len(notes_on([found], needed)) == 1


def test_nothing_lost_up_to_the_most_finds_all():
    found, model, _ = run({"de": 200}, {})
    assert (found.outcome, found.sparsity) == ("all", 0.99)
    assert len(model.asked) == 8
    assert found.reason == (
        "Even with 99.0% of the attention heads gone, the most that can be tried, no language loses more than 1 point."
    )


def test_verdicts_at_the_sparsity_found_tell_proven_from_only_not_observed():
    found, _, needed = run({"de": 4000, "th": 150}, {"th": {0.5: 10}})
    assert {tag: verdict.verdict for tag, verdict in found.verdicts.items()} == {"de": "safe", "th": "inconclusive"}
    assert found.verdicts == needed.judge(np.ones(4150, dtype=bool))
    assert any("favours it" in note for note in notes_on([found], needed))


def test_groups_count_in_the_verdicts():
    counts = {"de": 4000}
    groups = [f"g{number // 400}" for number in range(4000)]
    found, _, _ = run(counts, {}, groups=groups)
    assert found.verdicts["de"].groups == 10
    assert found.verdicts["de"].verdict == "inconclusive"


def test_a_language_with_few_examples_does_not_decide_by_one_answer():
    counts = {"de": 200, "sw": 10}
    found, _, needed = run(counts, {"sw": {0.0: 1}, "de": {0.6: 9}})
    assert needed.undecided == ("sw",)
    assert found.sparsity == 0.59
    assert found.reason == (
        "With 59.0% of the attention heads gone no language that can be decided loses more than 1 point; de loses "
        "4.5 points at 60.0%; not enough data to decide: sw (10)."
    )
    assert found.verdicts["sw"].verdict == "inconclusive"
    assert notes_on([found], needed)[0] == (
        "Not enough data to decide: sw (10): one answer of such a language moves its own accuracy by more than 1 "
        "point. It stops the search only where harm is proven."
    )


def test_a_language_with_few_examples_stops_the_search_where_it_is_proven_harmed():
    found, _, _ = run({"de": 200, "sw": 30}, {"sw": {0.1: 1, 0.31: 30}})
    assert found.sparsity == 0.3
    assert "sw loses 100.0 points at 31.0%; not enough data to decide: sw (30)." in found.reason


def test_nothing_is_tried_where_no_language_can_be_decided():
    found, model, needed = run({"de": 60, "sw": 1}, {})
    assert (found.outcome, found.sparsity, found.probes, model.asked) == ("none", None, (), [])
    assert found.reason == (
        "Nothing was tried, since no language has enough examples: not enough data to decide: de (60), sw (1)."
    )
    assert len(notes_on([found], needed)) == 1


def test_nothing_is_tried_where_nothing_can_go():
    found, model, _ = run({"de": 200}, {}, levels=(), kind="layers")
    assert (found.outcome, model.asked) == ("none", [])
    assert found.reason == "Nothing was tried, since the model has no layers that could be left out."


@pytest.mark.parametrize("count", range(1, 9))
def test_few_levels_are_each_tried_at_most_once(count):
    levels = tuple((number + 1) / 12 for number in range(count))
    found, model, _ = run({"de": 200}, {"de": {levels[-1]: 9}}, levels=levels)
    assert found.sparsity == (levels[-2] if count > 1 else None)
    assert len(model.asked) == len(set(model.asked)) <= count


def test_the_mean_lets_a_language_fall_that_others_make_up_for():
    counts, losses = {"de": 200, "en": 200, "th": 200}, {"th": {0.2: 5, 0.5: 7}}
    assert run(counts, losses)[0].sparsity == 0.19
    found, _, _ = run(counts, losses, worst_language=False)
    assert found.sparsity == 0.49
    assert next(probe.exceeded for probe in found.probes if not probe.within) == ("mean",)
    assert found.reason == (
        "With 49.0% of the attention heads gone the languages lose on average no more than 1 point; the mean loses "
        "1.2 points at 50.0%."
    )


def test_the_mean_is_taken_without_languages_that_one_answer_would_decide():
    counts = {"de": 200, "sw": 1}
    found, _, needed = run(counts, {"sw": {0.1: 1}, "de": {0.8: 9}}, worst_language=False)
    assert found.sparsity == 0.79
    assert found.found.macro_accuracy == 1.0
    assert "moves the mean by more than 1 point. It is left out of it." in notes_on([found], needed)[0]


def test_many_small_languages_decide_a_mean_that_none_could_alone():
    counts = {f"l{number}": 60 for number in range(24)}
    assert undecided_languages(counts, 0.01, worst_language=True) == tuple(counts)
    assert undecided_languages(counts, 0.01, worst_language=False) == ()
    assert undecided_languages({**counts, "sw": 1}, 0.01, worst_language=False) == ("sw",)
    # Without the one of 30, an answer of the others moves their mean by exactly the allowed point.
    assert undecided_languages({"a": 50, "b": 50, "c": 30}, 0.01, worst_language=False) == ("c",)
    assert undecided_languages({"a": 49, "b": 50, "c": 30}, 0.01, worst_language=False) == ("a", "b", "c")


def test_a_language_needs_one_example_for_each_share_of_the_allowed_drop():
    counts = {"a": 100, "b": 99, "c": 1}
    assert undecided_languages(counts, 0.01, worst_language=True) == ("b", "c")
    assert undecided_languages(counts, 0.5, worst_language=True) == ("c",)


def test_probes_that_contradict_the_assumption_are_told():
    counts, needed = {"de": 200}, requirement({"de": 200})

    def dented(sparsity):
        lost = 9 if 0.2 <= sparsity <= 0.3 or sparsity > 0.6 else 0
        return Attempt(np.arange(counts["de"]) >= lost, sparsity)

    found = search("ffn", HUNDREDTHS, dented, needed)
    assert found.sparsity == 0.6
    told = [note for note in notes_on([found], needed) if note.startswith("It does not hold for ffn")]
    assert told == [
        "It does not hold for ffn: at 25.0% de loses 4.5 points, while 60.0% keeps within the allowed drop."
    ]


@pytest.mark.parametrize("drop", [0.0, 1.0, -0.01, 1.5, math.nan, 1e-12])
def test_an_allowed_drop_that_is_no_share_is_refused(drop):
    with pytest.raises(ConfigError, match="The allowed drop is"):
        requirement({"de": 3}, max_drop=drop)


@pytest.mark.parametrize("answers", [0, 2])
def test_answers_and_tags_must_fit(answers):
    with pytest.raises(DataError, match=f"{answers} answers"):
        Requirement(["de"] * (answers // 2), np.ones(answers, dtype=bool))
