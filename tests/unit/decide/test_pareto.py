import pytest

from leanglot.decide.pareto import pareto_flags
from leanglot.errors import DataError
from leanglot.results.records import Candidate, LanguageResult, Latency


def made(name, size, drop=0.0, *, speedup=None, p50=None, status="unrefuted"):
    result = LanguageResult(n=100, baseline=0.9, candidate=None if drop is None else 0.9 - drop, drop=drop)
    return Candidate(
        name=name,
        runtime="onnxruntime",
        status=status,
        size_bytes=size,
        speedup=speedup,
        latency_ms=None if p50 is None else Latency(n=50, mean=p50, std=0.1, p50=p50, p95=None, p99=None),
        languages={"de": result, "fr": result.model_copy(update={"drop": -0.5})},
    )


BASELINE = made("fp32", 400, None, p50=20.0, status="baseline")


def test_the_front_is_what_nothing_else_beats_everywhere():
    flags = pareto_flags(
        [
            BASELINE,
            made("int8", 100, 0.01, speedup=2.0),
            made("slower-and-larger", 120, 0.01, speedup=1.8),
            made("tiny", 40, 0.05, speedup=1.5),
            made("twin", 100, 0.01, speedup=2.0),
        ]
    )
    assert flags == {"fp32": True, "int8": True, "slower-and-larger": False, "tiny": True, "twin": True}


def test_the_baseline_can_be_beaten():
    assert pareto_flags([BASELINE, made("better", 200, -0.001, speedup=1.2)])["fp32"] is False


def test_the_interleaved_ratio_counts_and_not_the_separate_median():
    flags = pareto_flags(
        [BASELINE, made("a", 100, 0.01, speedup=2.0, p50=1.0), made("b", 100, 0.01, speedup=3.0, p50=30.0)]
    )
    assert (flags["a"], flags["b"]) == (False, True)


def test_without_an_interleaved_ratio_the_medians_are_compared():
    flags = pareto_flags([BASELINE, made("a", 100, 0.01, p50=10.0), made("b", 100, 0.01, p50=12.0)])
    assert (flags["a"], flags["b"]) == (True, False)


@pytest.mark.parametrize(
    "broken",
    [
        made("x", 1, 0.0, speedup=9.0, status="failed"),
        made("x", None, 0.0, speedup=9.0),
        made("x", 1, 0.0),
        made("x", 1, None, speedup=9.0),
        made("x", 1, 0.0, speedup=9.0).model_copy(update={"languages": {}}),
    ],
)
def test_what_failed_or_lacks_a_number_is_neither_on_the_front_nor_beats_others(broken):
    flags = pareto_flags([BASELINE, broken, made("int8", 100, 0.01, speedup=2.0)])
    assert flags == {"fp32": True, "x": None, "int8": True}


def test_one_baseline_is_needed():
    with pytest.raises(DataError, match="0 of the 1 candidates"):
        pareto_flags([made("int8", 100, 0.01, speedup=2.0)])
    with pytest.raises(DataError, match="2 of the 2 candidates"):
        pareto_flags([BASELINE, BASELINE])
