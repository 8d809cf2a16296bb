"""A teacher beside its students: accuracy and latency on two axes, with the size of each."""

import textwrap
from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from leanglot.charts.labels import drawable
from leanglot.charts.overview import accuracy_range
from leanglot.charts.quantities import ABSENT, megabytes, milliseconds, ratio, score
from leanglot.charts.style import (
    GRID,
    INK,
    MUTED,
    SMALL_SIZE,
    SURFACE,
    headline,
    legend_row,
    lines_below,
    new_figure,
    place,
    style,
)
from leanglot.results.records import Candidate, RunReport
from leanglot.results.terms import Terms, terms_of
from leanglot.stats.means import interval_of_mean
from leanglot.techniques import Distillation, SequenceDistillation

_COLUMN: Final = 1.45
_LEFT: Final = 0.85
_RIGHT: Final = 0.85
_HEIGHT: Final = 3.6
_HEAD: Final = 1.45
_FOOT: Final = 1.45
_TEACHER_BAR: Final = "#8592a1"
_STUDENT_BAR: Final = "#7fb5d5"
_STRENGTH: Final = 0.4  # of the bars
_MEAN: Final = "#1f78a8"
_LOWEST: Final = "#c8582a"
_FEW: Final = 50


def students(report: RunReport) -> tuple[Candidate, ...]:
    """The candidates that learned from the baseline, the slowest first; those without a latency last."""
    learned = [each for each in report.candidates if _learned(each) and each.status != "failed"]
    return tuple(sorted(learned, key=lambda each: (-(_median(each) or 0.0), each.name)))


def draw(report: RunReport) -> Figure:
    """Draws the teacher and its students from left to right: bars for the latency, marks for the accuracy.

    Args:
        report: A run whose baseline was the teacher.

    Returns:
        A figure of its own, wider the more students there are.
    """
    terms = terms_of(report.metric)
    teacher = next((each for each in report.candidates if each.name == report.baseline), None)
    shown = [each for each in (teacher, *students(report)) if each is not None]
    width = _LEFT + max(4.6, _COLUMN * len(shown)) + _RIGHT
    with style():
        figure = new_figure(width, _HEAD + _HEIGHT + _FOOT)
        accuracy = place(figure, _LEFT, _FOOT, width - _LEFT - _RIGHT, _HEIGHT)
        time = accuracy.twinx()
        accuracy.set_zorder(time.get_zorder() + 1)
        accuracy.patch.set_visible(False)
        _draw_times(time, shown, report)
        _draw_accuracies(accuracy, shown, terms)
        _name_columns(accuracy, shown, report)
        headline(
            figure,
            "A teacher and its students",
            _marks(terms),
        )
        _draw_legend(figure, terms)
        figure.text(
            0.25 / width,
            0.16 / figure.get_figheight(),
            _note(terms),
            color=MUTED,
            size=SMALL_SIZE,
        )
        figure.draw_without_rendering()
    return figure


def _marks(terms: Terms) -> str:
    marks = "mean and worst" if terms.translates else "accuracy with 95% intervals"
    left = f"{terms.quality}, {marks}" if terms.translates else marks
    return f"Marks: {left} (left). Bars: median latency of one text (right)."


def _note(terms: Terms) -> str:
    worst = terms.told(f"Worst: the least accurate language of at least {_FEW} examples.")
    return worst if terms.translates else f"{worst} Mean: languages taken as independent."


def _learned(candidate: Candidate) -> bool:
    # With alpha 0 nothing is learned from the teacher: that is fine-tuning.
    return any(
        (isinstance(step, Distillation) and step.alpha > 0)
        or (isinstance(step, SequenceDistillation) and (step.targets != "references" or step.word > 0))
        for step in candidate.recipe
    )


def _median(candidate: Candidate) -> float | None:
    return None if candidate.latency_ms is None else candidate.latency_ms.p50


def _draw_times(axes: Axes, shown: Sequence[Candidate], report: RunReport) -> None:
    times = [_median(each) for each in shown]
    highest = max((time for time in times if time is not None), default=1.0)
    axes.set_ylim(0, 1.5 * highest)
    for position, (candidate, time) in enumerate(zip(shown, times, strict=True)):
        if time is not None:
            colour = _TEACHER_BAR if candidate.name == report.baseline else _STUDENT_BAR
            axes.bar(position, time, width=0.62, color=colour, alpha=_STRENGTH)
    axes.set_ylabel("median latency, ms", fontsize=SMALL_SIZE)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=MUTED, labelsize=SMALL_SIZE)


