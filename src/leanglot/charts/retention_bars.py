"""Retention by language: the share of the baseline's accuracy that a candidate keeps, coloured by thresholds."""

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from leanglot.charts.labels import drawable, drawable_name, language_tags, role_words
from leanglot.charts.language_accuracy import shown_candidate
from leanglot.charts.quantities import ABSENT, count, percent
from leanglot.charts.style import (
    ABSENT_FILL,
    INK,
    MUTED,
    SMALL_SIZE,
    SURFACE,
    VERDICT_SIGN,
    VERDICT_WORD,
    bare,
    headline,
    legend_row,
    new_figure,
    place,
    style,
    write_in_row,
)
from leanglot.decide.retention import USUAL, Grade, Retention, Thresholds, retention_of
from leanglot.results.records import Candidate, LanguageResult, RunReport
from leanglot.results.terms import Terms, terms_of
from leanglot.stats.intervals import FEW

_ROW: Final = 0.29
_LEFT: Final = 3.15
_PANEL: Final = 5.4
_RIGHT: Final = 1.95
_HEAD: Final = 1.35
_FOOT: Final = 0.75
_COLOUR: Final[dict[Grade, str]] = {
    "kept": "#2683b3",
    "reduced": "#e5b73b",
    "lost": "#b5431f",
    "unknown": ABSENT_FILL,
}
_ORDER: Final[tuple[Grade, ...]] = ("lost", "reduced", "kept", "unknown")


def draw(report: RunReport, thresholds: Thresholds = USUAL) -> Figure:
    """Draws one bar per language, the lowest retention first, those that cannot be told last.

    Args:
        report: The run; of its candidates the recommended one is shown.
        thresholds: Where the colours change.

    Returns:
        A figure of its own, higher the more languages there are.
    """
    candidate, terms = shown_candidate(report), terms_of(report.metric)
    rows = _rows(report, candidate, thresholds)
    height = _ROW * max(1, len(rows))
    with style():
        figure = new_figure(_LEFT + _PANEL + _RIGHT, _HEAD + height + _FOOT)
        axes = place(figure, _LEFT, _FOOT, _PANEL, height)
        start = _set_axes(axes, [retention for _, _, retention in rows], thresholds)
        for row, (tag, result, retention) in enumerate(rows):
            _write_row(axes, row, tag, result, retention, thresholds, terms)
            _draw_bar(axes, row, retention, _COLOUR[retention.grade(thresholds)])
        headline(figure, terms.told("Accuracy that each language keeps"), _subtitle(report, candidate, start))
        _draw_legend(figure, [retention.grade(thresholds) for _, _, retention in rows], thresholds)
        figure.text(
            0.25 / figure.get_figwidth(),
            0.16 / figure.get_figheight(),
            _note(thresholds, terms),
            color=MUTED,
            size=SMALL_SIZE,
        )
        figure.draw_without_rendering()
    return figure


def _rows(
    report: RunReport, candidate: Candidate | None, thresholds: Thresholds
) -> list[tuple[str, LanguageResult | None, Retention]]:
    results = {} if candidate is None else candidate.languages
    absent = {tag: Retention(report.data.examples.get(tag, 0), None, None, None) for tag in language_tags(report)}
    known = {tag: retention_of(result) for tag, result in results.items()}

    def place_of(tag: str) -> tuple[bool, float, str]:
        retention = (absent | known)[tag]
        unknown = retention.grade(thresholds) == "unknown"
        return unknown, -retention.n if unknown or retention.value is None else retention.value, tag

    return [(tag, results.get(tag), (absent | known)[tag]) for tag in sorted(absent, key=place_of)]


def _subtitle(report: RunReport, candidate: Candidate | None, start: float) -> str:
    if candidate is None:
        return "The baseline alone: no other candidate has results"
    level = percent(1 - report.alpha, 0)
    axis = "" if start <= 0 else f"; bars start at {percent(start, 0)}"
    shown = f"{drawable(candidate.name, 40)} ({role_words(report, candidate)})"
    return f"{shown}, 100% is {drawable(report.baseline, 24)}; whiskers: {level} interval{axis}"


def _note(thresholds: Thresholds, terms: Terms) -> str:
    reaches = (
        f"the interval reaches from under {percent(thresholds.reduced, 0)} to {percent(thresholds.kept, 0)} or more"
    )
    return f"Not enough data: fewer than {FEW} {terms.example}s, or {reaches}. An arrow: it goes on."


