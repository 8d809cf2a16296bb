"""Finds a place for each point's label so that no label covers a point or another label."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

_DIRECTIONS: Final = 16
_RINGS: Final = (0.0, 10.0, 22.0, 38.0, 58.0, 82.0, 110.0, 145.0)


@dataclass(frozen=True)
class Box:
    """An upright rectangle, in pixels or points.

    Attributes:
        left: Left edge.
        bottom: Lower edge.
        right: Right edge.
        top: Upper edge.
    """

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: "Box") -> float:
        """Area that both cover; 0 where they only touch."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    def distance(self, x: float, y: float) -> float:
        """Distance from a point to the nearest spot of this box; 0 inside."""
        return math.hypot(x - min(max(x, self.left), self.right), y - min(max(y, self.bottom), self.top))

    def outside(self, frame: "Box") -> float:
        """Area of this box that lies outside of a frame."""
        return (self.right - self.left) * (self.top - self.bottom) - self.overlap(frame)


@dataclass(frozen=True)
class Bubble:
    """A point to be labelled.

    Attributes:
        x: Centre, in the unit of the frame.
        y: Centre.
        radius: Radius of the drawn circle.
        label_width: Width of its label.
        label_height: Height of its label.
    """

    x: float
    y: float
    radius: float
    label_width: float
    label_height: float


def place_labels(bubbles: Sequence[Bubble], frame: Box, obstacles: Sequence[Box] = ()) -> tuple[Box, ...]:
    """Places one label per bubble, near it, inside the frame, and clear of all bubbles and of each other.

    Greedy: the most crowded bubble chooses first among positions in widening rings around it. Where nothing
    is free, the position that covers least is taken.

    Args:
        bubbles: The points with the sizes of their labels.
        frame: What the labels must stay in.
        obstacles: What else they should not cover.

    Returns:
        One box per bubble, in the order of the bubbles.
    """
    circles = [Box(b.x - b.radius, b.y - b.radius, b.x + b.radius, b.y + b.radius) for b in bubbles]
    placed: dict[int, Box] = {}
    for index in sorted(range(len(bubbles)), key=lambda one: (_loneliness(bubbles, one), one)):
        taken = [*circles, *obstacles, *placed.values()]
        placed[index] = min(_positions(bubbles[index]), key=partial(_cost, index, bubbles, taken, frame))
    return tuple(placed[index] for index in range(len(bubbles)))


def needs_leader(index: int, bubbles: Sequence[Bubble], box: Box) -> bool:
    """Whether a label must be tied to its bubble by a line: it is far off, or as near to another one."""
    own, *others = (
        box.distance(bubble.x, bubble.y) - bubble.radius
        for bubble in (bubbles[index], *(each for place, each in enumerate(bubbles) if place != index))
    )
    return own > 8 or any(other < own + 3 for other in others)


def _loneliness(bubbles: Sequence[Bubble], index: int) -> float:
    here = bubbles[index]
    return sum(math.hypot(here.x - each.x, here.y - each.y) for each in bubbles)


def _positions(bubble: Bubble) -> list[Box]:
    boxes = []
    for ring in _RINGS:
        for step in range(_DIRECTIONS):
            angle = 2 * math.pi * step / _DIRECTIONS
            reach = bubble.radius + 3 + ring
            # The label's nearest edge or corner sits on the ring: wide labels stay as near as short ones.
            x = bubble.x + math.cos(angle) * (reach + bubble.label_width / 2)
            y = bubble.y + math.sin(angle) * (reach + bubble.label_height / 2)
            half_width, half_height = bubble.label_width / 2, bubble.label_height / 2
            boxes.append(Box(x - half_width, y - half_height, x + half_width, y + half_height))
    return boxes


def _cost(index: int, bubbles: Sequence[Bubble], taken: Sequence[Box], frame: Box, box: Box) -> tuple[float, float]:
    """Area covered first; then distance, longer where the label seems to belong to another bubble."""
    covered = sum(box.overlap(other) for other in taken) + 2 * box.outside(frame)
    detour = 20.0 if needs_leader(index, bubbles, box) else 0.0
    return round(covered, 3), box.distance(bubbles[index].x, bubbles[index].y) + detour
