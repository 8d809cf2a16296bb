"""The lower panel of a waterfall: steps by languages, what each step costs each language, and the verdict after it."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from leanglot.charts.colour_bar import draw_colour_bar
from leanglot.charts.drop_cells import COLOURS, draw_cell, fill_of, name_columns, scale_of, sign_words, slanted
from leanglot.charts.labels import drawable, drawable_name
from leanglot.charts.quantities import ABSENT, points
from leanglot.charts.steps import ChainStep
from leanglot.charts.style import (
    ABSENT_FILL,
    INK,
    MUTED,
    ON_LIGHT,
    SMALL_SIZE,
    SURFACE,
    TEXT_SIZE,
    VERDICT_SIGN,
    bare,
    place,
    readable_on,
)
from leanglot.results.records import VerdictKind
from leanglot.results.terms import CLASSIFICATION, Terms

ROW: Final = 0.5
LEFT: Final = 2.9
MEAN: Final = "mean of languages"
TOTAL: Final = "all steps together"
_CELL: Final = (0.41, 0.9)
_GAP: Final = 0.25  # between the mean and the languages, in cells
_WIDTH: Final = 36  # characters of a step's words on one line
_LEGEND: Final = 1.15


@dataclass(frozen=True)
class DropPanel:
    """What the panel shows, and the room that it takes.

    Attributes:
        steps: The chain without the baseline.
        tags: The languages, the worst drop first.
        margin: Largest drop that counts as harmless.
        fill: Inches of width that wider cells fill where the languages are few.
        terms: The words of the run.
    """

    steps: tuple[ChainStep, ...]
    tags: tuple[str, ...]
    margin: float
    fill: float
    terms: Terms = CLASSIFICATION

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return (
            self.terms.told(MEAN),
            *(f"{drawable_name(tag, 30)}  {drawable(tag, 14)}" for tag in self.tags),
        )

    @property
    def slanted(self) -> float:
        """Inches that the longest slanted name rises."""
        return max(map(slanted, self.names))

    @property
    def cell(self) -> float:
        """Width of a cell in inches."""
        narrow, wide = _CELL
        return min(wide, max(narrow, (self.fill - LEFT - 1.0) / (len(self.names) + _GAP)))

    @property
    def width(self) -> float:
        """Inches with the row names and the slanted column names."""
        ends = [self.cell * (column + _GAP + 0.5) + slanted(name) for column, name in enumerate(self.names)]
        return LEFT + max(*ends, self.cell * (len(self.names) + _GAP)) + 0.1

    @property
    def height(self) -> float:
        """Inches with its title and its legend."""
        return 0.6 + self.slanted + ROW * (len(self.steps) + 1) + 0.15 + _LEGEND


def drop_panel(steps: Sequence[ChainStep], margin: float, fill: float, terms: Terms = CLASSIFICATION) -> DropPanel:
    """Sorts the languages by the largest drop after any step; those without a single measured drop come last."""
    tags = sorted(steps[-1].languages, key=lambda tag: -_worst_drop(steps[1:], tag))
    return DropPanel(tuple(steps[1:]), tuple(tags), margin, fill, terms)


def draw_drop_panel(figure: Figure, panel: DropPanel) -> None:
    """Draws it at the foot of the figure."""
    rows, columns = len(panel.steps) + 1, len(panel.names)
    scale = _scale(panel)
    axes = place(figure, LEFT, _LEGEND, panel.cell * (columns + _GAP), ROW * rows + 0.15)
    axes.set_xlim(0, columns + _GAP)
    axes.set_ylim(rows + 0.15 / ROW, 0)
    bare(axes)
    axes.set_xticks([])
    axes.set_yticks([])
    for row, step in enumerate(panel.steps):
        _draw_step(axes, row, step, panel, scale)
    _draw_total(axes, panel, scale)
    name_columns(axes, {column + (_GAP if column else 0): name for column, name in enumerate(panel.names)})
    name_rows(axes, [*((step.words, step.candidate.name) for step in panel.steps), (TOTAL, "against the baseline")])
    _title(figure, panel)
    _draw_legend(figure, panel, scale)


def name_rows(axes: Axes, names: Sequence[tuple[str, str]]) -> None:
    """Writes words and a candidate's name left of each row; the last row stands a little apart."""
    for row, (words, name) in enumerate(names):
        middle = row + 0.5 + (0.15 / ROW if row == len(names) - 1 else 0)
        lines = textwrap.wrap(drawable(words, 2 * _WIDTH - 8), _WIDTH)
        for text, height, size, colour in (
            ("\n".join(lines), 3.5, TEXT_SIZE if len(lines) < 2 else SMALL_SIZE, INK),
            (drawable(name, 36), -8.5 if len(lines) < 2 else -12, SMALL_SIZE - 0.5, MUTED),
        ):
            axes.annotate(
                text,
                (0, middle),
                (-8, height),
                xycoords=axes.get_yaxis_transform(),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=size,
                color=colour,
                linespacing=1.0,
                annotation_clip=False,
            )


