"""The waterfall of a chain: what each step takes off the size and the time, and what it costs each language."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from leanglot.charts.labels import drawable
from leanglot.charts.quantities import ABSENT, percent, ratio, smaller
from leanglot.charts.step_drops import LEFT, ROW, draw_drop_panel, drop_panel, name_rows
from leanglot.charts.steps import ChainStep, Change, chain_steps, size_words
from leanglot.charts.style import (
    GRID,
    INK,
    MUTED,
    STATUS_COLOUR,
    bare,
    headline,
    legend_row,
    new_figure,
    panel_title,
    place,
    style,
    write_in_row,
)
from leanglot.results.records import RunReport
from leanglot.results.terms import terms_of

_WIDTH: Final = 12.3
_HEAD: Final = 1.75  # inches for headline, legend and the panels' titles
_BELOW: Final = 0.4
_GAP: Final = 0.45  # between the panels
_RIGHT: Final = 0.2
_LEVEL: Final = 0.75  # for the levels right of the bars
_APART: Final = 0.15 / ROW  # of the last row, in rows
_LESS: Final = "#1f78a8"
_MORE: Final = "#c8582a"
_REST: Final = "#64717f"
_SAME: Final = 0.05  # of the time: a smaller change is not told from noise
_MINUS: Final = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class _Measure:
    """One of the panels.

    Attributes:
        title: Its title.
        subtitle: How to read it.
        change: The measure of a step.
        text: A value with its unit.
        more: What a step that adds to it does, such as ``slower``.
        same: Share of the value before under which a change counts as none.
        gained: What all steps together won.
    """

    title: str
    subtitle: str
    change: Callable[[ChainStep], Change]
    text: Callable[[float | None], str]
    more: str
    same: float
    gained: Callable[[ChainStep], str]


@dataclass(frozen=True)
class _Row:
    """One row of a panel.

    Attributes:
        after: The level after the step, where its bar ends; None where that was not measured.
        before: Where its bar starts.
        colour: The bar's.
        change: What the step changed, as text. Says why where the level was not measured.
        level: The level as text.
        strong: Whether the texts are bold.
    """

    after: float | None
    before: float
    colour: str
    change: str
    level: str
    strong: bool = False


_SIZE: Final = _Measure(
    "Size on disk",
    "all files of the artifact, 1 MB = 1,000,000 bytes",
    lambda step: step.size,
    size_words,
    "larger",
    0.0,
    lambda step: smaller(step.candidate.size_reduction),
)
_MEDIAN: Final = _Measure(
    "Time of one text",
    "of the baseline's, by medians measured side by side with it; under 5% is noise",
    lambda step: step.time,
    percent,
    "slower",
    _SAME,
    lambda step: f"{ratio(step.candidate.speedup)} as fast",
)


def draw(report: RunReport, name: str) -> Figure:
    """Draws the chain of one candidate: two waterfalls over a grid of steps by languages.

    Args:
        report: The run.
        name: The candidate; one of the run's chains.

    Returns:
        A figure of its own. Steps that failed or lack a measure say so in their row; the next that has it shows the
        change over all of them.

    Raises:
        RunError: When the report has no such chain, or the chain names candidates that it does not have.
    """
    steps = chain_steps(report, name)
    panel = drop_panel(steps, report.margin, _WIDTH, terms_of(report.metric))
    with style():
        width = max(_WIDTH, panel.width)
        height = ROW * (len(steps) + 1 + _APART)
        figure = new_figure(width, _HEAD + height + _BELOW + panel.height)
        room = (width - LEFT - _GAP - _RIGHT) / 2
        for index, measure in enumerate((_SIZE, _MEDIAN)):
            rows = _rows(steps, measure)
            texts = 0.065 * max((len(row.change) for row in rows if row.after is not None), default=0) + 0.15
            at = (LEFT + index * (room + _GAP), panel.height + _BELOW)
            axes = place(figure, *at, room - _LEVEL - texts, height)
            _draw_panel(axes, rows, texts)
            panel_title(axes, measure.title, measure.subtitle)
            if index == 0:
                rest = ("what remains", steps[-1].candidate.name)
                name_rows(axes, [*((step.words, step.candidate.name) for step in steps), rest])
        draw_drop_panel(figure, panel)
        headline(
            figure,
            f"What each step gains and costs: {drawable(name, 50)}",
            f"{drawable(report.model, 50)}; each step comes on top of those above it",
        )
        _draw_legend(figure)
        figure.draw_without_rendering()
    return figure


def _draw_legend(figure: Figure) -> None:
    handles = [
        Patch(color=STATUS_COLOUR["baseline"], label="baseline"),
        Patch(color=_LESS, label="taken off by the step"),
        Patch(color=_MORE, label="added by the step: larger, slower"),
        Patch(color=_REST, label="what remains"),
    ]
    legend_row(figure, handles, handlelength=1.2)


def _rows(steps: Sequence[ChainStep], measure: _Measure) -> list[_Row]:
    """The baseline, each step, and what remains."""
    rows = []
    for place_, step in enumerate(steps):
        change = measure.change(step)
        if change.after is None:
            rows.append(_absent(step))
        elif place_ == 0:
            rows.append(_Row(change.after, 0, STATUS_COLOUR["baseline"], "", measure.text(change.after)))
        else:
            rows.append(_changed(change.before, change.after, change.spanned, measure))
    last = measure.change(steps[-1]).after
    if last is None:
        return [*rows, _absent(steps[-1])]
    return [*rows, _Row(last, 0, _REST, measure.gained(steps[-1]), measure.text(last), strong=True)]


def _absent(step: ChainStep) -> _Row:
    return _Row(None, 0, MUTED, "failed" if step.failed is not None else f"{ABSENT}: not measured", "")


def _changed(before: float | None, after: float, spanned: int, measure: _Measure) -> _Row:
    """The bar from the level before to the level after."""
    level = measure.text(after)
    if before is None:
        return _Row(after, after, MUTED, "none before", level)
    difference, colour = abs(after - before), _MORE if after > before else _LESS
    if measure.text(difference) == measure.text(0.0) or difference <= measure.same * before:
        colour, told = STATUS_COLOUR["baseline"], "about the same"
    elif after > before:
        told = f"+{measure.text(difference)} {measure.more}"
    else:
        told = f"{_MINUS}{measure.text(difference)}"
    told += f" ({spanned} steps)" if spanned > 1 else ""
    return _Row(after, before, colour, told, level)


def _draw_panel(axes: Axes, rows: Sequence[_Row], texts: float) -> None:
    """Draws bars, and right of them the changes in so many inches and then the levels."""
    longest = max((row.after for row in rows if row.after is not None), default=0.0) or 1.0
    axes.set_xlim(0, 1.01 * longest)
    axes.set_ylim(len(rows) + _APART, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    bare(axes)
    axes.axvline(0, color=GRID, linewidth=1.0)
    heights = [*range(len(rows) - 1), len(rows) - 1 + _APART]
    for height, row in zip(heights, rows, strict=True):
        if row.after is None:
            write_in_row(axes, (0, height), row.change, 4, "left", MUTED)
            continue
        start = min(row.before, row.after)
        width = max(0.005 * longest, abs(row.after - row.before))  # wide enough to be seen
        axes.add_patch(Rectangle((start, height + 0.22), width, 0.56, color=row.colour, linewidth=0))
        ink, weight = _MORE if row.colour == _MORE else INK, "bold" if row.strong else "normal"
        write_in_row(axes, (1, height), row.change, 72 * texts, "right", ink, weight)
        write_in_row(axes, (1, height), row.level, 72 * (texts + _LEVEL), "right", INK, weight)
    _connect(axes, list(zip(heights, rows, strict=True)))


def _connect(axes: Axes, rows: Sequence[tuple[float, _Row]]) -> None:
    """Thin lines from where one bar ends to the next that has one."""
    known = [(height, row.after) for height, row in rows if row.after is not None]
    for (upper, level), (lower, _) in pairwise(known):
        axes.plot([level, level], [upper + 0.78, lower + 0.22], color=MUTED, linewidth=0.8, zorder=3)
