import pytest

from leanglot.decide.retention import Retention, Thresholds, retention_of
from leanglot.results.records import LanguageResult


def result(baseline=0.8, candidate=0.76, low=0.01, high=0.07, n=500):
    return LanguageResult(n=n, baseline=baseline, candidate=candidate, drop_low=low, drop_high=high)


def test_it_is_the_ratio_with_the_interval_of_the_drop():
    retention = retention_of(result())
    assert retention.value == pytest.approx(0.95)
    assert (retention.low, retention.high) == pytest.approx((1 - 0.07 / 0.8, 1 - 0.01 / 0.8))


def test_it_never_falls_below_nothing():
    assert retention_of(result(0.1, 0.0, 0.05, 0.3)).low == 0.0


@pytest.mark.parametrize("changes", [{"baseline": None}, {"candidate": None}, {"baseline": 0.0}])
def test_it_is_unknown_where_an_accuracy_is_or_there_is_nothing_to_keep(changes):
    retention = retention_of(result(**changes))
    assert retention == Retention(500, None, None, None)
    assert retention.grade() == "unknown"


@pytest.mark.parametrize(
    ("value", "low", "high", "n", "grade"),
    [
        (1.0, 0.99, 1.01, 500, "kept"),
        (0.99, 0.975, 1.0, 500, "kept"),
        (0.9899, 0.98, 1.0, 500, "reduced"),
        (0.97, 0.96, 0.98, 500, "reduced"),
        (0.9699, 0.95, 0.98, 500, "lost"),
        (0.5, 0.3, 0.7, 20, "lost"),
        (0.5, 0.3, 0.7, 19, "unknown"),
        (1.0, 0.96, 1.04, 500, "unknown"),
        (0.98, 0.9699, 0.99, 500, "unknown"),
        (1.0, None, None, 500, "unknown"),
    ],
)
def test_grades(value, low, high, n, grade):
    assert Retention(n, value, low, high).grade() == grade


def test_thresholds_are_the_caller_s():
    retention = Retention(500, 0.93, 0.92, 0.94)
    assert retention.grade() == "lost"
    assert retention.grade(Thresholds(kept=0.95, reduced=0.9)) == "reduced"