def _worst_drop(steps: Sequence[ChainStep], tag: str) -> float:
    """The largest drop against the baseline after any step."""
    results = [step.candidate.languages.get(tag) for step in steps]
    return max((each.drop for each in results if each is not None and each.drop is not None), default=float("-inf"))


def _scale(panel: DropPanel) -> Normalize:
    single = [each.drop for step in panel.steps for each in step.languages.values()]
    whole = [row.drop for row in panel.steps[-1].candidate.languages.values()]
    return scale_of((*single, *whole), panel.margin)


def _draw_step(axes: Axes, row: int, step: ChainStep, panel: DropPanel, scale: Normalize) -> None:
    if step.failed is not None:
        _draw_failure(axes, row, step.failed, panel)
        return
    change = step.mean.difference
    _draw_cell(axes, (0, row), None if change is None else -change, scale)
    for column, tag in enumerate(panel.tags, 1):
        each = step.languages[tag]
        at = (column + _GAP, row)
        _draw_cell(axes, at, each.drop, scale, sign=VERDICT_SIGN[each.verdict], strong=each.verdict == "harmed")
        if each.newly_harmed:
            ink = readable_on(fill_of(each.drop, scale))
            frame = Rectangle((at[0] + 0.06, row + 0.05), 0.88, 0.9, fill=False, edgecolor=ink, linewidth=1.6)
            axes.add_patch(frame)


def _draw_total(axes: Axes, panel: DropPanel, scale: Normalize) -> None:
    """The last row: the whole way, by the verdicts' own drops."""
    row = len(panel.steps) + 0.15 / ROW
    last = panel.steps[-1]
    if last.failed is not None:
        _draw_failure(axes, row, last.failed, panel)
        return
    first, after = panel.steps[0].mean.before, last.mean.after
    _draw_cell(axes, (0, row), None if first is None or after is None else first - after, scale)
    for column, tag in enumerate(panel.tags, 1):
        result = last.candidate.languages.get(tag)
        verdict: VerdictKind | None = None if result is None else result.verdict
        drop = None if result is None else result.drop
        sign = VERDICT_SIGN[verdict]
        _draw_cell(axes, (column + _GAP, row), drop, scale, sign=sign, strong=verdict == "harmed")


def _draw_cell(
    axes: Axes, at: tuple[float, float], drop: float | None, scale: Normalize, *, sign: str = "", strong: bool = False
) -> None:
    number = ABSENT if drop is None else points(drop, 1 if abs(drop) < 0.995 else 0)
    draw_cell(axes, at, fill_of(drop, scale), number, sign if drop is not None else "", strong=strong)


def _draw_failure(axes: Axes, row: float, reason: str, panel: DropPanel) -> None:
    """A grey row with the reason, as wide as the figure allows."""
    inches = max(panel.cell * (len(panel.names) + _GAP), panel.fill - LEFT - 0.2)
    fill = Rectangle((0, row), inches / panel.cell, 1, facecolor=ABSENT_FILL, edgecolor=SURFACE, linewidth=1.5)
    fill.set_clip_on(False)
    axes.add_patch(fill)
    axes.annotate(
        drawable(reason, int(inches / 0.083) - 4),
        (0, row + 0.5),
        (8, 0),
        textcoords="offset points",
        va="center",
        color=ON_LIGHT,
    )


def _title(figure: Figure, panel: DropPanel) -> None:
    width, height = figure.get_size_inches()
    told = panel.terms.told(
        "Drop in accuracy at each step, in points against the step before; signs: the verdict against the baseline"
    )
    for text, below, size, colour, weight in (
        (panel.terms.told("Which language pays at which step"), 0.1, TEXT_SIZE + 1.5, INK, "bold"),
        (told, 0.32, SMALL_SIZE, MUTED, "normal"),
    ):
        figure.text(
            LEFT / width, (panel.height - below) / height, text, fontsize=size, color=colour, weight=weight, va="top"
        )


def _draw_legend(figure: Figure, panel: DropPanel, scale: Normalize) -> None:
    limit = float(scale.vmax or 0)
    ticks = {-limit: points(-limit), 0.0: "0", limit: points(limit)}
    draw_colour_bar(figure, (0.4, 0.45, 1.8), COLOURS, scale, "gain   \N{LEFT RIGHT ARROW}   drop, points", ticks)
    signs = (
        *sign_words(panel.margin, panel.terms),
        "framed: harmed for the first time",
        f"{ABSENT}  not measured",
    )
    width, height = figure.get_size_inches()
    gap = " " * 8
    figure.text(
        LEFT / width,
        0.53 / height,
        f"{gap.join(signs[:3])}\n{gap.join(signs[3:])}",
        fontsize=SMALL_SIZE,
        color=INK,
        va="center",
        linespacing=1.7,
    )
