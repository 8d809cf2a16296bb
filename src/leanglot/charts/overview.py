"""The overview: latency, accuracy and size of every candidate, and what speed costs in accuracy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from leanglot.charts.labels import drawable
from leanglot.charts.quantities import ABSENT, megabytes, milliseconds, points, ratio, score, smaller
from leanglot.charts.style import (
    INK,
    MUTED,
    SMALL_SIZE,
    STATUS_COLOUR,
    STATUS_MEANING,
    bare,
    headline,
    legend_row,
    new_figure,
    panel_title,
    place,
    style,
)
from leanglot.charts.tradeoff import draw_tradeoff
from leanglot.results.records import Candidate, RunReport
from leanglot.results.terms import Terms, terms_of

_NAMES: Final = 2.6
_PANEL: Final = 4.3
_GAP: Final = 0.75
_ROW: Final = 0.36


@dataclass(frozen=True)
class _Bar:
    """One bar: its length in the axis' unit, None where it was not measured, and the text at its end."""

    length: float | None
    text: str


def draw(report: RunReport) -> Figure:
    """Draws the four panels; what was not measured reads "n/a", what failed reads "failed".

    Args:
        report: The run.

    Returns:
        A figure of its own, higher the more candidates there are.
    """
    candidates = report.candidates
    rows = max(3.3, _ROW * len(candidates))
    with style():
        lower, upper, right = 1.15, 1.15 + rows + 1.4, _NAMES + _PANEL + _GAP
        figure = new_figure(right + _PANEL + 0.35, upper + rows + 1.75)
        _draw_latency(place(figure, _NAMES, upper, _PANEL, rows), candidates)
        _draw_accuracy(place(figure, right, upper, _PANEL, rows), report)
        _draw_size(place(figure, _NAMES, lower, _PANEL, rows), candidates)
        draw_tradeoff(place(figure, right, lower, _PANEL, rows), candidates, terms_of(report.metric))
        headline(
            figure,
            f"What {drawable(report.model, 60)} gains and pays",
            "One row per candidate; speed-up and size are against the baseline",
        )
        _draw_legend(figure, candidates, terms_of(report.metric))
        figure.draw_without_rendering()
    return figure


def _draw_latency(axes: Axes, candidates: Sequence[Candidate]) -> None:
    bars = []
    for candidate in candidates:
        p50 = None if candidate.latency_ms is None else candidate.latency_ms.p50
        speed = "" if candidate.speedup is None or candidate.status == "baseline" else f"   {ratio(candidate.speedup)}"
        bars.append(_Bar(p50, f"{milliseconds(p50)}{speed}"))
    _draw_bars(axes, candidates, bars, (0.0, _longest(bars)))
    panel_title(axes, "Median latency", "one text at a time, and the speed-up measured side by side")
    _name_rows(axes, candidates)


def _draw_size(axes: Axes, candidates: Sequence[Candidate]) -> None:
    bars = []
    for candidate in candidates:
        gain = candidate.size_reduction
        change = "" if gain is None or candidate.status == "baseline" else f"   {smaller(gain)}"
        bars.append(_Bar(candidate.size_bytes, f"{megabytes(candidate.size_bytes)}{change}"))
    _draw_bars(axes, candidates, bars, (0.0, _longest(bars)))
    panel_title(axes, "Size on disk", "all files of the artifact, 1 MB = 1,000,000 bytes")
    _name_rows(axes, candidates)


def _draw_accuracy(axes: Axes, report: RunReport) -> None:
    candidates, terms = report.candidates, terms_of(report.metric)
    reference = next((each.accuracy for each in candidates if each.name == report.baseline), None)
    bars = []
    for candidate in candidates:
        known = reference is not None and candidate.accuracy is not None and candidate.name != report.baseline
        change = f"   {points((candidate.accuracy or 0) - (reference or 0))}" if known else ""
        bars.append(_Bar(candidate.accuracy, f"{score(candidate.accuracy, terms)}{change}"))
    low, high = accuracy_range([bar.length for bar in bars if bar.length is not None])
    # Texts at the bars' ends would stand on the baseline's line, so they share a column beyond it.
    column = max((bar.length for bar in bars if bar.length is not None), default=low) + 0.06 * (high - low)
    _draw_bars(axes, candidates, bars, (low, high), texts_at=column)
    if reference is not None:
        axes.axvline(reference, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), zorder=3)
    start = "the axis starts at 0" if low == 0 else f"the axis starts at {score(low, terms, 0)}, not at 0"
    panel_title(axes, terms.told("Accuracy over all examples"), f"change in points; dashed: the baseline; {start}")
    axes.set_yticks([])


def accuracy_range(values: Sequence[float]) -> tuple[float, float]:
    """Both ends of an accuracy axis: whole points, or steps of 5 where they lie far apart.

    Args:
        values: Accuracies in [0, 1]; may be empty.

    Returns:
        The lower end, which is 0 once a value is near chance, and the upper end; both in [0, 1].
    """
    if not values:
        return 0.0, 1.0
    step = 0.01 if max(values) - min(values) < 0.04 else 0.05
    low = math.floor((min(values) - 0.2 * step) / step - 0.5) * step
    high = min(1.0, max(1, math.ceil(max(values) / step)) * step)
    return (0.0, high) if low <= 0.3 else (round(low, 2), round(high, 2))


def _longest(bars: Sequence[_Bar]) -> float:
    return max((bar.length for bar in bars if bar.length is not None), default=0.0) or 1.0


def _draw_bars(
    axes: Axes,
    candidates: Sequence[Candidate],
    bars: Sequence[_Bar],
    limits: tuple[float, float],
    texts_at: float | None = None,
) -> None:
    """Draws one row per candidate; each text at its bar's end, or all in one column at ``texts_at``."""
    low, high = limits
    # The text at the longest bar's end needs two fifths of the panel.
    axes.set_xlim(low, high + 0.62 * (high - low))
    axes.set_ylim(len(candidates) - 0.4, -0.6)
    for row, (candidate, bar) in enumerate(zip(candidates, bars, strict=True)):
        absent = bar.length is None
        if bar.length is not None:
            axes.barh(row, bar.length - low, left=low, height=0.62, color=STATUS_COLOUR[candidate.status])
        text = "failed" if absent and candidate.status == "failed" else ABSENT if absent else bar.text
        axes.annotate(
            text,
            (low if bar.length is None else texts_at or bar.length, row),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL_SIZE + 0.5,
            color=MUTED if absent else INK,
            style="italic" if absent else "normal",
            zorder=4,
        )
    bare(axes)
    axes.set_xticks([])
    axes.spines["left"].set_visible(True)


def _name_rows(axes: Axes, candidates: Sequence[Candidate]) -> None:
    axes.set_yticks(range(len(candidates)), [drawable(candidate.name, 30) for candidate in candidates])


def _draw_legend(figure: Figure, candidates: Sequence[Candidate], terms: Terms) -> None:
    present = {candidate.status for candidate in candidates} - {"failed"}
    handles = [
        Patch(color=STATUS_COLOUR[status], label=terms.told(STATUS_MEANING[status]))
        for status in STATUS_COLOUR
        if status in present
    ]
    legend_row(figure, handles, handlelength=1.0, handleheight=0.9)
