"""The heat map of harm: candidates by languages, the drop in points and the verdict in every cell."""

from dataclasses import dataclass
from typing import Final

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from leanglot.charts.labels import challengers, drawable, language_name, language_tags
from leanglot.charts.quantities import ABSENT, points
from leanglot.charts.style import (
    ABSENT_FILL,
    INK,
    MUTED,
    ON_LIGHT,
    SMALL_SIZE,
    SURFACE,
    TEXT_SIZE,
    VERDICT_SIGN,
    VERDICT_WORD,
    bare,
    headline,
    new_figure,
    place,
    readable_on,
    style,
)
from leanglot.results.records import Candidate, LanguageResult, RunReport

_CELL_WIDTH: Final = 0.42
_CELL_HEIGHT: Final = 0.46
_LEFT: Final = 2.6
_BOTTOM: Final = 0.95
_COLOURS: Final = colormaps["RdBu_r"]
_SATURATION: Final = 0.10


@dataclass(frozen=True)
class _Grid:
    candidates: tuple[Candidate, ...]
    tags: tuple[str, ...]
    scale: Normalize


def draw(report: RunReport) -> Figure:
    """Draws the drop of every candidate in every language, worst language first.

    Args:
        report: The run; candidates without a result for a language show "n/a" there, failed ones a grey row.

    Returns:
        A figure of its own, about half an inch per language and candidate.
    """
    candidates = challengers(report)
    tags = tuple(sorted(language_tags(report), key=lambda tag: -_worst_drop(candidates, tag)))
    grid = _Grid(candidates, tags, _scale(candidates, report.margin))
    with style():
        names = [f"{drawable(language_name(tag), 30)}  {drawable(tag, 14)}" for tag in tags]
        slanted = 0.068 * max(map(len, names), default=0) * 0.71 + 0.15
        width = max(7.5, _LEFT + _CELL_WIDTH * len(tags) + max(0.3, slanted))
        height = 0.95 + slanted + _CELL_HEIGHT * max(1, len(candidates)) + _BOTTOM
        figure = new_figure(width, height)
        axes = place(figure, _LEFT, _BOTTOM, _CELL_WIDTH * max(1, len(tags)), _CELL_HEIGHT * max(1, len(candidates)))
        _draw_cells(axes, grid)
        _label(axes, grid, names)
        _draw_legend(figure, grid, report.margin)
        headline(
            figure,
            "What each candidate costs each language",
            "Drop in accuracy against the baseline, in points; the language with the worst drop first",
        )
        figure.draw_without_rendering()
    return figure


def _worst_drop(candidates: tuple[Candidate, ...], tag: str) -> float:
    """The largest drop any candidate causes; languages without a single measured drop come last."""
    rows = (candidate.languages.get(tag) for candidate in candidates)
    drops = [row.drop for row in rows if row is not None and row.drop is not None]
    return max(drops, default=float("-inf"))


def _scale(candidates: tuple[Candidate, ...], margin: float) -> Normalize:
    """Symmetric around no drop; wide enough for the margin, but one collapse must not hide the rest."""
    drops = [abs(row.drop) for each in candidates for row in each.languages.values() if row.drop is not None]
    limit = min(max([2 * margin, *drops]), max(_SATURATION, 2 * margin))
    return Normalize(-limit, limit, clip=True)


def _draw_cells(axes: Axes, grid: _Grid) -> None:
    axes.set_xlim(0, max(1, len(grid.tags)))
    axes.set_ylim(max(1, len(grid.candidates)), 0)
    for row, candidate in enumerate(grid.candidates):
        if candidate.status == "failed":
            _draw_failure(axes, row, candidate, len(grid.tags))
            continue
        for column, tag in enumerate(grid.tags):
            _draw_cell(axes, (column, row), candidate.languages.get(tag), grid.scale)


