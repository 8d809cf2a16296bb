"""Names beside the points of a panel, none on another, with a leader where a name stands far from its point."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes

from leanglot.charts.labels import drawable
from leanglot.charts.place_labels import Box, Bubble, needs_leader, place_labels
from leanglot.charts.style import INK, MUTED, SMALL_SIZE, SURFACE

_SIZE: Final = SMALL_SIZE - 0.5
Spot = tuple[float, float]


@dataclass(frozen=True)
class PointLabel:
    """A point and its name.

    Attributes:
        text: The name.
        x: In data coordinates.
        y: The same, upwards.
        radius: Of the drawn mark, in points.
    """

    text: str
    x: float
    y: float
    radius: float


def label_points(axes: Axes, labels: Sequence[PointLabel], lines: Sequence[tuple[Spot, Spot]] = ()) -> None:
    """Writes each name near its point and clear of all others.

    Args:
        axes: At their final place and with their final limits and scales, since labels are placed by the pixel.
        labels: The points.
        lines: Upright or level lines that names should not cover, by both ends in data coordinates.
    """
    figure = axes.get_figure(root=True)
    if figure is None:
        return
    scale = 72 / figure.dpi
    texts = [drawable(label.text, 26) for label in labels]
    bubbles = []
    for label, text in zip(labels, texts, strict=True):
        sample = axes.text(0, 0, text, fontsize=_SIZE, transform=axes.transAxes)
        extent = sample.get_window_extent()
        sample.remove()
        x, y = axes.transData.transform((label.x, label.y)) * scale
        bubbles.append(Bubble(x, y, label.radius, extent.width * scale + 4, extent.height * scale + 2))
    obstacles = []
    for ends in lines:
        (x0, y0), (x1, y1) = (axes.transData.transform(end) * scale for end in ends)
        thick = (0.0, 1.0) if abs(x1 - x0) >= abs(y1 - y0) else (1.0, 0.0)
        low, high = (min(x0, x1) - thick[0], min(y0, y1) - thick[1]), (max(x0, x1) + thick[0], max(y0, y1) + thick[1])
        obstacles.append(Box(*low, *high))
    frame = axes.get_window_extent()
    inside = Box(frame.x0 * scale + 3, frame.y0 * scale + 3, frame.x1 * scale - 3, frame.y1 * scale - 3)
    for index, box in enumerate(place_labels(bubbles, inside, obstacles)):
        if needs_leader(index, bubbles, box):
            _draw_leader(axes, bubbles[index], box)
        axes.annotate(
            texts[index],
            ((box.left + box.right) / 2, (box.bottom + box.top) / 2),
            xycoords="figure points",
            ha="center",
            va="center",
            fontsize=_SIZE,
            color=INK,
            zorder=5,
            bbox={"facecolor": SURFACE, "edgecolor": "none", "alpha": 0.85, "pad": 0.5},
        )


def _draw_leader(axes: Axes, bubble: Bubble, box: Box) -> None:
    nearest = (min(max(bubble.x, box.left), box.right), min(max(bubble.y, box.bottom), box.top))
    axes.annotate(
        "",
        xy=(bubble.x, bubble.y),
        xytext=nearest,
        xycoords="figure points",
        textcoords="figure points",
        zorder=4,
        arrowprops={
            "arrowstyle": "-",
            "color": MUTED,
            "linewidth": 0.7,
            "shrinkA": 0,
            "shrinkB": bubble.radius - 1,
        },
    )
