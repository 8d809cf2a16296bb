"""The texts of a figure, and which of them lie on each other."""

import itertools
import math

from matplotlib.text import Text


def visible(figure):
    return [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]


def upright(figure):
    """Without the slanted ones, whose boxes overlap though the letters do not."""
    return [text for text in visible(figure) if math.isclose(text.get_rotation(), 0)]


def overlapping(shown):
    boxes = [(text.get_text(), text.get_window_extent().shrunk(0.98, 0.8)) for text in shown]
    return [(a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if one.overlaps(other)]
