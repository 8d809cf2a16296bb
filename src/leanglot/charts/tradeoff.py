"""One panel of the overview: what each candidate's speed costs in accuracy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from leanglot.charts.labels import drawable
from leanglot.charts.point_labels import PointLabel, label_points
from leanglot.charts.quantities import ratio, score
from leanglot.charts.style import GRID, MUTED, SMALL_SIZE, STATUS_COLOUR, SURFACE, panel_title
from leanglot.results.records import Candidate, Status
from leanglot.results.terms import CLASSIFICATION, Terms

_LARGEST_BUBBLE: Final = 420.0  # square points
_SMALLEST_BUBBLE: Final = 26.0
_UNKNOWN_SIZE_BUBBLE: Final = 60.0


@dataclass(frozen=True)
class _Point:
    name: str
    status: Status
    speedup: float
    accuracy: float
    area: float
    pareto: bool


def draw_tradeoff(axes: Axes, candidates: Sequence[Candidate], terms: Terms = CLASSIFICATION) -> None:
    """Draws speed-up against accuracy: bubbles by size, the front of both axes, a label for each point.

    Candidates without one of the two numbers cannot stand anywhere and are named below the panel instead.

    Args:
        axes: The panel, already at its final place, since labels are placed by the pixel.
        candidates: All candidates, the baseline among them.
        terms: The words of the run.
    """
    points = _points(candidates)
    missing = [each.name for each in candidates if each.speedup is None or each.accuracy is None]
    _title(axes, missing, terms)
    axes.spines[:].set_color(GRID)
    axes.tick_params(length=0)
    if not points:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "n/a: no candidate has both numbers", ha="center", va="center", color=MUTED)
        return
    _set_limits(axes, points, terms)
    front = [points[index] for index in speed_front([(point.speedup, point.accuracy) for point in points])]
    _draw_front(axes, front)
    for order, point in enumerate(points):
        colour = STATUS_COLOUR[point.status]
        fill, edge = (colour, SURFACE) if point.pareto else (SURFACE, colour)
        axes.scatter(
            [point.speedup],
            [point.accuracy],
            s=[point.area],
            facecolor=fill,
            edgecolor=edge,
            linewidth=1.4,
            zorder=3 + order / 100,
        )
    _draw_labels(axes, points, front)


def speed_front(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Positions of the points that no other beats in both coordinates, from left to right.

    Args:
        points: Speed-up and accuracy of each point; more of either is better.
    """
    order = sorted(range(len(points)), key=lambda one: (-points[one][0], -points[one][1]))
    front: list[int] = []
    best = -math.inf
    for index in order:
        if points[index][1] > best:
            best = points[index][1]
            front.append(index)
    return tuple(reversed(front))


def _points(candidates: Sequence[Candidate]) -> list[_Point]:
    largest = max((each.size_bytes for each in candidates if each.size_bytes), default=1)
    points = []
    for each in candidates:
        if each.speedup is None or each.accuracy is None:
            continue
        area = _UNKNOWN_SIZE_BUBBLE
        if each.size_bytes is not None:
            area = max(_SMALLEST_BUBBLE, _LARGEST_BUBBLE * each.size_bytes / largest)
        points.append(_Point(each.name, each.status, each.speedup, each.accuracy, area, bool(each.pareto)))
    # Small bubbles are drawn last, on top of the large ones that might hide them.
    return sorted(points, key=lambda point: -point.area)


def _title(axes: Axes, missing: Sequence[str], terms: Terms) -> None:
    panel_title(
        axes,
        terms.told("Accuracy against speed-up"),
        terms.told("bubble area: size; line: best accuracy at each speed"),
    )
    notes = ["filled: on the Pareto front of latency, size and worst drop"]
    if missing:
        notes.append(f"left out, no numbers: {drawable(', '.join(missing), 46)}")
    for row, note in enumerate(notes):
        axes.annotate(
            note,
            (0, 0),
            (0, -46 - 12 * row),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=SMALL_SIZE,
            color=MUTED,
        )


def _set_limits(axes: Axes, points: Sequence[_Point], terms: Terms) -> None:
    speeds = [point.speedup for point in points]
    accuracies = [point.accuracy for point in points]
    speed_margin = 0.22 * max(0.5, max(speeds) - min(speeds))
    accuracy_margin = 0.28 * max(0.01, max(accuracies) - min(accuracies))
    axes.set_xlim(max(0.0, min(speeds) - speed_margin), max(speeds) + speed_margin)
    axes.set_ylim(min(accuracies) - accuracy_margin, max(accuracies) + accuracy_margin)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: ratio(value))
    # Ticks half a tenth of a point apart need the second decimal to be told apart.
    decimals = 2 if max(accuracies) - min(accuracies) < 0.004 else 1
    axes.yaxis.set_major_formatter(lambda value, _: score(value, terms, decimals) if value <= 1 + 1e-9 else "")
    axes.tick_params(labelsize=SMALL_SIZE, labelcolor=MUTED)
    axes.grid(visible=True)
    axes.set_xlabel("speed-up", fontsize=SMALL_SIZE)


def _draw_front(axes: Axes, front: Sequence[_Point]) -> None:
    speeds, accuracies = [point.speedup for point in front], [point.accuracy for point in front]
    # Between two points of the front, the accuracy on offer is that of the faster one.
    axes.step(speeds, accuracies, where="pre", color=MUTED, linewidth=1.1, zorder=2)


def _draw_labels(axes: Axes, points: Sequence[_Point], front: Sequence[_Point]) -> None:
    corners = [(point.speedup, point.accuracy) for point in front]
    labels = [
        PointLabel(point.name, point.speedup, point.accuracy, math.sqrt(point.area / math.pi) + 1) for point in points
    ]
    label_points(axes, labels, [((x0, y1), (x1, y1)) for (x0, _), (x1, y1) in pairwise(corners)])
