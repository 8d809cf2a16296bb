"""What a monitor knows, in the terminal: a table by language, the alerts with what to do, and what was noticed."""

import re
from collections import Counter
from typing import Final

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import ABSENT, count, percent, points
from leanglot.report.format import concerned, language, moment, plain, plural
from leanglot.report.terminal_parts import WIDTH, plain_table
from leanglot.results.monitoring import Alert, Health, LanguageHealth, RecentLatency, Share, Snapshot

_SIGN: Final[dict[Health, str]] = {"alert": "!", "quiet": "✓", "not enough data": "?", "no baseline": "–"}
_STYLE: Final[dict[Health, str]] = {
    "alert": "bold red",
    "quiet": "blue",
    "not enough data": "dim",
    "no baseline": "dim",
}
_HEADINGS: Final = ("n", "p50/p95/p99 ms", "accuracy", "estimate", "judged", "finds")
_PAIR_HEADINGS: Final = ("n", "p50/p95/p99 ms", "reached", "estimate", "judged", "finds")
_UNKNOWN: Final[frozenset[Health]] = frozenset({"not enough data", "no baseline"})
_MOST_ENDED: Final = 5
_MOST_REASONS: Final = 5
_NAMES: Final = {"und": "unknown language", "other": "other languages", "*": "all traffic"}


def monitor_table(snapshot: Snapshot) -> RenderableType:
    """Renders a snapshot, at most 100 columns wide."""
    name = f" of {plain(snapshot.name)}" if snapshot.name else ""
    table = plain_table(f"Monitor{name}: {_period(snapshot)}")
    translates = snapshot.task == "translation"
    table.add_column("pair" if translates else "language", ratio=1, overflow="fold")
    table.add_column("state", no_wrap=True)
    for heading in _PAIR_HEADINGS if translates else _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for tag, each in snapshot.languages.items():
        table.add_row(Text(language_words(tag)), _state(each.health), *map(Text, _cells(each)))
    lines: list[RenderableType] = [Text()]
    for alert in open_alerts(snapshot):
        lines += [opened_lines(alert), Text()]
    lines += [ended_line(alert) for alert in snapshot.alerts if alert.ended_at is not None][:_MOST_ENDED]
    lines += [Text(note, style="dim") for note in (*_unknown(snapshot), *map(plain, snapshot.notes))]
    lines += [Text(_legend(snapshot), style="dim"), _headline(snapshot)]
    return Constrain(Group(table, *lines), WIDTH)


def open_alerts(snapshot: Snapshot) -> tuple[Alert, ...]:
    """The alerts that have not ended, the newest first."""
    return tuple(alert for alert in snapshot.alerts if alert.ended_at is None)


def opened_lines(alert: Alert) -> Text:
    """An alert that opened: what, since when, how sure, what to do."""
    lines = Text(f"! {plain(alert.id)}: {plain(alert.message)}", "bold red")
    sure = f"Found {moment(alert.found_at)}; chance of ever such an alert without a change: {_chance(alert.chance)}."
    return lines.append(f"\n  {sure}\n  {plain(alert.advice)}", "default not bold")


def ended_line(alert: Alert) -> Text:
    """An alert that ended."""
    end = "" if alert.ended_at is None else f" ended {moment(alert.ended_at)}"
    return Text(f"✓ {plain(alert.id)}{end}, found {moment(alert.found_at)}: {plain(alert.message)}", "dim")


class Told:
    """What a monitor that follows its logs has told already.

    Args:
        snapshot: What was known when it began; nothing of that is new.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._open = {alert.id for alert in open_alerts(snapshot)}
        self._notes = set(map(_kind_of_note, snapshot.notes))

    def news(self, snapshot: Snapshot) -> tuple[list[Alert], list[Alert], list[str]]:
        """What is new since the last time: alerts that opened, alerts that ended, and notes."""
        still_open = {alert.id for alert in open_alerts(snapshot)}
        opened = [alert for alert in reversed(open_alerts(snapshot)) if alert.id not in self._open]
        ended = [alert for alert in snapshot.alerts if alert.id in self._open - still_open]
        notes = [note for note in snapshot.notes if _kind_of_note(note) not in self._notes]
        self._open = still_open
        self._notes = set(map(_kind_of_note, snapshot.notes))
        return opened, ended, notes


def language_words(tag: str) -> str:
    """A language's name with its tag; words for what is none."""
    return f"{_NAMES[tag]} ({tag})" if tag in _NAMES else language(tag)


