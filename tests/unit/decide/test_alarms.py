"""Each alarm goes off where it must, stays quiet where it must, and says when it cannot know."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from leanglot.decide.alarms import CODES, LARGEST_CHANGE, PAGE, AlarmEvidence, alarms, at_chance
from leanglot.results.measures import Invariance
from leanglot.results.records import Candidate, LanguageResult, Latency, LedgerRow
from leanglot.techniques import HalfPrecision, Int8, MagnitudePruning, WeightOnly
from leanglot.techniques.targets import TARGETS

STEADY = Invariance(texts=24, padding=0.0, mates=0.0, flips=0)
EVEN = {"en": {"yes": 100, "no": 100, "maybe": 100}, "th": {"yes": 40, "no": 40, "maybe": 40}}
LEDGER = (
    LedgerRow(part="embeddings", dtype="int8", size_bytes=96_000_000),
    LedgerRow(part="embeddings", dtype="float32", size_bytes=1_000_000),
    LedgerRow(part="ffn", dtype="int8", size_bytes=20_000_000),
)


def result(tag, baseline, accuracy):
    return LanguageResult(n=sum(EVEN[tag].values()), baseline=baseline, candidate=accuracy)


def candidate(name="int8", **changes):
    """A candidate that gives no cause for any alarm."""
    plain = {
        "runtime": "onnxruntime",
        "status": "unrefuted",
        "recipe": (Int8(reduce_range=True),),
        "speedup": 2.0,
        "accuracy": 0.9,
        "languages": {"en": result("en", 0.93, 0.92), "th": result("th", 0.85, 0.84)},
        "ledger": LEDGER,
    }
    return Candidate(name=name, **(plain | changes))


BASELINE = candidate(
    "original",
    runtime="pytorch",
    status="baseline",
    recipe=(),
    speedup=1.0,
    languages={"en": result("en", 0.93, 0.93), "th": result("th", 0.85, 0.85)},
)


def raised(changed=None, **evidence):
    """Messages by code."""
    complete = {
        "candidate": changed or candidate(),
        "baseline": BASELINE,
        "invariance": STEADY,
        "target_isa": TARGETS["avx2"],
        "machine_isa": TARGETS["avx2"],
        "label_counts": EVEN,
    }
    found = alarms(AlarmEvidence(**(complete | evidence)))
    assert [alarm.code for alarm in found] == [code for code in CODES if code in {each.code for each in found}]
    assert all(alarm.anchor == f"docs/alarms.md#{alarm.code}" and alarm.message.endswith(".") for alarm in found)
    return {alarm.code: alarm.message for alarm in found}


def test_a_sound_candidate_and_a_sound_baseline_raise_none():
    assert raised() == {}
    assert raised(BASELINE, invariance=None, target_isa=(), machine_isa=()) == {}


def test_a_failed_candidate_has_a_reason_and_no_alarms():
    assert raised(Candidate(name="broken", runtime="onnxruntime", status="failed", reason="No.")) == {}


# Slower than the baseline


@pytest.mark.parametrize(("speedup", "shown"), [(0.36, "0.36 times"), (0.998, "0.998 times"), (0.99996, "0.99996")])
def test_a_slower_candidate_is_called_slower(speedup, shown):
    timed = Latency(n=100, mean=50.0, std=1.0, p50=49.61, p95=None, p99=None)
    message = raised(candidate(speedup=speedup, latency_ms=timed))["slower-than-baseline"]
    assert shown in message
    assert "a median of 49.6 ms" in message


def test_as_fast_as_the_baseline_is_not_slower():
    assert raised(candidate(speedup=1.0)) == {}


def test_a_speed_that_rounds_to_the_baselines_in_every_digit_is_still_told():
    assert "1 times" in raised(candidate(speedup=1 - 1e-12))["slower-than-baseline"]


def test_an_unknown_speed_is_told():
    assert "how fast it is" in raised(candidate(speedup=None))["not-measured"]


# Chance level


def test_chance_over_all_languages_is_told_once():
    languages = {"en": result("en", 0.93, 0.34), "th": result("th", 0.85, 0.33)}
    assert raised(candidate(accuracy=0.335, languages=languages)) == {
        "chance-level": "Accuracy is at chance level: 33.5% of 420 examples, the commonest label alone 33.3%."
    }


def test_chance_in_one_language_is_told_by_its_name():
    languages = {"en": result("en", 0.93, 0.92), "th": result("th", 0.85, 0.36)}
    assert raised(candidate(languages=languages)) == {
        "chance-level": "Accuracy is at chance level in 1 language: "
        "th 36.0% of 120 examples, the commonest label alone 33.3%."
    }


def test_a_perfect_baseline_on_ten_examples_promises_nothing():
    few = {"en": EVEN["en"], "sw": {"yes": 6, "no": 4}}
    small = LanguageResult(n=10, baseline=1.0, candidate=0.8)
    languages = {"en": result("en", 0.93, 0.92), "sw": small}
    own = {"en": BASELINE.languages["en"], "sw": LanguageResult(n=10, baseline=1.0, candidate=1.0, accuracy_low=0.72)}
    baseline = BASELINE.model_copy(update={"languages": own})
    assert raised(candidate(languages=languages), baseline=baseline, label_counts=few) == {}


def test_only_some_of_many_languages_are_named():
    tags = [f"l{number}" for number in range(8)]
    languages = {tag: LanguageResult(n=120, baseline=0.9, candidate=0.3) for tag in tags}
    counts = dict.fromkeys(tags, EVEN["th"])
    message = raised(candidate(languages=languages), label_counts=counts)["chance-level"]
    assert "in 8 languages: l0 30.0%" in message
    assert message.endswith("; and 3 more.")


def test_a_baseline_at_chance_is_told_of_the_baseline():
    poor = BASELINE.model_copy(update={"accuracy": 0.35, "languages": {}})
    assert "at chance level" in raised(poor, baseline=poor)["chance-level"]


@pytest.mark.parametrize("changes", [{"accuracy": None}, {"languages": {"sw": result("en", 0.9, 0.9)}}])
def test_accuracy_without_its_examples_is_told(changes):
    assert "above chance" in raised(candidate(**changes))["not-measured"]
    assert "above chance" in raised(label_counts=None)["not-measured"]


def test_a_language_without_accuracy_is_left_out():
    assert raised(candidate(languages={"th": result("th", None, None)})) == {}


@pytest.mark.parametrize(
    ("right", "labels", "expected", "found"),
    [
        (33, {"a": 34, "b": 33, "c": 33}, 0.9, True),
        (41, {"a": 34, "b": 33, "c": 33}, 0.9, True),
        (43, {"a": 34, "b": 33, "c": 33}, 0.9, False),  # 42 of 100 have p = 0.058 at 34%, 43 have 0.038
        (3, {"a": 4, "b": 3, "c": 3}, 0.9, False),  # ten examples settle nothing at this level
        (1, {"a": 1}, 0.9, False),
        (0, {"a": 50}, 0.9, False),  # one label alone: every accuracy is the commonest label's or less
        (0, {"a": 50, "b": 0}, 0.9, False),
        (0, {}, 0.9, False),
        (950, {"a": 950, "b": 50}, 0.955, False),  # the baseline itself is hardly above chance
        (950, {"a": 950, "b": 50}, 0.99, True),
        (50, {"a": 50, "b": 50}, None, True),
        (62, {"a": 50, "b": 50}, None, False),
        (0, {"a": 500, "b": 500}, 0.9, True),  # worse than chance is no better
    ],
)
def test_chance_needs_a_test_that_could_have_found_better(right, labels, expected, found):
    assert at_chance(right, labels, expected, tests=25) is found


@given(
    labels=st.lists(st.integers(1, 60), min_size=2, max_size=6),
    accuracy=st.floats(0, 1),
    expected=st.one_of(st.none(), st.floats(0, 1)),
    alpha=st.sampled_from([0.01, 0.05, 0.2]),
)
def test_what_the_exact_test_finds_above_chance_is_never_called_chance(labels, accuracy, expected, alpha):
    counts = {str(index): count for index, count in enumerate(labels)}
    n = sum(labels)
    right = round(accuracy * n)
    p_value = binomtest(right, n, max(labels) / n, alternative="greater").pvalue
    assert max(labels) / n >= 1 / len(labels)
    if at_chance(right, counts, expected, alpha):
        assert p_value > alpha * (1 - 1e-9)
    elif p_value > alpha * (1 + 1e-9):
        best = binomtest(n, n, max(labels) / n, alternative="greater").pvalue
        assert best > alpha or expected is None or expected < 1


# Batches


@pytest.mark.parametrize("field", ["padding", "mates"])
def test_a_probability_that_moves_too_far_is_told(field):
    allowed = STEADY.model_copy(update={field: LARGEST_CHANGE})
    assert raised(invariance=allowed) == {}
    moved = STEADY.model_copy(update={field: LARGEST_CHANGE + 0.001})
    message = raised(invariance=moved)["batch-dependent"]
    assert "no answer to 24 texts changed" in message
    assert f"{LARGEST_CHANGE + 0.001:.3f} with {'padding' if field == 'padding' else 'other texts'}" in message


def test_a_flip_is_always_told():
    flipped = Invariance(texts=24, padding=0.001, mates=0.0, flips=1)
    assert "1 of 24 texts changed" in raised(invariance=flipped)["batch-dependent"]
    assert "batch-dependent" in raised(BASELINE, invariance=flipped)


def test_what_was_not_tried_is_told_except_of_the_baseline():
    assert "depend on the batch" in raised(invariance=None)["not-measured"]
    assert raised(BASELINE, invariance=None) == {}


# Saturation


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("weights", ["signed", "unsigned"])
@pytest.mark.parametrize("reduce_range", [True, False])
def test_full_signed_weights_saturate_where_nothing_widens(target, weights, reduce_range):
    recipe = (Int8(weights=weights, reduce_range=reduce_range),)
    found = raised(candidate(recipe=recipe), target_isa=TARGETS[target])
    expected = target in {"avx2", "avx512"} and weights == "signed" and not reduce_range
    assert found.keys() == ({"saturation-likely"} if expected else set())


def test_pytorch_adds_in_32_bits_everywhere():
    assert raised(candidate(runtime="pytorch", recipe=(Int8(reduce_range=False),)), target_isa=TARGETS["avx2"]) == {}


def test_the_machine_that_counts_is_the_target():
    recipe = (MagnitudePruning(sparsity=0.5), Int8(reduce_range=False))
    found = raised(candidate(recipe=recipe), target_isa=TARGETS["avx512-vnni"], machine_isa=TARGETS["avx2"])
    assert found == {}


@pytest.mark.parametrize(("reduce_range", "target"), [(False, ()), (None, TARGETS["avx2"])])
def test_an_unknown_target_or_range_is_told(reduce_range, target):
    found = raised(candidate(recipe=(Int8(reduce_range=reduce_range),)), target_isa=target)
    assert found.keys() == {"not-measured"}
    assert "16-bit sums" in found["not-measured"]


# FP32 left


def ledger(**sizes):
    return tuple(
        LedgerRow(part=part, dtype=dtype, size_bytes=size)
        for part, stored in sizes.items()
        for dtype, size in stored.items()
    )


@pytest.mark.parametrize(("wide", "found"), [(500, False), (501, True)])
def test_more_than_half_in_fp32_is_told(wide, found):
    rows = ledger(embeddings={"float32": wide}, ffn={"int8": 1000 - wide})
    assert ("mostly-fp32" in raised(candidate(ledger=rows))) is found


def test_the_share_that_is_left_is_told():
    rows = ledger(embeddings={"float32": 384_000_000}, ffn={"float32": 1_000_000, "int8": 21_000_000})
    assert "94.8% of the weights' 406.0 MB are still FP32" in raised(candidate(ledger=rows))["mostly-fp32"]


@pytest.mark.parametrize(
    ("step", "rows", "told"),
    [
        (
            Int8(reduce_range=True),
            ledger(embeddings={"float32": 384_000_000}, ffn={"float32": 1_000_000, "int8": 21_000_000}),
            "embeddings (384.0 MB). Set embeddings: true to store the table as INT8 rows, or trim the vocabulary.",
        ),
        (WeightOnly(embeddings=True), ledger(embeddings={"float32": 9}, ffn={"int4": 1}), "Trim the vocabulary"),
        (
            WeightOnly(keep=("output", "layer.0")),
            ledger(ffn={"float32": 9}, embeddings={"int8": 1}),
            "See what keep leaves out (output, layer.0).",
        ),
        (WeightOnly(), ledger(attention={"float32": 9}, ffn={"int4": 1}), "Its layers were not quantized."),
    ],
)
def test_where_the_bytes_are_tells_what_to_do(step, rows, told):
    assert told in raised(candidate(recipe=(step,), ledger=rows))["mostly-fp32"]


@pytest.mark.parametrize("recipe", [(), (MagnitudePruning(sparsity=0.5),)])
def test_what_was_not_quantized_may_be_fp32(recipe):
    rows = ledger(embeddings={"float32": 9})
    assert raised(candidate(recipe=recipe, ledger=rows)) == {}


def test_an_empty_ledger_is_told():
    assert "where the bytes" in raised(candidate(ledger=()))["not-measured"]


# Half precision


@pytest.mark.parametrize(
    ("dtype", "target", "emulated"),
    [
        ("bf16", "avx2", True),
        ("bf16", "avx512-vnni", True),
        ("bf16", "amx", False),
        ("fp16", "amx", False),
        ("fp16", "neon", True),
    ],
)
def test_pytorch_emulates_what_the_machine_lacks(dtype, target, emulated):
    half = candidate("half", runtime="pytorch", recipe=(HalfPrecision(dtype=dtype),))
    found = raised(half, machine_isa=TARGETS[target])
    assert found.keys() == ({"emulated-precision"} if emulated else set())
    assert not emulated or found["emulated-precision"].startswith(dtype.upper())


@pytest.mark.parametrize(("runtime", "engine"), [("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO")])
def test_engines_that_compute_in_fp32_are_told_on_every_machine(runtime, engine):
    half = candidate("half", runtime=runtime, recipe=(HalfPrecision(),))
    assert engine in raised(half, machine_isa=TARGETS["amx"])["emulated-precision"]


def test_an_unknown_machine_is_told():
    half = candidate("half", runtime="pytorch", recipe=(HalfPrecision(dtype="bf16"),))
    assert raised(half, machine_isa=()) == {"not-measured": "Not known: whether the machine computes BF16 in hardware."}


# All together


def test_everything_missing_is_one_alarm():
    bare = candidate(speedup=None, accuracy=None, ledger=(), recipe=(Int8(reduce_range=False),))
    found = raised(bare, invariance=None, target_isa=(), label_counts=None)
    assert found.keys() == {"not-measured"}
    assert found["not-measured"].count(";") == 4


def test_every_code_is_explained_and_nothing_else():
    page = (Path(__file__).parents[3] / PAGE).read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", page, flags=re.MULTILINE) == list(CODES)
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        assert len(re.findall(r"^\*\*(?:Means|Measured|Do)\.\*\*", section, flags=re.MULTILINE)) == 3