def _mean(candidate: Candidate, terms: Terms) -> tuple[float, float, float] | None:
    """Mean over the languages with its interval, which scores of translations have none of; None unless all have it."""
    rows = list(candidate.languages.values())
    values = [row.candidate for row in rows if row.candidate is not None]
    if terms.translates:
        mean = sum(values) / len(values) if values and len(values) == len(rows) else None
        return None if mean is None else (mean, mean, mean)
    lows = [row.accuracy_low for row in rows if row.accuracy_low is not None]
    highs = [row.accuracy_high for row in rows if row.accuracy_high is not None]
    if not rows or not len(rows) == len(values) == len(lows) == len(highs):
        return None
    return (sum(values) / len(values), *interval_of_mean(values, lows, highs))


def _worst(candidate: Candidate, terms: Terms) -> tuple[str, float, float, float] | None:
    """The least accurate language with enough examples, with its interval."""
    rows = {
        tag: (row.candidate, row.candidate, row.candidate)
        if terms.translates
        else (row.candidate, row.accuracy_low, row.accuracy_high)
        for tag, row in candidate.languages.items()
        if row.n >= _FEW
    }
    known = {
        tag: (value, low, high)
        for tag, (value, low, high) in rows.items()
        if value is not None and low is not None and high is not None
    }
    if not known:
        return None
    tag = min(known, key=lambda each: (known[each][0], each))
    return (tag, *known[tag])


def _draw_accuracies(axes: Axes, shown: Sequence[Candidate], terms: Terms) -> None:
    means, worst = [_mean(each, terms) for each in shown], [_worst(each, terms) for each in shown]
    ends = [value for each in means if each for value in each] + [value for each in worst if each for value in each[1:]]
    low, high = accuracy_range(ends)
    # The sizes stand below the marks, on the bars.
    axes.set_ylim(max(0.0, low - 0.1 * (high - low)), high + 0.08 * (high - low))
    axes.set_xlim(-0.6, len(shown) - 0.4)
    for position, (mean, lowest) in enumerate(zip(means, worst, strict=True)):
        if mean is not None:
            _mark(axes, position - 0.13, mean, _MEAN, "o", score(mean[0], terms), -1)
        if lowest is not None:
            name = drawable(lowest[0], 9)
            _mark(axes, position + 0.13, lowest[1:], _LOWEST, "v", f"{name} {score(lowest[1], terms)}", 1)
        if mean is None and lowest is None:
            axes.text(position, sum(axes.get_ylim()) / 2, ABSENT, ha="center", color=MUTED, style="italic")
    axes.set_ylabel(terms.quality, fontsize=SMALL_SIZE)
    axes.yaxis.set_major_formatter(lambda value, _: score(value, terms, 0) if value <= 1 + 1e-9 else "")
    axes.tick_params(labelsize=SMALL_SIZE, length=0)
    axes.grid(axis="y", color=GRID)
    axes.spines[:].set_visible(False)


def _mark(
    axes: Axes, x: float, value: tuple[float, float, float], colour: str, marker: str, text: str, side: int
) -> None:
    axes.plot([x, x], value[1:], color=colour, linewidth=1.3, zorder=4)
    axes.plot([x], [value[0]], marker=marker, markersize=6.5, color=colour, markeredgecolor=SURFACE, zorder=5)
    axes.annotate(
        text,
        (x, value[2 if side < 0 else 1]),
        (0, -4 * side),
        textcoords="offset points",
        ha="center",
        va="bottom" if side < 0 else "top",
        fontsize=SMALL_SIZE,
        color=colour,
        zorder=6,
    )


def _name_columns(axes: Axes, shown: Sequence[Candidate], report: RunReport) -> None:
    axes.set_xticks([])
    for position, candidate in enumerate(shown):
        itself = candidate.name == report.baseline
        name = textwrap.wrap(drawable(candidate.name, 38), 19, max_lines=3, placeholder="…")
        speed = "teacher" if itself else f"{ratio(candidate.speedup)} as fast" if candidate.speedup else ABSENT
        lines = [*((line, INK) for line in name), (megabytes(candidate.size_bytes), MUTED)]
        lines += [(milliseconds(_median(candidate)), MUTED), (speed, MUTED)]
        lines_below(axes, position, lines)


def _draw_legend(figure: Figure, terms: Terms) -> None:
    handles = [
        Line2D(
            [], [], color=_MEAN, marker="o", markersize=6, linewidth=1.3, label=terms.told("mean over the languages")
        ),
        Line2D([], [], color=_LOWEST, marker="v", markersize=6, linewidth=1.3, label=terms.told("worst language")),
        Patch(color=_TEACHER_BAR, alpha=_STRENGTH, label="latency: teacher"),
        Patch(color=_STUDENT_BAR, alpha=_STRENGTH, label="students"),
    ]
    legend_row(figure, handles, handlelength=1.4)
