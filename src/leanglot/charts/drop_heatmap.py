"""The heat map of harm: candidates by languages, the drop in points and the verdict in every cell."""

from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from leanglot.charts.drop_cells import COLOURS, draw_cell, fill_of, name_columns, scale_of, sign_words, slanted
from leanglot.charts.labels import challengers, drawable, drawable_name, language_tags
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
    bare,
    headline,
    new_figure,
    place,
    style,
)
from leanglot.results.records import Candidate, LanguageResult, RunReport
from leanglot.results.terms import Terms, terms_of

_CELL_WIDTH: Final = 0.42
_CELL_HEIGHT: Final = 0.46
_LEFT: Final = 2.6
_BOTTOM: Final = 0.95


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
    candidates, terms = challengers(report), terms_of(report.metric)
    tags = tuple(sorted(language_tags(report), key=lambda tag: -_worst_drop(candidates, tag)))
    drops = [row.drop for each in candidates for row in each.languages.values()]
    grid = _Grid(candidates, tags, scale_of(drops, report.margin))
    with style():
        names = [f"{drawable_name(tag, 30)}  {drawable(tag, 14)}" for tag in tags]
        rise = max(map(slanted, names), default=slanted(""))
        width = max(7.5, _LEFT + _CELL_WIDTH * len(tags) + max(0.3, rise))
        height = 0.95 + rise + _CELL_HEIGHT * max(1, len(candidates)) + _BOTTOM
        figure = new_figure(width, height)
        axes = place(figure, _LEFT, _BOTTOM, _CELL_WIDTH * max(1, len(tags)), _CELL_HEIGHT * max(1, len(candidates)))
        _draw_cells(axes, grid)
        _label(axes, grid, names)
        _draw_legend(figure, grid, report.margin, terms)
        headline(
            figure,
            terms.told("What each candidate costs each language"),
            terms.told("Drop in accuracy against the baseline, in points; the language with the worst drop first"),
        )
        figure.draw_without_rendering()
    return figure


def _worst_drop(candidates: tuple[Candidate, ...], tag: str) -> float:
    """The largest drop any candidate causes; languages without a single measured drop come last."""
    rows = (candidate.languages.get(tag) for candidate in candidates)
    drops = [row.drop for row in rows if row is not None and row.drop is not None]
    return max(drops, default=float("-inf"))


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
    if result is None or result.drop is None:
        draw_cell(axes, at, fill_of(None, scale), ABSENT)
        return
    sign, strong = VERDICT_SIGN[result.verdict], result.verdict == "harmed"
    draw_cell(axes, at, fill_of(result.drop, scale), points(result.drop), sign, strong=strong)


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
    name_columns(axes, dict(enumerate(names)))
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


def _draw_legend(figure: Figure, grid: _Grid, margin: float, terms: Terms) -> None:
    bar = place(figure, 0.4, 0.47, 1.8, 0.13)
    # Flat steps stay vectors in the SVG file, where a smooth gradient would become a picture. Each reaches to the
    # end, under the next, so that no seams shine through.
    low, high = float(grid.scale.vmin or 0), float(grid.scale.vmax or 0)
    step = (high - low) / 64
    for index in range(64):
        start = low + index * step
        bar.axvspan(start, high, color=COLOURS(grid.scale(start + step / 2)), linewidth=0)
    bar.set_xlim(low, high)
    bar.set_yticks([])
    bar.set_xticks([low, 0, high], [points(low), "0", points(high)])
    bare(bar)
    bar.set_title("gain   \N{LEFT RIGHT ARROW}   drop, points", fontsize=SMALL_SIZE, color=MUTED, pad=4)
    signs = [*sign_words(margin, terms), f"{ABSENT}  not measured"]
    width, height = figure.get_size_inches()
    text = "        ".join(signs) if width > 11 else "\n".join(("        ".join(signs[:2]), "        ".join(signs[2:])))
    figure.text(_LEFT / width, 0.53 / height, text, fontsize=SMALL_SIZE, color=INK, va="center", linespacing=1.7)