def _set_axes(axes: Axes, retentions: Sequence[Retention], thresholds: Thresholds) -> float:
    """Sets the axes; a language that cannot be told does not stretch them.

    Returns:
        Where the bars start.
    """
    told = [each.value for each in retentions if each.value is not None and each.grade(thresholds) != "unknown"]
    lowest, highest = min([*told, thresholds.reduced]), max([*told, 1.0])
    start = max(0.0, (int(20 * lowest + 1e-9) - 1) / 20)
    start = 0.0 if start <= 0.5 else start
    room = 0.22 * (1.0 - start)
    axes.set_xlim(start, min(highest + 0.03, 1.25) if start else min(highest + room, 1.3))
    axes.set_ylim(max(1, len(retentions)), 0)
    axes.grid(visible=True, axis="x")
    bare(axes)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(lambda value, _: percent(value, 0))
    for row in range(1, len(retentions), 2):
        axes.axhspan(row, row + 1, color=INK, alpha=0.035, linewidth=0, zorder=0)
    axes.axvline(1.0, color=MUTED, linewidth=1.2, zorder=4)
    for limit in (thresholds.kept, thresholds.reduced):
        axes.axvline(limit, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=4)
    return start


def _kept_words(value: float | None, thresholds: Thresholds) -> str:
    """Percent, with a second decimal where one would round up to a threshold that is not reached."""
    limits = (thresholds.kept, thresholds.reduced)
    close = value is not None and any(value < limit <= round(value, 3) for limit in limits)
    return percent(value, 2 if close else 1)


def _write_row(
    axes: Axes,
    row: int,
    tag: str,
    result: LanguageResult | None,
    retention: Retention,
    thresholds: Thresholds,
    terms: Terms,
) -> None:
    write_in_row(axes, (0, row), drawable_name(tag, 26), 72 * (0.25 - _LEFT), "left", INK)
    write_in_row(axes, (0, row), drawable(tag, 9), -72 * 1.2, "left", MUTED)
    write_in_row(axes, (0, row), count(retention.n), -8, "right", MUTED)
    kept = _kept_words(retention.value, thresholds)
    write_in_row(axes, (1, row), kept, 72 * 0.62, "right", INK if retention.value is not None else MUTED)
    verdict = None if result is None else result.verdict
    word = ABSENT if result is None else f"{VERDICT_SIGN[verdict]}  {VERDICT_WORD[verdict]}"
    write_in_row(axes, (1, row), word, 72 * 0.82, "left", INK if result is not None else MUTED)
    if row == 0:
        write_in_row(axes, (0, -1), terms.told("examples"), -8, "right", MUTED)
        write_in_row(axes, (1, -1), "kept", 72 * 0.62, "right", MUTED)
        write_in_row(axes, (1, -1), "verdict", 72 * 0.82, "left", MUTED)


def _draw_bar(axes: Axes, row: int, retention: Retention, colour: str) -> None:
    if retention.value is None:
        return
    start, end = axes.get_xlim()
    unsure = colour == _COLOUR["unknown"]
    axes.barh(
        row + 0.5,
        max(0.0, min(retention.value, end) - start),
        left=start,
        height=0.62,
        color=colour,
        hatch="////" if unsure else None,
        edgecolor=SURFACE if unsure else colour,
        linewidth=0,
        zorder=2,
    )
    if retention.low is None or retention.high is None:
        return
    axes.plot([retention.low, retention.high], [row + 0.5] * 2, color=INK, linewidth=1.1, zorder=5)
    for at, beyond, marker in (
        (retention.low, retention.low < start, "<"),
        (retention.high, retention.high > end, ">"),
    ):
        if beyond:
            edge = start if marker == "<" else end
            axes.plot([edge], [row + 0.5], marker=marker, markersize=4.5, color=INK, clip_on=False, zorder=6)
        else:
            axes.plot([at], [row + 0.5], marker="|", markersize=6, color=INK, zorder=5)


def _draw_legend(figure: Figure, grades: Sequence[Grade], thresholds: Thresholds) -> None:
    kept, reduced = percent(thresholds.kept, 0), percent(thresholds.reduced, 0)
    words: dict[Grade, str] = {
        "lost": f"keeps under {reduced}",
        "reduced": f"{reduced} to {kept}",
        "kept": f"{kept} or more",
        "unknown": "not enough data",
    }
    handles = [
        Patch(
            facecolor=_COLOUR[grade],
            hatch="////" if grade == "unknown" else None,
            edgecolor=SURFACE if grade == "unknown" else _COLOUR[grade],
            linewidth=0,
            label=f"{words[grade]} ({grades.count(grade)})",
        )
        for grade in _ORDER
    ]
    legend_row(figure, handles, handlelength=1.4, handleheight=0.9)
