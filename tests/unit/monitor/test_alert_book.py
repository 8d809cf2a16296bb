"""Alerts open, end, are numbered, and do not pile up; each says what, since when, how sure and what to do."""

from datetime import UTC, datetime
from typing import get_args

import numpy as np
import pytest
from watched import baseline

from leanglot.monitor.alert_book import MOST_ENDED, AlertBook, AlertBookState
from leanglot.monitor.findings import Finding
from leanglot.monitor.wording import advice, language_name, message, notes
from leanglot.results.monitoring import Signal

START = 1_700_000_000.0


def finding(signal="accuracy", ended_at=None, **changed):
    values = {
        "signal": signal,
        "since": START,
        "found_at": START + 60,
        "ended_at": ended_at,
        "n": 1_200,
        "baseline": 0.9,
        "now": 0.8,
        "low": -0.13,
        "high": -0.07,
        "chance": 0.01,
        "what": "texts of at most 8 tokens",
    }
    return Finding(**{**values, **changed})


def test_an_alert_opens_ends_and_opens_again_under_the_next_number():
    book = AlertBook()
    first = book.update("sw", [finding()])
    assert [alert.id for alert in first] == ["sw-accuracy-1"]
    assert book.update("th", [finding(), finding("labels")])[1].id == "th-labels-1"
    assert book.update("sw", [finding(ended_at=START + 600)]) == []
    assert book.open("sw") == ()
    second = book.update("sw", [finding()])
    assert second[0].id == "sw-accuracy-2"
    everything = AlertBook(AlertBookState.model_validate_json(book.state().model_dump_json())).all()
    assert [alert.id for alert in everything] == ["sw-accuracy-2", "th-labels-1", "th-accuracy-1", "sw-accuracy-1"]
    assert everything[-1].ended_at == datetime.fromtimestamp(START + 600, UTC)


def test_an_alert_that_ends_in_the_portion_it_opened_in_was_opened_all_the_same():
    book = AlertBook()
    opened = book.update("sw", [finding(), finding(ended_at=START + 600)])
    assert [alert.ended_at for alert in opened] == [None]
    assert [alert.id for alert in book.all()] == ["sw-accuracy-1"]
    assert book.all()[0].ended_at is not None


def test_the_newest_ended_alerts_are_kept():
    book = AlertBook()
    for number in range(MOST_ENDED + 5):
        book.update("sw", [finding(), finding(ended_at=START + number)])
    ended = book.all()
    assert len(ended) == MOST_ENDED
    assert ended[0].id == f"sw-accuracy-{MOST_ENDED + 5}"
    assert book.update("sw", [finding()])[0].id == f"sw-accuracy-{MOST_ENDED + 6}"


@pytest.mark.parametrize("signal", get_args(Signal))
def test_every_signal_has_a_message_with_its_numbers_and_an_advice(signal):
    text = message("sw", finding(signal))
    assert text.startswith("Swahili (sw): ")
    assert "since 2023-11-14 22:13 UTC." in text
    for number in ("80.0%", "90.0%", "1,200"):
        assert number in text
    assert advice(signal).endswith(".")
    assert len({advice(each) for each in get_args(Signal)}) == len(get_args(Signal))


def test_a_change_is_told_with_its_interval():
    assert message("sw", finding("length", now=0.95, low=-0.01, high=0.11)) == (
        "Swahili (sw): the share of texts of at most 8 tokens rose from 90.0% to 95.0% (+5.0 points, between −1.0 and "
        "+11.0), over 1,200 predictions since 2023-11-14 22:13 UTC."
    )


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("sw", "Swahili (sw)"),
        ("und", "Unknown language (und)"),
        ("other", "Other languages"),
        ("*", "All traffic"),
        ("no tag at all", "no tag at all"),
    ],
)
def test_languages_have_names(tag, name):
    assert language_name(tag) == name


def test_nothing_unusual_needs_no_note():
    assert notes(baseline(np.random.default_rng(0), ["de"], n=50), {"broken_lines": 3, "late": 0}) == ()
