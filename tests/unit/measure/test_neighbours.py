"""A busy neighbour is noticed; the timings here are made up."""

import pytest

from leanglot.measure import neighbours
from leanglot.measure.neighbours import NeighbourWatch


@pytest.fixture
def clock(monkeypatch):
    """A machine of four cores whose times are set by hand."""
    times = {"now": 100.0, "busy": 5000.0, "own": 70.0}
    monkeypatch.setattr(neighbours.time, "monotonic", lambda: times["now"])
    monkeypatch.setattr(neighbours.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(neighbours, "_busy_seconds", lambda: times["busy"])
    monkeypatch.setattr(neighbours, "_own_seconds", lambda: times["own"])
    return times


def watched(clock, *, seconds, own, others):
    with NeighbourWatch() as watch:
        clock["now"] += seconds
        clock["own"] += own
        clock["busy"] += own + others
    return watch


def test_the_share_is_what_others_used_of_all_cores(clock):
    assert watched(clock, seconds=10, own=15, others=8).share == pytest.approx(0.2)


@pytest.mark.parametrize(("others", "warned"), [(0, False), (3.9, False), (4.1, True), (20, True)])
def test_more_than_a_tenth_is_told(clock, others, warned):
    assert bool(watched(clock, seconds=10, own=20, others=others).warnings()) == warned


def test_the_warning_names_the_share(clock):
    (warning,) = watched(clock, seconds=10, own=20, others=20).warnings()
    assert warning.startswith("Other processes used 50% of the processor")


def test_own_work_is_no_neighbour(clock):
    assert watched(clock, seconds=10, own=40, others=0).share == 0


def test_coarse_counters_never_make_a_negative_share(clock):
    assert watched(clock, seconds=10, own=20, others=-0.5).share == 0


def test_no_time_at_all_makes_no_share(clock):
    watch = watched(clock, seconds=0, own=0, others=0.1)
    assert watch.share == 0
    assert watch.warnings() == ()


def test_the_system_counts_the_work_of_this_process():
    own = neighbours._own_seconds()
    assert 0 < own <= neighbours._busy_seconds()
