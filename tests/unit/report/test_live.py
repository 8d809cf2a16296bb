"""What the progress display says where nobody watches a terminal."""

import io

import pytest
from rich.console import Console

from leanglot.progress import Telling
from leanglot.report import live
from leanglot.report.live import LiveProgress


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=40)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""
    now = [1000.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    return now


def test_on_a_pipe_a_line_a_minute_says_how_far_a_training_is(console, clock):
    with LiveProgress(console) as progress:
        progress.plan(["small"])
        telling = Telling(progress, "small")
        for step in range(1, 2001):
            clock[0] += 0.125  # has no rounding
            telling.trained(step, 4000, 0.51239)
        progress.enter("small", "done")
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("small: training 480 of 4,000, loss 0.512, ")
    assert lines[3].startswith("small: training 1,920 of 4,000, loss 0.512, ")
    assert all(line.endswith("left") for line in lines[:4])
    assert lines[4] == "small: done"


def test_what_takes_less_than_a_minute_is_told_when_it_is_done(console, clock):
    with LiveProgress(console) as progress:
        progress.enter("int8", "evaluating", 100)
        progress.advance("int8", 100)
        progress.enter("int8", "done")
    assert console.file.getvalue() == "int8: done\n"
