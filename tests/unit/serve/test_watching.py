"""The monitor's thread: it steps, tells, ends orderly, and a fault of it is never silent."""

import threading

import pytest
from telling import alert, snapshot

from leanglot.errors import StorageError
from leanglot.serve.watching import Watching


class Script:
    """A watched log that gives what it is told, step by step."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.taken = 0
        self.stepped = threading.Event()
        self.closed = False
        self.close_fault = self.snapshot_fault = None
        self.moments = []

    @property
    def behind(self):
        return bool(self.steps)

    def step(self):
        found = self.steps.pop(0) if self.steps else ()
        self.taken += 1
        if not self.steps:
            self.stepped.set()
        if isinstance(found, Exception):
            raise found
        return found

    def snapshot(self, now=None):
        self.moments.append(now)
        if self.snapshot_fault is not None:
            raise self.snapshot_fault
        return snapshot(predictions=self.taken)

    def close(self):
        if self.close_fault is not None:
            raise self.close_fault
        self.closed = True


@pytest.fixture
def told():
    return []


def run(watched, told):
    watching = Watching(watched, told.append, every_s=0.001)
    watching.start()
    assert watched.stepped.wait(30)
    return watching


def test_a_step_that_hangs_does_not_keep_the_server_from_ending(told):
    class Hanging(Script):
        def __init__(self):
            super().__init__()
            self.go_on = threading.Event()

        def step(self):
            self.stepped.set()
            assert self.go_on.wait(60)
            return ()

    watched = Hanging()
    watching = run(watched, told)
    watching.stop(timeout_s=0.05)
    assert (watched.closed, len(told)) == (False, 1)
    assert "did not end within 0.05 s" in told[0]
    watched.go_on.set()


def test_alerts_are_told_as_they_open(told):
    watched = Script((), (alert("sw"),), ())
    run(watched, told).stop()
    assert told == ["Alert sw-accuracy-1: Accuracy fell. Look."]
    assert watched.closed


def test_it_goes_on_stepping_when_nothing_is_new(told):
    watched = Script()
    watching = run(watched, told)
    for _ in range(3):
        watched.stepped.clear()
        assert watched.stepped.wait(30)
    watching.stop()
    assert watched.taken > 3


def test_stopping_takes_what_is_left(told):
    watched = Script()
    watching = run(watched, told)
    watched.steps = [(), (alert("de"),), ()]
    watching.stop()
    assert watched.steps == []
    assert watched.closed
    assert len(told) == 1
    assert watching.snapshot().predictions == watched.taken


def test_a_snapshot_is_of_now(told):
    watched = Script()
    watching = Watching(watched, told.append)
    watching.snapshot()
    assert watched.moments[-1].tzinfo is not None


@pytest.mark.parametrize(
    ("fault", "said"),
    [(StorageError("No space."), "No space."), (KeyError("sw"), "KeyError: 'sw'")],
    ids=["ours", "any"],
)
def test_a_fault_ends_the_monitor_and_stays_visible(told, fault, said):
    watched = Script((), fault)
    watching = run(watched, told)
    watching._thread.join(30)
    assert not watching._thread.is_alive()
    assert told == [f"The monitor stopped: {said} Answers are not concerned."]
    found = watching.snapshot()
    assert found.counters == {"stopped": 1}
    assert found.notes == (f"The monitor stopped, and knows nothing newer: {said}",)
    watching.stop()
    assert not watched.closed, "a state half taken must not be saved"


def test_a_snapshot_that_fails_is_the_last_one(told):
    watched = Script()
    watching = Watching(watched, told.append)
    watched.taken = 7
    assert watching.snapshot().predictions == 7
    watched.snapshot_fault = RuntimeError("broken")
    found = watching.snapshot()
    assert found.predictions == 7
    assert found.counters == {"stopped": 1}
    assert told == ["The monitor stopped: RuntimeError: broken Answers are not concerned."]


def test_a_state_that_cannot_be_saved_at_the_end_is_told(told):
    watched = Script()
    watching = run(watched, told)
    watched.close_fault = StorageError("There is no space left.")
    watching.stop()
    assert told == ["The monitor stopped: There is no space left. Answers are not concerned."]


def test_stopping_what_never_started_saves(told):
    watched = Script()
    Watching(watched, told.append).stop()
    assert watched.closed
