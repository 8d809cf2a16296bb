"""Reading logs once and following them: when it ends, and what it tells."""

from threading import Event

import numpy as np
import pytest
from logged import write_log
from watched import traffic

from leanglot.errors import DataError
from leanglot.monitor.keeper import Keeper
from leanglot.monitor.session import follow, read_once


@pytest.fixture
def log(tmp_path):
    return tmp_path / "predictions.jsonl"


def portion(number, start=0):
    return traffic(np.random.default_rng(1), number, {"en": 1.0}, start=1_700_000_000.0 + start)


def test_logs_are_read_to_their_end_and_it_is_told_now_and_then(log):
    write_log(log, portion(120_000))
    keeper, told = Keeper([log]), []
    assert read_once(keeper, Event(), told.append)
    assert keeper.snapshot().predictions == 120_000
    assert 0 < told[0].predictions < 120_000


def test_a_last_line_without_its_end_counts(log):
    write_log(log, portion(10))
    log.write_text(log.read_text().rstrip())
    keeper = Keeper([log])
    assert read_once(keeper, Event(), print)
    assert keeper.snapshot().predictions == 10


def test_it_can_be_stopped_before_the_end(log):
    write_log(log, portion(10))
    keeper, stop = Keeper([log]), Event()
    stop.set()
    assert not read_once(keeper, stop, print)
    assert keeper.snapshot().predictions == 0


def test_logs_with_nothing_usable_are_refused_with_the_reasons(log):
    log.write_text("hello\n" * 3)
    with pytest.raises(DataError, match=r"Nothing(?s:.)*3 entries were skipped: no JSON object \(first: .*byte 0\)"):
        read_once(Keeper([log]), Event(), print)


def test_following_tells_before_and_after_each_look_until_it_is_stopped(log):
    write_log(log, portion(10))
    keeper, stop, told = Keeper([log]), Event(), []

    def tell(found):
        told.append(found.predictions)
        if told == [0, 10]:
            write_log(log, portion(10, start=100))
        if told[-1] == 20:
            stop.set()

    follow(keeper, 1e-3, stop, tell)
    assert (told[:2], told[-1]) == ([0, 10], 20)
