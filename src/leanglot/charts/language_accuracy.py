"""Accuracy by language: the baseline beside one candidate, with 95% intervals and sample sizes."""

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from leanglot.charts.labels import challengers, drawable, drawable_name, language_tags, role_words
from leanglot.charts.quantities import ABSENT, count, points, score
from leanglot.charts.style import (
    INK,
    MUTED,
    SURFACE,
    TEXT_SIZE,
    VERDICT_COLOUR,
    VERDICT_SIGN,
    VERDICT_WORD,
    bare,
    headline,
    legend_row,
    new_figure,
    place,
    style,
)
from leanglot.results.records import Candidate, Goal, LanguageResult, RunReport
from leanglot.results.terms import METRIC_WORD, Terms, terms_of

_GOALS: Final[tuple[Goal, ...]] = ("cost", "balanced", "accuracy", "speed", "size")
_ROW: Final = 0.33
_LEFT: Final = 3.25
_PANEL: Final = 5.4
_RIGHT: Final = 2.15
_BASELINE: Final = "#66727f"
_OFFSET: Final = 0.17


def shown_candidate(report: RunReport) -> Candidate | None:
    """The candidate to set beside the baseline.

    The first that is recommended, looked up in the order cost, balanced, accuracy, speed, size; else the
    rejected one with the worst drop, since that is what the reader has to understand; else the fastest that
    did not fail.

    Returns:
        A candidate other than the baseline with results by language; None when there is none.
    """
    usable = [candidate for candidate in challengers(report) if candidate.languages and candidate.status != "failed"]
    for goal in _GOALS:
        answer = report.recommendations.get(goal)
        for candidate in usable:
            if answer is not None and candidate.name == answer.candidate:
                return candidate
    rejected = [candidate for candidate in usable if candidate.status == "rejected"]
    if rejected:
        return max(rejected, key=_worst_drop)
    return max(usable, key=lambda candidate: candidate.speedup or 0.0, default=None)


def draw(report: RunReport) -> Figure:
    """Draws one row per language, the least accurate baseline first.

    Args:
        report: The run.

    Returns:
        A figure of its own, a third of an inch high per language.
    """
    baseline = next((each for each in report.candidates if each.name == report.baseline), None)
    candidate, terms = shown_candidate(report), terms_of(report.metric)
    before = {} if baseline is None else baseline.languages
    after = {} if candidate is None else candidate.languages
    tags = sorted(language_tags(report), key=lambda tag: _accuracy_or_last(before.get(tag)))
    with style():
        rows = max(1, len(tags))
        figure = new_figure(_LEFT + _PANEL + _RIGHT, _ROW * rows + 2.1)
        axes = place(figure, _LEFT, 0.62, _PANEL, _ROW * rows)
        _set_axes(axes, rows, [*before.values(), *after.values()], terms)
        for row, tag in enumerate(tags):
            _draw_row(axes, row, tag, (before.get(tag), after.get(tag)))
        _head_columns(axes, terms, has_candidate=candidate is not None)
        headline(figure, terms.told("Accuracy by language"), _subtitle(report, candidate))
        _draw_legend(figure, report, candidate)
        figure.draw_without_rendering()
    return figure


def _worst_drop(candidate: Candidate) -> float:
    return max((row.drop for row in candidate.languages.values() if row.drop is not None), default=0.0)


def _accuracy_or_last(result: LanguageResult | None) -> float:
    return 2.0 if result is None or result.candidate is None else result.candidate


def _subtitle(report: RunReport, candidate: Candidate | None) -> str:
    if candidate is None:
        return "The baseline alone: no other candidate has results"
    shown = f"{drawable(candidate.name, 48)} ({role_words(report, candidate)}) beside the baseline"
    if (metric := report.metric) is not None:
        return f"{shown}; corpus {METRIC_WORD[metric.name]}, in points of 100"
    return f"{shown}; Wilson 95% intervals, arrows where they go on"


