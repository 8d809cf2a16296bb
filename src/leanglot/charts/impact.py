"""What compression costs each language as it goes further: retention against intensity, a line per language."""

import textwrap
from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from leanglot.charts.impact_points import FEW, Impact
from leanglot.charts.labels import drawable, drawable_name
from leanglot.charts.line_ends import LineEnd, name_ends
from leanglot.charts.quantities import percent
from leanglot.charts.style import (
    GRID,
    INK,
    MUTED,
    SMALL_SIZE,
    STATUS_COLOUR,
    SURFACE,
    headline,
    legend_row,
    lines_below,
    new_figure,
    place,
    style,
)
from leanglot.decide.retention import USUAL, Thresholds
from leanglot.results.terms import Terms

_WORST: Final = 5
_LINE: Final = "#1f78a8"
_HARMED: Final = "#c8582a"
_LEFT: Final = 0.85
_NAMES: Final = 2.6
_HEIGHT: Final = 3.7
_HEAD: Final = 1.3
_LINES: Final = 3  # of a point's name
_WIDTH: Final = 16  # characters of a line of it
_COLUMN: Final = 1.22  # inches
_STRETCH: Final = 3.0  # percent: up to so much loss the scale is linear where a collapse has to be shown too
_COLLAPSE: Final = 0.88
_TICKS: Final = 0.05  # of the height: the least distance of two ticks


def draw(impact: Impact, thresholds: Thresholds = USUAL) -> Figure:
    """Draws a line per language and the mean over them; the languages that keep least at the end are named.

    Args:
        impact: The points by rising intensity.
        thresholds: Retentions that are marked.

    Returns:
        A figure of its own, wider the more points there are. Where a language collapses the scale is linear down to a
        loss of 3% and logarithmic beyond, and says so.
    """
    worst = impact.worst(_WORST)
    width = _LEFT + max(4.2, _COLUMN * len(impact.points)) + _NAMES
    foot = 0.3 + 0.16 * (_LINES + 1) + 0.16 * len(_notes(impact, width))
    with style():
        figure = new_figure(width, _HEAD + _HEIGHT + foot)
        axes = place(figure, _LEFT, foot, width - _LEFT - _NAMES, _HEIGHT)
        stretched = _set_scale(axes, impact)
        _name_points(axes, impact)
        for limit in (thresholds.kept, thresholds.reduced):
            axes.axhline(100 * (limit - 1), color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2)
        _draw_lines(axes, impact, worst)
        name_ends(axes, _ends(axes, impact, worst))
        scale = _scale_words(impact.terms) if stretched else ""
        limits = f"dashed: {percent(thresholds.kept, 0)} and {percent(thresholds.reduced, 0)}"
        headline(
            figure,
            f"What {drawable(impact.title, 44)} costs each {impact.terms.language}",
            f"{impact.terms.heading} as a share of the baseline's; {_way(impact)}; {limits}{scale}",
        )
        _draw_legend(figure, impact)
        for number, note in enumerate(reversed(_notes(impact, width))):
            figure.text(
                0.25 / width, (0.13 + 0.16 * number) / figure.get_figheight(), note, color=MUTED, size=SMALL_SIZE
            )
        figure.draw_without_rendering()
    return figure


def _scale_words(terms: Terms) -> str:
    limit = percent(1 - _STRETCH / 100, 0)
    return f"; logarithmic under {limit}" if terms.translates else f"; under {limit} the scale is logarithmic"


def _way(impact: Impact) -> str:
    """What the order means, said shorter where language pairs take the room."""
    return impact.order if impact.terms.translates else f"left to right: {impact.order}"


def _notes(impact: Impact, width: float) -> list[str]:
    told = []
    if impact.few:
        names = ", ".join(f"{tag} ({impact.n[tag]})" for tag in sorted(impact.few))
        told.append(f"Fewer than {FEW} {impact.terms.example}s, not ranked, but in the mean: {drawable(names, 300)}.")
    if impact.left_out:
        told.append(f"Left out, without the numbers: {drawable(', '.join(impact.left_out), 300)}.")
    return [line for each in told for line in textwrap.wrap(each, max(40, int(13.5 * width)))]


def _line(impact: Impact, tag: str) -> tuple[list[int], list[float]]:
    """Positions and changes in percent of what is known: a line goes on across what is not."""
    known = [(place, point.retention[tag]) for place, point in enumerate(impact.points) if tag in point.retention]
    return [place for place, _ in known], [100 * (value - 1) for _, value in known]


def _mean_line(impact: Impact) -> tuple[list[int], list[float]]:
    known = [(place, point.mean) for place, point in enumerate(impact.points) if point.mean is not None]
    return [place for place, _ in known], [100 * (value - 1) for _, value in known]


