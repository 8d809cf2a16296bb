"""The monitor's table: what it says of each state, of alerts, and of what cannot be said."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from leanglot.report.monitoring import Told, ended_line, monitor_table, opened_lines
from leanglot.results.monitoring import Alert, LanguageHealth, RecentLatency, Share, Snapshot

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOTHING = Share(n=0, reason="no label is known yet")


def health(state="quiet", **fields):
    usual = {
        "health": state,
        "reason": f"Because it is {state}.",
        "predictions": 12_345,
        "last_hour": 100,
        "share": 0.5,
        "per_minute": (0,) * 60,
        "latency": RecentLatency(n=100, p50=12.345),
        "confidence": None,
        "accuracy": NOTHING,
        "estimate": NOTHING,
        "baseline_accuracy": 0.931,
        "detectable_drop": 0.0312,
        "variants": {},
    }
    return LanguageHealth(**usual | fields)


def alert(number=1, **fields):
    usual = {
        "id": f"de-accuracy-{number}",
        "language": "de",
        "signal": "accuracy",
        "since": NOON,
        "found_at": NOON,
        "n": 100,
        "baseline": 0.9,
        "now": 0.8,
        "low": -0.2,
        "high": -0.02,
        "chance": 0.031,
        "message": "German (de): the accuracy fell.",
        "advice": "Look at it.",
    }
    return Alert(**usual | fields)


def snapshot(languages=None, alerts=(), **fields):
    usual = {
        "name": "int8",
        "began": NOON,
        "newest": NOON,
        "predictions": 12_345,
        "per_minute": (0,) * 60,
        "languages": {"de": health()} if languages is None else languages,
        "alerts": alerts,
        "alpha": 0.05,
    }
    return Snapshot(**usual | fields)


def shown(renderable, width=100):
    file = io.StringIO()
    Console(file=file, width=width).print(renderable)
    return file.getvalue()


def words(renderable):
    return " ".join(shown(renderable).split())


def test_a_language_is_shown_with_its_numbers():
    found = shown(monitor_table(snapshot({"de": health(accuracy=Share(n=9, value=0.925, low=0.8, high=1.0))})))
    (row,) = (line.split() for line in found.splitlines() if line.startswith("German"))
    assert row == ["German", "(de)", "✓", "quiet", "12,345", "12.3/–/–", "92.5%", "n/a", "93.1%", "≥", "3.1"]
    assert "Monitor of int8: 12,345 predictions, 2026-01-31 12:00 UTC to 2026-01-31 12:00 UTC" in found


def test_what_is_not_known_is_never_zero():
    nothing = health(
        "no baseline", predictions=0, latency=RecentLatency(n=0), baseline_accuracy=None, detectable_drop=None
    )
    found = shown(monitor_table(snapshot({"und": nothing}, name="", began=None, newest=None, predictions=0)))
    (row,) = (line for line in found.splitlines() if line.startswith("unknown language (und)"))
    assert row.split()[3:] == ["–", "no", "baseline", "0", *["n/a"] * 5]
    assert "no predictions yet" in found


@pytest.mark.parametrize(
    ("states", "headline"),
    [
        (["quiet"], "✓ No alert is open. Of 1 language: 1 quiet."),
        (["not enough data"], "? No alert is open. Of 1 language: 1 not enough data."),
        (["no baseline", "quiet"], "✓ No alert is open. Of 2 languages: 1 quiet, 1 no baseline."),
        ([], "? No alert is open."),
    ],
    ids=str,
)
def test_the_headline_never_calls_unknown_languages_quiet(states, headline):
    tags = ["de", "en", "th"]
    found = snapshot(dict(zip(tags, map(health, states), strict=False)))
    assert words(monitor_table(found)).endswith(headline)


def test_why_nothing_can_be_said_is_told_once_for_each_reason():
    few = health("not enough data", reason="Nothing is labelled.")
    found = words(monitor_table(snapshot({"de": few, "th": few, "en": health(reason="All is well.")})))
    assert "de, th: Nothing is labelled." in found
    assert "All is well." not in found


def test_many_reasons_do_not_fill_the_screen():
    tags = ["de", "en", "th", "fr", "es", "it", "pl"]
    found = words(monitor_table(snapshot({tag: health("no baseline", reason=f"Reason {tag}.") for tag in tags})))
    assert found.count("Reason ") == 5
    assert "Likewise for 2 more" in found


def test_open_alerts_say_what_since_when_how_sure_and_what_to_do():
    found = words(monitor_table(snapshot(alerts=(alert(2), alert(1, ended_at=NOON)))))
    assert "! de-accuracy-2: German (de): the accuracy fell. Found 2026-01-31 12:00 UTC" in found
    assert "without a change: at most 3.1%. Look at it." in found
    assert "✓ de-accuracy-1 ended 2026-01-31 12:00 UTC" in found
    assert "! 1 alert is open." in found


def test_a_tiny_chance_is_not_shown_as_zero():
    assert "below 0.1%" in words(opened_lines(alert(chance=1e-9)))


def test_texts_from_outside_cannot_steer_the_terminal():
    nasty = "x\x1b[2J\x07[red]y[/red]\u202ez"
    found = shown(monitor_table(snapshot(alerts=(alert(message=nasty, advice=nasty),), notes=(nasty,), name=nasty)))
    found += shown(ended_line(alert(message=nasty, ended_at=NOON)))
    assert "[red]y[/red]" in found
    assert not {"\x1b", "\x07", "\u202e"} & {*found}


@pytest.mark.parametrize("width", [40, 100, 200])
def test_it_fits_with_many_languages(width):
    tags = [f"{first}{second}" for first in "abcdefgh" for second in "abcdefgh"]
    found = shown(monitor_table(snapshot(dict.fromkeys(tags, health()))), width)
    assert max(map(len, found.splitlines())) <= min(width, 100)


def test_news_are_told_once():
    told = Told(snapshot(alerts=(alert(1),), notes=("12 entries were skipped.",)))
    assert told.news(snapshot(alerts=(alert(1),), notes=("13 entries were skipped.",))) == ([], [], [])
    opened, ended, notes = told.news(snapshot(alerts=(alert(3), alert(2)), notes=("A log was rotated.",)))
    assert ([each.id for each in opened], ended, notes) == (
        ["de-accuracy-2", "de-accuracy-3"],
        [],
        ["A log was rotated."],
    )
    later = snapshot(alerts=(alert(3), alert(2, ended_at=NOON)), notes=("A log was rotated.",))
    opened, ended, notes = told.news(later)
    assert (opened, [each.id for each in ended], notes) == ([], ["de-accuracy-2"], [])
    assert told.news(later) == ([], [], [])


def test_language_pairs_have_no_accuracy():
    found = words(monitor_table(snapshot({"en→de": health()}, task="translation")))
    assert "English → German (en→de)" in found
    assert "reached" in found
    assert "share of the newest translations with a reference whose chrF reaches the median" in " ".join(found.split())
    assert "ccuracy" not in found
    assert "Of 1 language pair: 1 quiet." in found
