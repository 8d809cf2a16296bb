"""Latency quantiles and the mean confidence of the last hour."""

import numpy as np
import pytest

from leanglot.monitor.last_hour import SLOTS, LastHour, SlotState


def again(hour):
    return LastHour.restored(
        {number: SlotState.model_validate_json(slot.model_dump_json()) for number, slot in hour.state().items()}
    )


def test_quantiles_lie_within_two_percent_of_the_true_ones():
    rng = np.random.default_rng(1)
    times = np.sort(rng.uniform(7_200, 7_200 + 3_000, 4_000))
    latency = rng.lognormal(3, 1, 4_000)
    hour = LastHour()
    hour.add(times, latency, np.full(4_000, 0.5))
    for found in (hour.latency(times[-1]), again(hour).latency(times[-1])):
        assert found.n == 4_000
        for name, q in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99)):
            assert getattr(found, name) == pytest.approx(np.quantile(latency, q), rel=0.02)


@pytest.mark.parametrize(("n", "known"), [(4, ""), (5, "p50"), (129, "p50"), (130, "p50 p95"), (662, "p50 p95 p99")])
def test_a_quantile_needs_samples(n, known):
    hour = LastHour()
    hour.add(np.full(n, 100.0), np.full(n, 3.0), np.full(n, np.nan))
    found = hour.latency(100.0)
    assert [name for name in ("p50", "p95", "p99") if getattr(found, name) is not None] == known.split()


def test_what_was_not_logged_counts_nowhere():
    hour = LastHour()
    hour.add(np.array([1.0, 2.0, 3.0]), np.array([np.nan, 5.0, np.nan]), np.array([0.4, np.nan, 0.8]))
    assert hour.latency(3.0).n == 1
    assert hour.confidence(3.0) == pytest.approx(0.6)
    nothing = LastHour()
    nothing.add(np.array([1.0]), np.array([np.nan]), np.array([np.nan]))
    assert nothing.confidence(1.0) is None
    assert nothing.latency(1.0).n == 0


def test_the_hour_moves_on_and_keeps_twelve_slots_at_most():
    hour = LastHour()
    for slot in range(40):
        hour.add(np.array([slot * 300.0]), np.array([float(slot + 1)]), np.array([0.5]))
        assert len(hour.state()) <= SLOTS
    assert hour.latency(39 * 300.0).n == SLOTS
    # The oldest of the last twelve is number 28, whose latency is 29 ms.
    assert hour.latency(39 * 300.0 + 11 * 300).n == 1
    assert hour.latency(39 * 300.0 + 12 * 300).n == 0
    assert hour.confidence(39 * 300.0 + 12 * 300) is None


def test_portions_of_several_slots_count_where_they_belong():
    times = np.array([0.0, 299.9, 300.0, 3_900.0, 3_901.0])
    together, apart = LastHour(), LastHour()
    together.add(times, np.arange(1.0, 6.0), np.full(5, 0.5))
    for row in range(5):
        apart.add(times[row : row + 1], np.arange(1.0, 6.0)[row : row + 1], np.array([0.5]))
    assert together.state() == apart.state()
    # The first slot is over when the last prediction comes, 65 minutes later.
    assert sorted(together.state()) == [13]