def _set_scale(axes: Axes, impact: Impact) -> bool:
    """Sets limits, ticks and scale; languages with few examples do not stretch them.

    Returns:
        Whether the lower part of the scale is logarithmic.
    """
    lines = [_line(impact, tag)[1] for tag in impact.n if tag not in impact.few] + [_mean_line(impact)[1]]
    values = [value for line in lines for value in line]
    lowest, highest = min([*values, -4.0]), max([*values, 1.0])
    stretched = lowest < 100 * (_COLLAPSE - 1)
    if stretched:
        axes.set_yscale("symlog", linthresh=_STRETCH, linscale=1.0)
        axes.set_ylim(max(lowest * 1.3, -110.0), max(1.6, highest * 1.15))
        axes.set_yticks(_apart(axes, (0, -1, -3, 1, 2, 3, 5, 10, 20, 50, -5, -10, -20, -50, -100, -80)))
        axes.set_yticks([], minor=True)
    else:
        axes.set_ylim(lowest - 0.5, highest + 0.6)
    axes.yaxis.set_major_formatter(lambda value, _: percent(1 + value / 100, 0 if float(value).is_integer() else 1))
    axes.tick_params(axis="y", labelsize=SMALL_SIZE)
    axes.grid(axis="y", color=GRID)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlim(-0.5, len(impact.points) - 0.5)
    return stretched


def _apart(axes: Axes, ticks: Sequence[float]) -> list[float]:
    """Those inside of the limits that stand well apart; the first ones go before the later ones."""
    low, high = axes.get_ylim()
    kept: dict[float, float] = {}
    for tick in ticks:
        height = float(axes.transLimits.transform(axes.transScale.transform((0.0, tick)))[1])
        if low <= tick <= high and all(abs(height - other) > _TICKS for other in kept.values()):
            kept[tick] = height
    return sorted(kept)


def _name_points(axes: Axes, impact: Impact) -> None:
    axes.set_xticks([])
    for place_, point in enumerate(impact.points):
        name = textwrap.wrap(drawable(point.name, 3 * _WIDTH - 6), _WIDTH, max_lines=_LINES, placeholder="…")
        lines_below(axes, place_, [*((line, INK) for line in name), (point.detail, MUTED)])


def _draw_lines(axes: Axes, impact: Impact, worst: Sequence[str]) -> None:
    for tag in sorted(impact.n):
        chosen, few = tag in worst, tag in impact.few
        places, values = _line(impact, tag)
        axes.plot(
            places,
            values,
            color=_colour(impact, tag) if chosen else STATUS_COLOUR["baseline"],
            linewidth=1.6 if chosen else 0.8,
            alpha=1.0 if chosen else 0.5,
            linestyle=(0, (1, 1.6)) if few else "-",
            zorder=4 if chosen else 3,
        )
        harmed = [(place, value) for place, value in zip(places, values, strict=True) if _is_harmed(impact, place, tag)]
        axes.plot(
            [place for place, _ in harmed],
            [value for _, value in harmed],
            linestyle="none",
            marker="X",
            markersize=6 if chosen else 4.5,
            markerfacecolor=_HARMED,
            markeredgecolor=SURFACE,
            markeredgewidth=0.6,
            zorder=6,
        )
    axes.plot(*_mean_line(impact), color=INK, linewidth=2.4, marker="o", markersize=4.5, zorder=5)


def _is_harmed(impact: Impact, place_: int, tag: str) -> bool:
    return tag in impact.points[place_].harmed


def _colour(impact: Impact, tag: str) -> str:
    """That of harm where the language is harmed at the last point that knows it."""
    places, _ = _line(impact, tag)
    return _HARMED if places and _is_harmed(impact, places[-1], tag) else _LINE


def _ends(axes: Axes, impact: Impact, worst: Sequence[str]) -> list[LineEnd]:
    low, high = axes.get_ylim()
    ends = []
    for tag in worst:
        places, values = _line(impact, tag)
        least = "" if impact.cumulative else ", least "
        said = f"{drawable_name(tag, 22)}{least or ' '}{percent(impact.decisive(tag))}"
        ends.append(LineEnd(said, places[-1], min(max(values[-1], low), high), _colour(impact, tag)))
    places, values = _mean_line(impact)
    if places:
        said = f"mean {percent(1 + values[-1] / 100)}"
        ends.append(LineEnd(said, places[-1], min(max(values[-1], low), high), INK, "bold"))
    return ends


def _draw_legend(figure: Figure, impact: Impact) -> None:
    grey = STATUS_COLOUR["baseline"]
    handles = [
        Line2D(
            [],
            [],
            color=INK,
            linewidth=2.4,
            marker="o",
            markersize=4.5,
            label=impact.terms.told("mean over the languages"),
        ),
        Line2D(
            [],
            [],
            color=_LINE,
            linewidth=1.6,
            label="keep least at the end" if impact.cumulative else "keep least anywhere",
        ),
        Line2D([], [], color=grey, linewidth=0.8, label=impact.terms.told("other languages")),
    ]
    if impact.few:
        handles.append(
            Line2D([], [], color=grey, linewidth=0.8, linestyle=(0, (1, 1.6)), label=impact.terms.told("few examples"))
        )
    if any(point.harmed for point in impact.points):
        handles.append(
            Line2D([], [], color=_HARMED, marker="X", markersize=6, linewidth=0, mec=SURFACE, label="harmed")
        )
    legend_row(figure, handles, handlelength=2.0)
