"""What the charts of importance share: one colour scale, heat maps of it, what was removed, and the legend."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import PowerNorm, to_hex
from matplotlib.figure import Figure

from leanglot.charts.colour_bar import draw_colour_bar
from leanglot.charts.quantities import percent
from leanglot.charts.style import INK, MUTED, SMALL_SIZE, SURFACE, TEXT_SIZE, bare, readable_on
from leanglot.results.shaping import ImportanceMap

FOOT: Final = 1.05  # inches for the legend
_COLOURS: Final = colormaps["YlGnBu"]  # darker means more, in grey too
# A few heads or layers hold most of the importance, and an even scale would show nothing else.
_CURVE: Final = {"heads": 0.5, "layers": 0.5, "ffn": 1.0}

Layers = Sequence[Sequence[float]]
Unit = tuple[int, int]


def scale_of(importance: ImportanceMap) -> PowerNorm:
    """One scale for all heat maps of a figure, from 0 to the largest score."""
    maps = (importance.combined, *importance.scores.values())
    largest = max((score for layers in maps for layer in layers for score in layer), default=0.0)
    return PowerNorm(_CURVE[importance.kind], vmin=0, vmax=largest or 1.0, clip=True)


def fill_of(score: float, scale: PowerNorm) -> str:
    """The colour of a score."""
    return to_hex(_COLOURS(scale(score)))


def removed_units(importance: ImportanceMap) -> Iterator[Unit]:
    """Layer and place of each head, or layer and 0 of each layer, that was removed."""
    for layer, (scores, kept) in enumerate(zip(importance.combined, importance.kept, strict=True)):
        yield from ((layer, unit) for unit in range(len(scores)) if unit not in kept)


def removed_share(importance: ImportanceMap, tag: str) -> float:
    """The share of a language's importance that was removed."""
    return math.fsum(importance.scores[tag][layer][unit] for layer, unit in removed_units(importance))


def draw_heat(axes: Axes, layers: Layers, scale: PowerNorm, gap: float) -> None:
    """Draws layers downwards by units to the right, with so many points between cells; layers may differ in units."""
    widest = max(map(len, layers), default=1)
    cells = np.full((len(layers), widest), np.nan)
    for row, layer in enumerate(layers):
        cells[row, : len(layer)] = layer
    masked = np.ma.masked_invalid(cells)
    axes.pcolormesh(masked, cmap=_COLOURS, norm=scale, edgecolors=SURFACE, linewidth=gap)
    axes.set_xlim(0, widest)
    axes.set_ylim(len(layers), 0)
    bare(axes)


def cross_out(axes: Axes, layers: Layers, removed: Sequence[Unit], scale: PowerNorm, width: float) -> None:
    """Crosses units out, in ink that can be seen on each one's colour."""
    lines, inks = [], []
    for layer, unit in removed:
        ink = readable_on(fill_of(layers[layer][unit], scale))
        near, far = 0.2, 0.8
        for ends in ((near, far), (far, near)):
            lines.append([(unit + near, layer + ends[0]), (unit + far, layer + ends[1])])
            inks.append(ink)
    axes.add_collection(LineCollection(lines, colors=inks, linewidths=width, capstyle="round"), autolim=False)


def title_at(figure: Figure, left: float, above: float, title: str, subtitle: str) -> None:
    """Writes a part's title and a muted line, so many inches from the figure's left and from its foot."""
    width, height = figure.get_size_inches()
    for text, offset, size, colour, weight in (
        (title, 0.5, TEXT_SIZE + 1.5, INK, "bold"),
        (subtitle, 0.3, SMALL_SIZE, MUTED, "normal"),
    ):
        figure.text(left / width, (above + offset) / height, text, fontsize=size, color=colour, weight=weight)


def draw_legend(figure: Figure, importance: ImportanceMap, scale: PowerNorm, sign: str) -> None:
    """Draws the colour scale at the foot, and what the sign of removal means."""
    largest = float(scale.vmax or 1)
    curved = _CURVE[importance.kind] != 1
    ticks = {value: _short(value) for value in (0.0, largest / (4 if curved else 2), largest)}
    title = f"share of a language's importance{', square-root scale' if curved else ''}"
    draw_colour_bar(figure, (0.4, 0.42, 2.6), _COLOURS, scale, title, ticks)
    width, height = figure.get_size_inches()
    figure.text(3.5 / width, 0.48 / height, sign, fontsize=SMALL_SIZE, va="center")


def _short(share: float) -> str:
    """A share with two digits at most after the point."""
    return percent(share, 0 if share >= 0.1 or share == 0 else 1 if share >= 0.01 else 2)
