"""The importance of heads, neurons or layers as heat maps: what it was chosen by, and each language's own."""

import math
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leanglot.charts.files import write_figure
from leanglot.charts.importance_cells import (
    FOOT,
    cross_out,
    draw_heat,
    draw_legend,
    removed_share,
    removed_units,
    scale_of,
    title_at,
)
from leanglot.charts.importance_layers import draw_by_layer
from leanglot.charts.labels import drawable, language_name
from leanglot.charts.quantities import count, percent
from leanglot.charts.style import INK, MUTED, SMALL_SIZE, headline, new_figure, place, style
from leanglot.results.shaping import ImportanceMap, UnitKind

_LEFT: Final = 0.75
_HEAD: Final = 1.55  # inches down to the heat maps
_WIDEST: Final = 3.7
_HIGHEST: Final = 5.6
_CELL: Final = 0.31
_SMALL: Final = 1.5  # inches of the widest little heat map
_ACROSS: Final = (3, 6)  # little heat maps in a row: of few languages, of many
_BETWEEN: Final = 0.3
_TITLE: Final = 0.5  # for what stands above each little heat map
_WIDTH: Final = (8.6, 13.3)  # of the figure, at least and at most
_UNITS: Final[dict[UnitKind, str]] = {"heads": "heads", "ffn": "FFN neurons", "layers": "layers"}
_METHOD: Final = {
    "taylor": "activation times gradient",
    "gradient": "the gradient's magnitude",
    "ablation": "how answers change without it",
}
_COMBINED: Final = {
    "worst": "the largest over languages",
    "mean": "the mean over languages",
    "traffic": "the mean by traffic",
}


def draw(importance: ImportanceMap, model_name: str) -> Figure:
    """Draws layers by heads with a little heat map per language, or languages by layers for neurons and layers.

    Args:
        importance: The map of one pruning step.
        model_name: The model's name.

    Returns:
        A figure of its own; all heat maps in it share one colour scale.
    """
    with style():
        combined = _COMBINED[importance.combine]
        figure = (
            _draw_heads(importance, combined) if importance.kind == "heads" else draw_by_layer(importance, combined)
        )
        headline(
            figure,
            f"Which {_UNITS[importance.kind]} each language needs: {drawable(model_name, 36)}",
            f"Measured by {_METHOD[importance.method]}, on {_texts(importance)}",
        )
        figure.draw_without_rendering()
    return figure


def write_importance(importance: ImportanceMap, model_name: str, folder: Path, stem: str) -> tuple[Path, Path]:
    """Draws the map and writes it as PNG and as SVG.

    Args:
        importance: The map of one pruning step.
        model_name: The model's name.
        folder: Where the files go; made when missing. Files of the same names are replaced.
        stem: Their name without an ending.

    Returns:
        The files written, the PNG first.

    Raises:
        StorageError: When the folder or a file cannot be written.
    """
    return write_figure(draw(importance, model_name), folder, stem)


def _texts(importance: ImportanceMap) -> str:
    numbers = list(importance.texts.values())
    if not numbers:
        return "an unknown number of texts"
    least, most = min(numbers), max(numbers)
    each = count(least) if least == most else f"{count(least)} to {count(most)}"
    return f"{count(sum(numbers))} texts in {len(numbers)} language{'' if len(numbers) == 1 else 's'}, {each} of each"


def _draw_heads(importance: ImportanceMap, combined: str) -> Figure:
    """What was chosen by on the left; on the right one map per language, who loses most first."""
    tags = sorted(importance.scores, key=lambda tag: -removed_share(importance, tag))
    rows, columns = max(1, len(importance.combined)), max(map(len, importance.combined), default=1)
    cell = min(_CELL, _WIDEST / columns, _HIGHEST / rows)
    across = _ACROSS[0] if len(tags) <= 2 * _ACROSS[0] else _ACROSS[1]
    right = _LEFT + max(cell * columns, 2.0) + 0.6
    small = min(_SMALL, (_WIDTH[1] - right) / across - _BETWEEN)
    tall = min(small * rows / columns, 2 * small)
    down = max(1, math.ceil(len(tags) / across))
    top = FOOT + max(cell * rows + 0.45, down * (tall + _TITLE))
    figure = new_figure(max(_WIDTH[0], right + across * (small + _BETWEEN)), top + _HEAD)

    scale, removed = scale_of(importance), list(removed_units(importance))
    main = place(figure, _LEFT, top - cell * rows, cell * columns, cell * rows)
    draw_heat(main, importance.combined, scale, gap=1.2)
    cross_out(main, importance.combined, removed, scale, width=1.3)
    _number(main, rows, columns, cell)
    title_at(figure, _LEFT, top, "Chosen by", combined)
    title_at(figure, right, top, "By language", "with the share of its importance that was removed, the largest first")
    for index, tag in enumerate(tags):
        row, column = divmod(index, across)
        at = (right + column * (small + _BETWEEN), top - row * (tall + _TITLE) - _TITLE + 0.18 - tall)
        axes = place(figure, *at, small, tall)
        draw_heat(axes, importance.scores[tag], scale, gap=0.3)
        cross_out(axes, importance.scores[tag], removed, scale, width=0.6)
        axes.set_xticks([])
        axes.set_yticks([])
        _name(axes, importance, tag, small + _BETWEEN)
    draw_legend(figure, importance, scale, "crossed out: removed")
    return figure


def _name(axes: Axes, importance: ImportanceMap, tag: str, width: float) -> None:
    """Writes the language, as far as so many inches allow, and the share of its importance that was removed."""
    name, room = language_name(tag), int(width / 0.07)
    if len(name) > room:  # the tag tells apart what a cut name would not
        name = f"{name.partition(' (')[0]} {tag}"
    name = drawable(name, room)
    for text, above, colour in ((name, 13, INK), (percent(removed_share(importance, tag)), 3, MUTED)):
        axes.annotate(
            text,
            (0, 1),
            (0, above),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=SMALL_SIZE,
            color=colour,
        )


def _number(axes: Axes, rows: int, columns: int, cell: float) -> None:
    """Numbers layers and heads from 0, as recipes do; every second one where cells are small."""
    every = 1 if cell >= 0.19 else 2
    shown = range(0, columns, every), range(0, rows, every)
    axes.set_xticks([unit + 0.5 for unit in shown[0]], [str(unit) for unit in shown[0]])
    axes.set_yticks([layer + 0.5 for layer in shown[1]], [str(layer) for layer in shown[1]], fontsize=SMALL_SIZE)
    axes.set_xlabel("head", fontsize=SMALL_SIZE)
    axes.set_ylabel("layer", fontsize=SMALL_SIZE)
