"""What a search tells while it works, and that it stops work at the end of its budget."""

import pytest

from leanglot.searching.clock import Clock
from leanglot.searching.watch import ROW, Watch
from leanglot.stages import AbandonedError


class Record:
    """Remembers everything it is told."""

    def __init__(self):
        self.told = []

    def plan(self, candidates):
        self.told.append(("plan", *candidates))

    def enter(self, candidate, stage, total=1):
        self.told.append(("enter", candidate, stage, total))

    def advance(self, candidate, steps=1):
        self.told.append(("advance", candidate, steps))

    def tell(self, candidate, text):
        self.told.append(("tell", candidate, text))


@pytest.fixture
def hand():
    return [0.0]


@pytest.fixture
def observer():
    return Record()


@pytest.fixture
def watch(observer, hand):
    return Watch(observer, Clock(600.0, now=lambda: hand[0]))


def test_it_passes_on_what_it_is_told_and_the_time(watch, observer, hand):
    watch.plan(["int8"])
    hand[0] = 12.7
    watch.enter("int8", "making")
    watch.advance("int8", 3)
    watch.tell("int8", "loss 0.5")
    assert observer.told == [
        ("enter", ROW, "searching", 600),
        ("plan", "int8"),
        ("enter", "int8", "making", 1),
        ("advance", ROW, 12),
        ("advance", "int8", 3),
        ("tell", "int8", "loss 0.5"),
    ]


def test_work_is_stopped_at_the_end_of_the_budget(watch, hand):
    watch.bound(bounded=True)
    watch.enter("int8", "making")
    hand[0] = 571.0
    with pytest.raises(AbandonedError, match=r"The budget of 10 min 0 s ended") as caught:
        watch.advance("int8")
    assert caught.value.state == "cut"
    with pytest.raises(AbandonedError):
        watch.enter("int8", "timing")


def test_what_is_finished_is_kept_and_the_baseline_never_stopped(watch, hand):
    hand[0] = 9999.0
    watch.enter("pytorch-fp32", "timing")
    watch.bound(bounded=True)
    watch.enter("int8", "done")
    watch.enter("int8", "dropped")


def test_it_sums_up_each_candidate(watch, observer, hand):
    hand[0] = 30.0
    watch.sum_up("int8", "7.60×", "int8 (7.60×)")
    watch.end()
    assert ("tell", "int8", "7.60×; best so far: int8 (7.60×); 9 min 0 s left") in observer.told
    assert ("tell", ROW, "best so far: int8 (7.60×)") in observer.told
    assert observer.told[-1] == ("enter", ROW, "done", 1)


def test_time_past_the_budget_is_not_shown_as_left(watch, observer, hand):
    hand[0] = 700.0
    watch.sum_up("int8", "cut", "none yet")
    assert ("tell", "int8", "cut; best so far: none yet; 0 s left") in observer.told
    assert sum(entry[2] for entry in observer.told if entry[:2] == ("advance", ROW)) == 600