def _set_axes(axes: Axes, rows: int, results: list[LanguageResult], terms: Terms) -> None:
    # Room for the intervals of middling samples; that of a single example would squeeze all others.
    lowest = min((row.candidate for row in results if row.candidate is not None), default=0.15)
    highest = max((row.candidate for row in results if row.candidate is not None), default=1.0)
    # No translation comes near 100, and without intervals the points need room at both ends alone.
    far = min(1.01, highest + 0.03) if terms.translates else 1.01
    axes.set_xlim(max(0.0, lowest - (0.03 if terms.translates else 0.15)), far)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.grid(visible=True, axis="x")
    bare(axes)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))  # whole points, which labels do not round
    axes.xaxis.set_major_formatter(lambda value, _: score(value, terms, 0))
    for row in range(1, rows, 2):
        axes.axhspan(row - 0.5, row + 0.5, color=INK, alpha=0.035, linewidth=0, zorder=0)


def _draw_row(axes: Axes, row: int, tag: str, results: tuple[LanguageResult | None, LanguageResult | None]) -> None:
    before, after = results
    _write(axes, row, -_LEFT + 0.25, drawable_name(tag, 24), INK)
    _write(axes, row, -1.12, drawable(tag, 9), MUTED)
    known = after or before
    _write(axes, row, -0.12, ABSENT if known is None else count(known.n), MUTED, right=True)
    _draw_interval(axes, row - _OFFSET, before, _BASELINE, "o")
    if after is None and before is not None and before.verdict is None and before.drop is None:
        _write(axes, row, _PANEL + 0.15, ABSENT, MUTED)
        return
    colour = VERDICT_COLOUR[None if after is None else after.verdict]
    _draw_interval(axes, row + _OFFSET, after, colour, "D")
    if after is None or after.drop is None:
        _write(axes, row, _PANEL + 0.15, ABSENT, MUTED)
        return
    _write(axes, row, _PANEL + 0.72, points(after.drop), INK, right=True)
    _write(axes, row, _PANEL + 0.88, f"{VERDICT_SIGN[after.verdict]}  {VERDICT_WORD[after.verdict]}", INK)


def _draw_interval(axes: Axes, height: float, result: LanguageResult | None, colour: str, marker: str) -> None:
    if result is None or result.candidate is None:
        return
    if result.accuracy_low is not None and result.accuracy_high is not None:
        start = axes.get_xlim()[0]
        axes.plot(
            [result.accuracy_low, result.accuracy_high],
            [height, height],
            color=colour,
            linewidth=1.4,
            zorder=2,
        )
        if result.accuracy_low < start:
            axes.plot([start], [height], marker="<", markersize=5, color=colour, clip_on=False, zorder=3)
    fill = colour if marker == "o" or result.verdict in ("safe", "harmed") else SURFACE
    axes.plot([result.candidate], [height], marker=marker, markersize=4.6, color=colour, mfc=fill, zorder=3)


def _write(axes: Axes, row: float, inches: float, text: str, colour: str, *, right: bool = False) -> None:
    """Writes into a text column, ``inches`` to the right of the panel's left edge."""
    axes.annotate(
        text,
        (0, row),
        (72 * inches, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right" if right else "left",
        va="center",
        fontsize=TEXT_SIZE,
        color=colour,
        annotation_clip=False,
    )


def _head_columns(axes: Axes, terms: Terms, *, has_candidate: bool) -> None:
    _write(axes, -0.95, -0.12, terms.told("examples"), MUTED, right=True)
    if has_candidate:
        _write(axes, -0.95, _PANEL + 0.15, "drop, points", MUTED)


def _draw_legend(figure: Figure, report: RunReport, candidate: Candidate | None) -> None:
    entries = [(f"baseline: {drawable(report.baseline, 28)}", _BASELINE, "o", _BASELINE)]
    if candidate is not None:
        verdicts = {row.verdict for row in candidate.languages.values()}
        entries += [
            (
                f"candidate, {VERDICT_WORD[verdict]}",
                colour,
                "D",
                colour if verdict in ("safe", "harmed") else SURFACE,
            )
            for verdict, colour in VERDICT_COLOUR.items()
            if verdict in verdicts
        ]
    handles = [
        Line2D([], [], color=colour, marker=marker, mfc=fill, markersize=4.6, linewidth=1.4, label=label)
        for label, colour, marker, fill in entries
    ]
    legend_row(figure, handles)