def _draw_cell(axes: Axes, at: tuple[int, int], result: LanguageResult | None, scale: Normalize) -> None:
    drop = None if result is None else result.drop
    fill = ABSENT_FILL if drop is None else to_hex(_COLOURS(scale(drop)))
    axes.add_patch(Rectangle(at, 1, 1, facecolor=fill, edgecolor=SURFACE, linewidth=1.5))
    ink = readable_on(fill)
    middle = at[0] + 0.5
    if result is None or drop is None:
        axes.text(middle, at[1] + 0.5, ABSENT, ha="center", va="center", fontsize=SMALL_SIZE, color=ink)
        return
    axes.text(middle, at[1] + 0.34, points(drop), ha="center", va="center", fontsize=SMALL_SIZE, color=ink)
    sign = VERDICT_SIGN[result.verdict]
    size = TEXT_SIZE + 1.5 if result.verdict == "harmed" else SMALL_SIZE
    axes.text(middle, at[1] + 0.71, sign, ha="center", va="center", fontsize=size, color=ink, weight="bold")


def _draw_failure(axes: Axes, row: int, candidate: Candidate, columns: int) -> None:
    axes.add_patch(Rectangle((0, row), max(1, columns), 1, facecolor=ABSENT_FILL, edgecolor=SURFACE, linewidth=1.5))
    reason = f"failed: {candidate.reason or 'no reason was recorded'}"
    axes.text(
        0.3,
        row + 0.5,
        drawable(reason, max(6, int(columns * _CELL_WIDTH / 0.083) - 4)),
        va="center",
        color=ON_LIGHT,
    )


def _label(axes: Axes, grid: _Grid, names: list[str]) -> None:
    bare(axes)
    axes.set_xticks([])
    axes.set_yticks([])
    for column, name in enumerate(names):
        axes.text(
            column + 0.42,
            -0.12,
            name,
            rotation=45,
            rotation_mode="anchor",
            ha="left",
            va="bottom",
            fontsize=TEXT_SIZE,
        )
    for row, candidate in enumerate(grid.candidates):
        axes.annotate(
            drawable(candidate.name, 30),
            (0, row + 0.36),
            (-8, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=TEXT_SIZE,
            color=INK,
            annotation_clip=False,
        )
        axes.annotate(
            candidate.status,
            (0, row + 0.74),
            (-8, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=SMALL_SIZE,
            color=MUTED,
            annotation_clip=False,
        )
    if not grid.candidates:
        axes.text(0.1, 0.5, "There is no candidate beside the baseline.", va="center", color=MUTED)


def _draw_legend(figure: Figure, grid: _Grid, margin: float) -> None:
    bar = place(figure, 0.4, 0.47, 1.8, 0.13)
    # Flat steps stay vectors in the SVG file, where a smooth gradient would become a picture. Each reaches to the
    # end, under the next, so that no seams shine through.
    low, high = float(grid.scale.vmin or 0), float(grid.scale.vmax or 0)
    step = (high - low) / 64
    for index in range(64):
        start = low + index * step
        bar.axvspan(start, high, color=_COLOURS(grid.scale(start + step / 2)), linewidth=0)
    bar.set_xlim(low, high)
    bar.set_yticks([])
    bar.set_xticks([low, 0, high], [points(low), "0", points(high)])
    bare(bar)
    bar.set_title("gain   \N{LEFT RIGHT ARROW}   drop, points", fontsize=SMALL_SIZE, color=MUTED, pad=4)
    signs = [
        f"{VERDICT_SIGN['safe']}  {VERDICT_WORD['safe']}: proven below {points(margin, signed=False)} points",
        f"{VERDICT_SIGN['harmed']}  {VERDICT_WORD['harmed']}: the drop is significant",
        f"{VERDICT_SIGN['inconclusive']}  {VERDICT_WORD['inconclusive']}: needs more examples",
        f"{ABSENT}  not measured",
    ]
    width, height = figure.get_size_inches()
    text = "        ".join(signs) if width > 11 else "\n".join(("        ".join(signs[:2]), "        ".join(signs[2:])))
    figure.text(_LEFT / width, 0.53 / height, text, fontsize=SMALL_SIZE, color=INK, va="center", linespacing=1.7)