def _kind_of_note(note: str) -> str:
    """A note without its numbers, which grow."""
    return re.sub(r"\d[\d,.]*", "#", note)


def _period(snapshot: Snapshot) -> str:
    if snapshot.began is None or snapshot.newest is None:
        return "no predictions yet"
    return f"{plural(snapshot.predictions, 'prediction')}, {moment(snapshot.began)} to {moment(snapshot.newest)}"


def _unknown(snapshot: Snapshot) -> list[str]:
    """Why nothing can be said of some languages."""
    unknown = [(each.reason, tag) for tag, each in snapshot.languages.items() if each.health in _UNKNOWN]
    told = [f"{', '.join(tags)}: {reason}" for reason, tags in concerned(unknown).items()]
    left = len(told) - _MOST_REASONS
    return told if left <= 0 else [*told[:_MOST_REASONS], f"Likewise for {left} more; --json tells each."]


def _state(health: Health) -> Text:
    return Text(f"{_SIGN[health]} {health}", _STYLE[health])


def _cells(each: LanguageHealth) -> list[str]:
    drop = each.detectable_drop
    return [
        count(each.predictions),
        _latency(each.latency),
        _share(each.accuracy),
        _share(each.estimate),
        percent(each.baseline_accuracy),
        ABSENT if drop is None else f"≥ {points(drop, signed=False)}",
    ]


def _share(share: Share) -> str:
    return percent(share.value)


def _latency(latency: RecentLatency) -> str:
    values = (latency.p50, latency.p95, latency.p99)
    return ABSENT if latency.p50 is None else "/".join("–" if value is None else f"{value:.3g}" for value in values)


def _chance(value: float) -> str:
    return "below 0.1%" if value < 0.001 else f"at most {100 * value:.3g}%"


_LEGEND: Final = (
    "accuracy: of the newest labelled predictions; estimate: from the confidence of the newest ones; judged: "
    "accuracy when the model was judged; finds: the smallest drop in points that labels would have shown by now; "
)
_PAIR_LEGEND: Final = (
    "reached: share of the newest translations with a reference whose chrF reaches the median of the judged ones; "
    "estimate: the same from the confidence of the newest ones; judged: that share when the model was judged; finds: "
    "the smallest fall of it in points that references would have shown by now; "
)


def _legend(snapshot: Snapshot) -> str:
    what = _PAIR_LEGEND if snapshot.task == "translation" else _LEGEND
    return (
        f"{what}p50/p95/p99: of the last hour. The chance that this monitor ever raises any false alert is at most "
        f"{100 * snapshot.alpha:.3g}% if predictions are independent."
    )


def _headline(snapshot: Snapshot) -> Text:
    states = Counter(each.health for each in snapshot.languages.values())
    order: tuple[Health, ...] = ("alert", "quiet", "not enough data", "no baseline")
    words = {"alert": "with an alert", "quiet": "quiet"}
    told = ", ".join(f"{states[state]} {words.get(state, state)}" for state in order if states[state])
    found = open_alerts(snapshot)
    noun = "language pair" if snapshot.task == "translation" else "language"
    languages = f" Of {plural(len(snapshot.languages), noun)}: {told}." if told else ""
    if found:
        return Text(
            f"! {plural(len(found), 'alert')} {'is' if len(found) == 1 else 'are'} open.{languages}", "bold red"
        )
    known = states["quiet"] > 0
    return Text(f"{'✓' if known else '?'} No alert is open.{languages}", "bold blue" if known else "bold")
