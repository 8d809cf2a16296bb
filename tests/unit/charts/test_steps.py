"""Steps in plain words, and what each one changed."""

import pytest

from leanglot.charts.steps import Change, chain_steps, recipe_words, size_words, words_between
from leanglot.errors import RunError
from leanglot.techniques import (
    FfnPruning,
    HalfPrecision,
    HeadPruning,
    Int8,
    LayerPruning,
    MagnitudePruning,
    TrimVocabulary,
    WeightOnly,
)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (TrimVocabulary(), "trim vocabulary"),
        (TrimVocabulary(languages=("th", "de")), "trim vocabulary to 2 languages"),
        (HeadPruning(sparsity=0.25), "remove 25% of heads"),
        (HeadPruning(remove={0: (1, 3), 2: (0,)}), "remove 3 heads"),
        (HeadPruning(remove={0: (1,)}), "remove 1 head"),
        (FfnPruning(sparsity=1 / 3), "remove 33.33% of FFN neurons"),
        (LayerPruning(sparsity=0.5), "remove 50% of layers"),
        (LayerPruning(remove=(7,)), "remove layer 7"),
        (LayerPruning(remove=(5, 1, 3)), "remove layers 1, 3, 5"),
        (LayerPruning(remove=(1, 2, 3, 4, 5)), "remove 5 layers"),
        (MagnitudePruning(sparsity=0.7), "zero 70% of linear weights"),
        (MagnitudePruning(pattern="2:4"), "zero 50% of linear weights, 2:4"),
        (Int8(), "INT8"),
        (Int8(embeddings=True), "INT8 + embeddings"),
        (Int8(activations="static", weights="unsigned"), "static UINT8"),
        (Int8(keep=("classifier",)), "INT8 except classifier"),
        (WeightOnly(embeddings=True, keep=("a", "b")), "INT4 weights + embeddings except 2 parts"),
        (WeightOnly(bits=8), "INT8 weights"),
        (HalfPrecision(dtype="bf16"), "BF16"),
    ],
)
def test_each_step_has_plain_words(step, words):
    assert recipe_words((step,)) == (words,)


@pytest.mark.parametrize(
    ("size", "words"),
    [(None, "n/a"), (0, "0.0 MB"), (49, "0.0 MB"), (50, "0.1 kB"), (7_400, "7.4 kB"), (50_000, "0.1 MB")],
)
def test_small_sizes_do_not_read_as_nothing(size, words):
    assert size_words(size) == words


def test_words_tell_what_each_step_has_more(chained):
    assert [step.words for step in chain_steps(chained, "small")] == [
        "baseline",
        "export to ONNX Runtime",
        "trim vocabulary to 24,102 pieces",
        "remove 25% of heads",
        "INT8 + embeddings",
    ]


def test_a_new_runtime_and_new_steps_are_both_told(chained):
    baseline, export, *_, small = chained.candidates
    words = "export to ONNX Runtime + trim vocabulary + remove 25% of heads + INT8 + embeddings"
    assert words_between(baseline, small) == words
    assert words_between(export, export) == "nothing more"
    other = export.model_copy(update={"recipe": (HalfPrecision(),)})
    assert words_between(other, small).startswith("trim vocabulary + ")  # not the way of the other: everything is told


def test_changes_are_those_of_the_records(chained):
    _, export, trimmed, heads, small = chain_steps(chained, "small")
    assert export.size.difference == -500_000
    assert trimmed.time.difference == pytest.approx(0.4 / 41.2)
    assert heads.accuracy.difference == chained.candidate("small.2-heads").accuracy - trimmed.candidate.accuracy
    assert small.mean == Change(heads.candidate.macro_accuracy, small.candidate.macro_accuracy)
    row = chained.candidate("small.2-heads").languages["th"]
    assert heads.languages["th"].drop == pytest.approx(trimmed.candidate.languages["th"].candidate - row.candidate)


def test_times_come_from_speed_ups_not_from_other_runs(chained):
    slow = chained.candidates[1].latency_ms.model_copy(update={"p50": 500.0})
    drifted = chained.candidates[1].model_copy(update={"latency_ms": slow})
    report = chained.model_copy(update={"candidates": (chained.candidates[0], drifted, *chained.candidates[2:])})
    assert chain_steps(report, "small")[1].time.after == pytest.approx(28.9 / 41.2)


def test_who_is_newly_harmed_and_who_pays_most(chained):
    baseline, export, trimmed, heads, small = chain_steps(chained, "small")
    assert (baseline.languages, baseline.worst) == ({}, None)
    new = {step.words: {tag for tag, each in step.languages.items() if each.newly_harmed} for step in (heads, small)}
    harmed = {tag for tag, row in heads.candidate.languages.items() if row.verdict == "harmed"}
    assert len(harmed) == 11
    assert new == {"remove 25% of heads": harmed, "INT8 + embeddings": {"ko"}}
    assert not any(each.newly_harmed for step in (export, trimmed) for each in step.languages.values())
    assert small.worst == ("ko", pytest.approx(0.05))


def test_a_gap_is_bridged_and_said(broken):
    _, _, trimmed, heads, small = chain_steps(broken, "small")
    assert heads.failed == "failed: RecipeError: no heads"
    assert (trimmed.size.after, trimmed.size.difference, heads.worst) == (None, None, None)
    assert (small.size.before, small.size.spanned) == (470_800_000, 3)
    assert small.languages["th"].accuracy.spanned == 2
    assert {tag for tag, each in small.languages.items() if each.newly_harmed} >= {"th", "ko"}


def test_without_speed_ups_there_are_no_times(chained):
    untimed = tuple(each.model_copy(update={"speedup": None}) for each in chained.candidates)
    report = chained.model_copy(update={"candidates": untimed})
    assert all(step.time.after is None for step in chain_steps(report, "small"))


@pytest.mark.parametrize("chains", [{}, {"small": ("original",)}, {"small": ("original", "gone")}])
def test_a_chain_that_cannot_be_followed_is_an_error(chained, chains):
    with pytest.raises(RunError) as caught:
        chain_steps(chained.model_copy(update={"chains": chains}), "small")
    assert caught.value.hint is not None


def test_a_failure_without_a_reason_says_so(chained):
    failed = chained.candidates[-1].model_copy(update={"status": "failed", "reason": None})
    report = chained.model_copy(update={"candidates": (*chained.candidates[:-1], failed)})
    assert chain_steps(report, "small")[-1].failed == "failed: no reason was recorded"
