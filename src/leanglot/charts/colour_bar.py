"""The legend of a colour scale: flat steps, so that it stays a drawing in SVG files."""

from collections.abc import Mapping
from typing import Final

from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from leanglot.charts.style import MUTED, SMALL_SIZE, bare, place

_STEPS: Final = 64
_HEIGHT: Final = 0.13


def draw_colour_bar(
    figure: Figure,
    at: tuple[float, float, float],
    colours: Colormap,
    scale: Normalize,
    title: str,
    ticks: Mapping[float, str],
) -> None:
    """Draws the bar with its title above and its ticks below.

    Args:
        figure: Where.
        at: Left and lower end and width of the bar, in inches.
        colours: The colour map.
        scale: Maps values onto it; the bar is even in colour, so that ticks of a curved scale stand where colours do.
        title: What the colours mean.
        ticks: Texts by value.
    """
    bar = place(figure, *at, _HEIGHT)
    for index in range(_STEPS):
        # Each step reaches to the end, under the next, so that no seams shine through.
        bar.axvspan(index / _STEPS, 1, color=colours((index + 0.5) / _STEPS), linewidth=0)
    bar.set_xlim(0, 1)
    bar.set_yticks([])
    bar.set_xticks([float(scale(value)) for value in ticks], list(ticks.values()))
    bare(bar)
    bar.set_title(title, fontsize=SMALL_SIZE, color=MUTED, pad=4, loc="left")
