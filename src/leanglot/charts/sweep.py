"""Accuracy by language and time against the bits per weight, on two axes."""

from collections.abc import Mapping, Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from leanglot.charts.labels import drawable, language_name, language_tags
from leanglot.charts.overview import accuracy_range
from leanglot.charts.quantities import ABSENT, milliseconds, percent
from leanglot.charts.style import (
    GRID,
    INK,
    MUTED,
    SMALL_SIZE,
    STATUS_COLOUR,
    SURFACE,
    headline,
    legend_row,
    new_figure,
    place,
    style,
)
from leanglot.results.records import Candidate, RunReport

_WORST: Final = 4
_LABELS: Final = 0.27  # room for the names of lines, as a share of the columns
_LINE: Final = "#1f78a8"
_HARMED: Final = "#c8582a"
_BAR: Final = "#e3e9ef"


def draw(report: RunReport, names: Mapping[int, str]) -> Figure:
    """Draws one line per language, the mean over them, and bars for the median latency.

    Args:
        report: The run.
        names: Name of the candidate by its bits per weight.

    Returns:
        A figure of its own; a candidate that failed says so in its column.
    """
    by_name = {candidate.name: candidate for candidate in report.candidates}
    bits = sorted(names, reverse=True)
    candidates = [by_name[names[number]] for number in bits]
    with style():
        figure = new_figure(9.6, 5.6)
        accuracy = place(figure, 0.85, 0.55, 8.0, 3.95)
        time = accuracy.twinx()
        accuracy.set_zorder(time.get_zorder() + 1)
        accuracy.patch.set_visible(False)
        _draw_times(time, candidates)
        _draw_accuracies(accuracy, candidates, language_tags(report))
        accuracy.set_xticks(range(len(bits)), [f"{number} bits" for number in bits])
        accuracy.set_xlim(-0.5, len(bits) - 0.5 + _LABELS * len(bits))
        headline(
            figure,
            f"What fewer bits do to {drawable(report.model, 50)}",
            "Lines: accuracy of each language (left). Bars: median latency of one text (right).",
        )
        _draw_legend(figure)
        figure.draw_without_rendering()
    return figure


def _draw_legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=INK, linewidth=2.4, marker="o", markersize=4.5, label="mean over the languages"),
        Line2D([], [], color=_LINE, linewidth=1.5, label=f"up to {_WORST} languages that lose most"),
        Line2D([], [], color=_HARMED, linewidth=1.5, label="of these, harmed"),
        Line2D([], [], color=STATUS_COLOUR["baseline"], linewidth=0.8, label="other languages"),
        Patch(color=_BAR, label="latency"),
    ]
    legend_row(figure, handles, handlelength=1.6)


def _draw_times(axes: Axes, candidates: Sequence[Candidate]) -> None:
    times = [None if each.latency_ms is None else each.latency_ms.p50 for each in candidates]
    highest = max((time for time in times if time is not None), default=1.0)
    axes.set_ylim(0, 1.7 * highest)
    for position, (candidate, time) in enumerate(zip(candidates, times, strict=True)):
        failed = "failed" if candidate.status == "failed" else ABSENT
        if time is not None:
            axes.bar(position, time, width=0.52, color=_BAR)
        axes.annotate(
            failed if time is None else milliseconds(time),
            (position, 0),
            (0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL_SIZE,
            color=MUTED,
        )
    axes.set_ylabel("median latency, ms")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=MUTED, labelsize=SMALL_SIZE)


def _draw_accuracies(axes: Axes, candidates: Sequence[Candidate], tags: Sequence[str]) -> None:
    lines = {tag: [_accuracy(each, tag) for each in candidates] for tag in tags}
    known = [value for line in lines.values() for value in line if value is not None]
    low, high = accuracy_range(known)
    # The bars' numbers stand below the lines.
    axes.set_ylim(low - 0.12 * (high - low), high + 0.06 * (high - low))
    worst = _worst(lines)
    for tag, line in lines.items():
        chosen = tag in worst
        harmed = any(each.languages[tag].verdict == "harmed" for each in candidates if tag in each.languages)
        colour = (_HARMED if harmed else _LINE) if chosen else STATUS_COLOUR["baseline"]
        width, strength = (1.5, 1.0) if chosen else (0.8, 0.45)
        axes.plot(*_known(line), color=colour, linewidth=width, alpha=strength, zorder=3)
    means = [each.macro_accuracy for each in candidates]
    axes.plot(*_known(means), color=INK, linewidth=2.4, marker="o", markersize=4.5, zorder=4)
    named = {language_name(tag): line for tag, line in lines.items() if tag in worst} | {"mean of languages": means}
    ends = {f"{name} {percent(_known(line)[1][-1])}": _known(line) for name, line in named.items() if _known(line)[1]}
    _label_ends(axes, len(candidates) - 1, {text: (places[-1], known[-1]) for text, (places, known) in ends.items()})
    axes.set_ylabel("accuracy")
    axes.yaxis.set_major_formatter(lambda value, _: percent(value, 0))
    axes.grid(axis="y", color=GRID)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _accuracy(candidate: Candidate, tag: str) -> float | None:
    return candidate.languages[tag].candidate if tag in candidate.languages else None


def _worst(lines: Mapping[str, Sequence[float | None]]) -> set[str]:
    """The languages that lose most anywhere from the first number of bits on; none that loses nothing."""
    losses = {}
    for tag, line in lines.items():
        known = [value for value in line if value is not None]
        if len(known) > 1:
            losses[tag] = known[0] - min(known[1:])
    worst = sorted(losses, key=lambda tag: losses[tag], reverse=True)[:_WORST]
    return {tag for tag in worst if losses[tag] > 0}


def _known(line: Sequence[float | None]) -> tuple[list[int], list[float]]:
    """Positions and values of what was measured: a line goes on across what failed."""
    pairs = [(position, value) for position, value in enumerate(line) if value is not None]
    return [position for position, _ in pairs], [value for _, value in pairs]


def _label_ends(axes: Axes, last: int, ends: Mapping[str, tuple[int, float]]) -> None:
    """Names the lines at their right ends, moved apart where they are close."""
    low, high = axes.get_ylim()
    apart, below = 0.05 * (high - low), float("-inf")
    for text, (position, value) in sorted(ends.items(), key=lambda pair: pair[1][1]):
        height = below = max(value, below + apart)
        axes.annotate(
            text,
            (position, value),
            (last + 0.36, height),
            fontsize=SMALL_SIZE,
            va="center",
            annotation_clip=False,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": SURFACE, "edgecolor": "none"},
            zorder=5,
            arrowprops={"arrowstyle": "-", "color": GRID, "linewidth": 0.8, "shrinkA": 2, "shrinkB": 2},
        )
