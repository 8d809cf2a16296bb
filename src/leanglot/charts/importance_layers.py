"""The importance of whole layers, or of each layer's neurons: languages by layers, with what was kept."""

from typing import Final

from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from leanglot.charts.importance_cells import (
    FOOT,
    Layers,
    draw_heat,
    draw_legend,
    fill_of,
    removed_share,
    removed_units,
    scale_of,
    title_at,
)
from leanglot.charts.labels import drawable, language_name
from leanglot.charts.quantities import count, percent
from leanglot.charts.style import INK, MUTED, SMALL_SIZE, bare, new_figure, place, readable_on, write_in_row
from leanglot.results.shaping import ImportanceMap

_LEFT: Final = 2.5
_RIGHT: Final = 1.2
_HEAD: Final = 1.55
_ROW: Final = 0.27
_APART: Final = 0.12  # inches between the combined row and the languages
_ABOVE: Final = 0.85  # for bars or signs above the heat map
_CELL: Final = (0.22, 0.46)
_WIDEST: Final = 11.0
_NUMBERED: Final = 0.38  # inches of a cell that a number fits in
_NARROWEST: Final = 8.6
_BAR: Final = "#8592a1"


def draw_by_layer(importance: ImportanceMap, combined: str) -> Figure:
    """Draws languages by layers; those that lose most come first where layers were removed.

    Args:
        importance: A map of kind ``ffn`` or ``layers``.
        combined: How the languages' scores became one, in words.
    """
    tags = list(importance.scores)
    if importance.kind == "layers":
        tags.sort(key=lambda tag: -removed_share(importance, tag))
    columns = max(1, len(importance.combined))
    cell = min(_CELL[1], max(_CELL[0], _WIDEST / columns))
    below = FOOT + 0.35
    rows = _ROW * max(1, len(tags))
    height = below + rows + _APART + _ROW + _ABOVE + _HEAD
    figure = new_figure(max(_NARROWEST, _LEFT + cell * columns + _RIGHT), height)
    scale = scale_of(importance)
    languages = place(figure, _LEFT, below, cell * columns, rows)
    _draw_rows(languages, [_flat(importance.scores[tag]) for tag in tags], scale, numbered=cell >= _NUMBERED)
    _name_rows(languages, [f"{drawable(language_name(tag), 24)}  {drawable(tag, 10)}" for tag in tags])
    chosen = place(figure, _LEFT, below + rows + _APART, cell * columns, _ROW)
    _draw_rows(chosen, [_flat(importance.combined)], scale, numbered=cell >= _NUMBERED)
    _name_rows(chosen, [combined])
    _number_layers(languages, columns, cell)
    above = place(figure, _LEFT, below + rows + _APART + _ROW + 0.05, cell * columns, _ABOVE - 0.25)
    top = below + rows + _APART + _ROW + _ABOVE
    if importance.kind == "ffn":
        _draw_kept(above, [sum(kept) for kept in importance.kept], upright=cell < _NUMBERED)
        title_at(
            figure, _LEFT, top, "Neurons that stay, and importance by layer", "what each layer's neurons add up to"
        )
        sign = "bars: neurons that stay in each layer"
    else:
        _mark_removed(figure, above, importance, (below - 0.03, rows + _APART + _ROW + 0.06))
        _tell_shares(languages, [removed_share(importance, tag) for tag in tags])
        title_at(
            figure, _LEFT, top, "Importance by layer", "right: the share of it that was removed, the largest first"
        )
        sign = "framed: removed"
    draw_legend(figure, importance, scale, sign)
    return figure


def _flat(layers: Layers) -> list[float]:
    return [sum(layer) for layer in layers]


def _draw_rows(axes: Axes, rows: Layers, scale: PowerNorm, *, numbered: bool) -> None:
    draw_heat(axes, rows, scale, gap=1.0)
    axes.set_xticks([])
    axes.set_yticks([])
    for row, scores in enumerate(rows):
        for column, score in enumerate(scores) if numbered else ():
            axes.text(
                column + 0.5,
                row + 0.53,
                percent(score).removesuffix("%"),
                ha="center",
                va="center",
                fontsize=SMALL_SIZE - 1,
                color=readable_on(fill_of(score, scale)),
            )


def _name_rows(axes: Axes, names: list[str]) -> None:
    for row, name in enumerate(names):
        write_in_row(axes, (0, row), name, -6, "right", INK)


def _tell_shares(axes: Axes, shares: list[float]) -> None:
    for row, share in enumerate(shares):
        write_in_row(axes, (1, row), percent(share), 42, "right", MUTED)


def _number_layers(axes: Axes, columns: int, cell: float) -> None:
    every = 1 if cell >= 0.25 else 2
    shown = range(0, columns, every)
    axes.set_xticks([layer + 0.5 for layer in shown], [str(layer) for layer in shown], fontsize=SMALL_SIZE)
    axes.set_xlabel("layer", fontsize=SMALL_SIZE)
    axes.tick_params(length=0, pad=5)


def _draw_kept(axes: Axes, kept: list[int], *, upright: bool) -> None:
    """Bars of the neurons that stay, with their numbers; upright where the layers are narrow."""
    bare(axes)
    axes.set_xlim(0, len(kept))
    axes.set_ylim(0, (2 if upright else 1.3) * (max(kept, default=0) or 1))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.bar([layer + 0.5 for layer in range(len(kept))], kept, width=0.72, color=_BAR)
    for layer, number in enumerate(kept):
        axes.annotate(
            count(number),
            (layer + 0.5, number),
            (0, 2),
            textcoords="offset points",
            ha="center",
            rotation=90 if upright else 0,
            fontsize=SMALL_SIZE - 1,
            color=MUTED,
        )


def _mark_removed(figure: Figure, above: Axes, importance: ImportanceMap, rows: tuple[float, float]) -> None:
    """Frames the columns of removed layers, with the word above each."""
    bare(above)
    above.set_xlim(0, len(importance.combined))
    above.set_xticks([])
    above.set_yticks([])
    height = float(figure.get_size_inches()[1])
    left, right = above.get_position().x0, above.get_position().x1
    cell = (right - left) / len(importance.combined)
    for layer, _ in removed_units(importance):
        at = (left + layer * cell, rows[0] / height)
        figure.add_artist(Rectangle(at, cell, rows[1] / height, fill=False, edgecolor=INK, linewidth=1.4))
        above.annotate(
            "removed",
            (layer + 0.5, 0),
            (0, 3),
            xycoords=above.get_xaxis_transform(),
            textcoords="offset points",
            rotation=90,
            ha="center",
            va="bottom",
            fontsize=SMALL_SIZE,
        )
