"""What all charts share: palette, type sizes, verdict signs, and drawing that ignores the user's settings."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.style import context

from leanglot.results.records import Status, VerdictKind

# These four change with the theme of the page that shows a chart; nothing else may use exactly these values.
INK: Final = "#1f2933"
MUTED: Final = "#5c6773"
GRID: Final = "#dfe4ea"
SURFACE: Final = "#ffffff"

ON_LIGHT: Final = "#16202a"
ON_DARK: Final = "#fdfdfe"
ABSENT_FILL: Final = "#c3cad3"

STATUS_COLOUR: Final[Mapping[Status, str]] = {
    "baseline": "#8592a1",
    "certified": "#1f78a8",
    "unrefuted": "#7fb5d5",
    "rejected": "#d9713a",
    "failed": ABSENT_FILL,
}
STATUS_MEANING: Final[Mapping[Status, str]] = {
    "baseline": "baseline",
    "certified": "certified: every language safe",
    "unrefuted": "unrefuted: none harmed, not all proven",
    "rejected": "rejected: a language is harmed",
    "failed": "failed",
}
VERDICT_COLOUR: Final[Mapping[VerdictKind | None, str]] = {
    "safe": "#2683b3",
    "harmed": "#c8582a",
    "inconclusive": "#87929e",
    None: "#87929e",
}
VERDICT_SIGN: Final[Mapping[VerdictKind | None, str]] = {
    "safe": "\N{CHECK MARK}",
    "harmed": "\N{BALLOT X}",
    "inconclusive": "?",
    None: "?",
}
VERDICT_WORD: Final[Mapping[VerdictKind | None, str]] = {
    "safe": "safe",
    "harmed": "harmed",
    "inconclusive": "not proven",
    None: "no verdict",
}

TITLE_SIZE: Final = 13.0
TEXT_SIZE: Final = 9.0
SMALL_SIZE: Final = 8.0

_SETTINGS: Final[Mapping[str, object]] = {
    "font.family": "DejaVu Sans",  # shipped with matplotlib, so that the same bytes come out everywhere
    "font.size": TEXT_SIZE,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a candidate's name is a dollar sign
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.facecolor": SURFACE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "figure.facecolor": SURFACE,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": TEXT_SIZE,
    "svg.fonttype": "path",
    "svg.hashsalt": "leanglot",
}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's defaults plus this project's settings, for as long as a chart is drawn or saved.

    Whatever the process or the user's matplotlibrc has set comes back afterwards. The settings belong to the
    whole process: draw charts in one thread at a time.
    """
    with context(["default", dict(_SETTINGS)]):
        yield


def new_figure(width: float, height: float) -> Figure:
    """A figure of that size in inches, with a canvas of its own and no entry in pyplot's list of figures."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the figure's lower left corner."""
    figure_width, figure_height = figure.get_size_inches()
    return figure.add_axes((left / figure_width, bottom / figure_height, width / figure_width, height / figure_height))


def headline(figure: Figure, title: str, subtitle: str, *, left: float = 0.25) -> None:
    """Writes the title and one muted line into the figure's upper left corner; ``left`` in inches."""
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - 0.2 / height, title, fontsize=TITLE_SIZE, weight="bold", va="top")
    figure.text(left / width, 1 - 0.52 / height, subtitle, fontsize=TEXT_SIZE, color=MUTED, va="top")


def legend_row(figure: Figure, handles: Sequence[Artist], **handle_sizes: float) -> None:
    """Sets the legend in one row under the headline, flush with it."""
    width, height = figure.get_size_inches()
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.155 / width, 1 - 0.72 / height),
        ncols=6,
        frameon=False,
        fontsize=SMALL_SIZE,
        columnspacing=1.8,
        **handle_sizes,
    )


def panel_title(axes: Axes, title: str, subtitle: str) -> None:
    """Writes a panel's title and one muted line above its upper left corner."""
    for text, offset, size, colour, weight in (
        (title, 20, TEXT_SIZE + 1.5, INK, "bold"),
        (subtitle, 7, SMALL_SIZE, MUTED, "normal"),
    ):
        axes.annotate(
            text,
            (0, 1),
            (0, offset),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=size,
            color=colour,
            weight=weight,
        )


def write_in_row(
    axes: Axes, at: tuple[float, float], text: str, offset: float, side: str, colour: str, weight: str = "normal"
) -> None:
    """Writes a text in the middle of a row of height 1, so many points right of a share of the axes' width.

    Args:
        axes: May end before the text does.
        at: The share of the width, and where the row starts.
        text: The text.
        offset: Points to the right of there; negative ones to the left.
        side: The end of the text that stands there.
        colour: Of the text.
        weight: ``normal`` or ``bold``.
    """
    axes.annotate(
        text,
        (at[0], at[1] + 0.5),
        (offset, 0),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=SMALL_SIZE,
        color=colour,
        weight=weight,
        annotation_clip=False,
    )


def bare(axes: Axes) -> None:
    """Takes the frame and the tick marks away, and keeps the tick labels."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def keep_inside(axis: Axis) -> None:
    """Fixes the ticks that the limits leave inside, once limits and locator are set; others would lie outside."""
    low, high = sorted(axis.get_view_interval())
    axis.set_ticks([tick for tick in axis.get_majorticklocs() if low <= tick <= high])


def readable_on(fill: str) -> str:
    """The ink, dark or light, with the higher contrast on a fill (relative luminance after WCAG 2.2)."""
    dark, light, ground = _luminance(ON_LIGHT), _luminance(ON_DARK), _luminance(fill)
    return ON_DARK if (light + 0.05) / (ground + 0.05) > (ground + 0.05) / (dark + 0.05) else ON_LIGHT


def _luminance(colour: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def lines_below(axes: Axes, position: float, lines: Sequence[tuple[str, str]]) -> None:
    """Writes lines of text below an axis, one under another.

    Args:
        axes: Where.
        position: Place on the horizontal axis, in its unit.
        lines: Text and colour of each.
    """
    for number, (text, colour) in enumerate(lines):
        axes.annotate(
            text,
            (position, 0),
            (0, -12 - 12 * number),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=SMALL_SIZE,
            color=colour,
            annotation_clip=False,
        )
