"""What grids of drops share: one colour scale, cells with the drop and the verdict's sign, and slanted column names."""

from collections.abc import Iterable, Mapping
from typing import Final

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_hex
from matplotlib.patches import Rectangle

from leanglot.charts.quantities import points
from leanglot.charts.style import (
    ABSENT_FILL,
    SMALL_SIZE,
    SURFACE,
    TEXT_SIZE,
    VERDICT_SIGN,
    VERDICT_WORD,
    readable_on,
)
from leanglot.results.terms import Terms

COLOURS: Final = colormaps["RdBu_r"]
_SATURATION: Final = 0.10


def scale_of(drops: Iterable[float | None], margin: float) -> Normalize:
    """Symmetric around no drop; wide enough for the margin, but one collapse must not hide the rest."""
    sizes = [abs(drop) for drop in drops if drop is not None]
    limit = min(max([2 * margin, *sizes]), max(_SATURATION, 2 * margin))
    return Normalize(-limit, limit, clip=True)


def fill_of(drop: float | None, scale: Normalize) -> str:
    """The colour of a drop; grey where there is none."""
    return ABSENT_FILL if drop is None else to_hex(COLOURS(scale(drop)))


def draw_cell(
    axes: Axes, at: tuple[float, float], fill: str, number: str, sign: str = "", *, strong: bool = False
) -> None:
    """Draws a cell of size 1 by 1: the number, and the sign below it where there is one."""
    axes.add_patch(Rectangle(at, 1, 1, facecolor=fill, edgecolor=SURFACE, linewidth=1.5))
    ink, middle = readable_on(fill), at[0] + 0.5
    axes.text(middle, at[1] + (0.34 if sign else 0.5), number, ha="center", va="center", fontsize=SMALL_SIZE, color=ink)
    if sign:
        size = TEXT_SIZE + 1.5 if strong else SMALL_SIZE
        axes.text(middle, at[1] + 0.71, sign, ha="center", va="center", fontsize=size, color=ink, weight="bold")


def slanted(name: str) -> float:
    """Inches that a column's name at 45 degrees takes upwards, and as many to the right."""
    return 0.068 * len(name) * 0.71 + 0.15


def name_columns(axes: Axes, names: Mapping[float, str]) -> None:
    """Writes names at 45 degrees above the columns that start at these places."""
    for start, name in names.items():
        axes.text(
            start + 0.42,
            -0.12,
            name,
            rotation=45,
            rotation_mode="anchor",
            ha="left",
            va="bottom",
            fontsize=TEXT_SIZE,
        )


def sign_words(margin: float, terms: Terms) -> tuple[str, str, str]:
    """What the signs of the verdicts mean."""
    return (
        f"{VERDICT_SIGN['safe']}  {VERDICT_WORD['safe']}: proven below {points(margin, signed=False)} points",
        f"{VERDICT_SIGN['harmed']}  {VERDICT_WORD['harmed']}: the drop is significant",
        f"{VERDICT_SIGN['inconclusive']}  {VERDICT_WORD['inconclusive']}: needs more {terms.example}s",
    )
