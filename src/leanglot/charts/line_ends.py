"""Names right of the ends of lines, moved apart where they would lie on each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes

from leanglot.charts.style import GRID, SMALL_SIZE

_LINE_HEIGHT: Final = 1.35  # of the type size
_OUT: Final = 10.0  # points from the axes' right edge


@dataclass(frozen=True)
class LineEnd:
    """A line's end and what is written beside it.

    Attributes:
        text: The name, perhaps with the value.
        x: Where the line ends, in data coordinates.
        y: The same, upwards.
        colour: Of the text.
        weight: ``normal`` or ``bold``.
    """

    text: str
    x: float
    y: float
    colour: str
    weight: str = "normal"


def name_ends(axes: Axes, ends: Sequence[LineEnd]) -> None:
    """Writes each name right of the axes, at its line's height where that is free, with a thin line to the end.

    Args:
        axes: At their final place and with their final limits and scales.
        ends: The lines' ends; each must lie inside of the axes.
    """
    figure = axes.get_figure(root=True)
    if figure is None or not ends:
        return
    frame = axes.get_window_extent()
    scale = 72 / figure.dpi
    heights = [float((axes.transData.transform((end.x, end.y))[1] - frame.y0) * scale) for end in ends]
    placed = spread_apart(heights, SMALL_SIZE * _LINE_HEIGHT, frame.height * scale)
    for end, height in zip(ends, placed, strict=True):
        beside = (1 + _OUT / (frame.width * scale), height / (frame.height * scale))
        axes.annotate(
            end.text,
            beside,
            xycoords="axes fraction",
            fontsize=SMALL_SIZE,
            color=end.colour,
            weight=end.weight,
            va="center",
            annotation_clip=False,
        )
        axes.annotate(
            "",
            (end.x, end.y),
            beside,
            xycoords="data",
            textcoords="axes fraction",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": GRID, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 3},
        )


def spread_apart(heights: Sequence[float], apart: float, top: float) -> list[float]:
    """Heights near the wanted ones, in the same order, no two closer than a distance, between 0 and a top.

    Where they are too many for that, they keep their distance and go beyond the top.

    Args:
        heights: Wanted heights.
        apart: Least distance.
        top: The highest that is allowed.
    """
    order = sorted(range(len(heights)), key=lambda place: (heights[place], place))
    placed = dict.fromkeys(order, 0.0)
    limit = max(top, apart * (len(order) - 1))
    ceiling = limit
    for place in reversed(order):
        placed[place] = min(heights[place], ceiling)
        ceiling = placed[place] - apart
    floor = 0.0
    for place in order:
        placed[place] = max(placed[place], floor)
        floor = placed[place] + apart
    return [placed[place] for place in range(len(heights))]
