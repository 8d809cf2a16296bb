"""What pruning costs each language as more is pruned: a panel per kind, with the allowed drop and what was found."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from leanglot.charts.labels import drawable, language_name
from leanglot.charts.quantities import limit_words, percent, points
from leanglot.charts.style import (
    GRID,
    INK,
    MUTED,
    SMALL_SIZE,
    STATUS_COLOUR,
    SURFACE,
    headline,
    legend_row,
    new_figure,
    panel_title,
    place,
    style,
)
from leanglot.results.sparsity import UNITS, KindResult, Probe, SparsitySearch

_LINE: Final = "#1f78a8"
_LIMIT: Final = "#c8582a"
_FOUND: Final = "#16202a"
_MARKERS: Final = ("^", "s", "D")
_HEAD: Final = 1.55  # inches for headline, legend and the titles of the first row
_FOOT: Final = 0.5
_BETWEEN: Final = 1.15
_LEFT: Final = 0.8  # for the numbers of the vertical axis
_NAMES: Final = 2.0  # for the languages that lose most


def draw(record: SparsitySearch) -> Figure:
    """Draws a panel per kind of pruning, one line per language, and the mean over those that can be decided.

    The vertical axis is linear down to the allowed drop and logarithmic beyond, so that what happens around it can be
    seen beside a collapse.

    Args:
        record: The search.

    Returns:
        A figure of its own. A kind that nothing was tried of says why.
    """
    single, tried = len(record.results) == 1, any(result.probes for result in record.results)
    columns, (width, height) = (1, (6.2, 3.7)) if single else (2, (3.7, 2.75))
    height = height if tried else 0.8
    rows = math.ceil(len(record.results) / columns)
    footer = _footer(record, 110 if single else 160)
    total_width = columns * (_LEFT + width + _NAMES)
    total_height = _HEAD + rows * height + (rows - 1) * _BETWEEN + _FOOT + 0.17 * len(footer)
    with style():
        figure = new_figure(total_width, total_height)
        for number, result in enumerate(record.results):
            row, column = divmod(number, columns)
            left = _LEFT + column * (_LEFT + width + _NAMES)
            bottom = total_height - _HEAD - (row + 1) * height - row * _BETWEEN
            _draw_panel(place(figure, left, bottom, width, height), result, record)
        whom = "each language" if record.worst_language else "the mean over the languages"
        headline(
            figure,
            f"How far {drawable(record.model, 28)} can be pruned",
            f"Allowed for {whom}: a drop of {limit_words(record.max_drop)}; beyond it the scale is logarithmic.",
        )
        _draw_legend(figure, record)
        if footer:
            figure.text(0.25 / total_width, 0.16 / total_height, "\n".join(footer), fontsize=SMALL_SIZE, color=MUTED)
        figure.draw_without_rendering()
    return figure


def _footer(record: SparsitySearch, width: int) -> list[str]:
    question = record.open_question
    if question is None:
        return []
    return textwrap.wrap(
        f"{question[0].upper()}{question[1:]}.", width, max_lines=3, placeholder=" \N{HORIZONTAL ELLIPSIS}"
    )


def _draw_legend(figure: Figure, record: SparsitySearch) -> None:
    handles = [
        Line2D([], [], color=INK, linewidth=2.4, marker="o", markersize=4, label="mean"),
        Line2D([], [], color=_LINE, linewidth=1.5, label="lose most where the search stopped"),
        Line2D([], [], color=STATUS_COLOUR["baseline"], linewidth=0.8, label="other languages"),
        Line2D([], [], color=_LIMIT, linewidth=1.2, linestyle=(0, (5, 2)), label="allowed drop"),
    ]
    if record.undecided:
        dotted = (0, (1, 1.6))
        handles.insert(
            3, Line2D([], [], color=STATUS_COLOUR["baseline"], linewidth=1.0, linestyle=dotted, label="undecided")
        )
    legend_row(figure, handles, handlelength=2.0)


def _draw_panel(axes: Axes, result: KindResult, record: SparsitySearch) -> None:
    title = UNITS[result.kind]
    panel_title(axes, f"{title[0].upper()}{title[1:]}", _finding(result))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if not result.probes:
        axes.set_axis_off()
        reason = "\n".join(textwrap.wrap(drawable(result.reason, 300), 56))
        axes.text(
            0.5, 0.5, reason, ha="center", va="center", color=MUTED, fontsize=SMALL_SIZE, transform=axes.transAxes
        )
        return
    lines = {tag: _changes(tag, result, record) for tag in record.baseline}
    mean = [0.0, *(100 * (probe.macro_accuracy - _mean_before(record)) for probe in result.probes)]
    places = [0.0, *(probe.actual for probe in result.probes)]
    _scale(axes, [value for line in (*lines.values(), mean) for value in line], record)
    last = max(places) or 1.0
    axes.set_xlim(-0.02 * last, 1.02 * last)
    axes.set_xticks(_sparsities(last))
    axes.xaxis.set_major_formatter(lambda value, _: percent(value, 0))
    worst = _worst(result, record)
    _draw_lines(axes, places, lines, worst, record.undecided)
    axes.plot(places, mean, color=INK, linewidth=2.4, marker="o", markersize=4, zorder=5)
    _draw_limits(axes, result, record)
    _name_worst(axes, result, record, worst)
    axes.set_xlabel("share removed" if result.kind != "magnitude" else "share set to zero", fontsize=SMALL_SIZE)
    axes.set_ylabel("accuracy against unpruned, points", fontsize=SMALL_SIZE)


def _finding(result: KindResult) -> str:
    found = result.found
    if not result.probes:
        return "nothing was tried"
    if found is None:
        return f"too much already at {percent(result.probes[0].actual)}"
    if result.outcome == "all":
        return f"within the allowed drop up to {percent(found.actual)}, the most that can be tried"
    return f"within the allowed drop up to {percent(found.actual)}"


def _changes(tag: str, result: KindResult, record: SparsitySearch) -> list[float]:
    """Changes of a language's accuracy in points, from the unpruned model on."""
    return [0.0, *(100 * (probe.accuracy[tag] - record.baseline[tag]) for probe in result.probes)]


def _mean_before(record: SparsitySearch) -> float:
    decided = [value for tag, value in record.baseline.items() if tag not in record.undecided]
    return math.fsum(decided) / len(decided)


def _worst(result: KindResult, record: SparsitySearch) -> list[str]:
    """The languages that lose most at the probe where the search stopped; none that can't be decided, or loses none."""
    stop = _stop(result)
    drops = {tag: record.baseline[tag] - stop.accuracy[tag] for tag in record.baseline if tag not in record.undecided}
    over = {tag: record.baseline[tag] - stop.accuracy[tag] for tag in stop.exceeded if tag in record.baseline}
    drops |= over
    return sorted((tag for tag, drop in drops.items() if drop > 0), key=lambda tag: (-drops[tag], tag))[: len(_MARKERS)]


def _stop(result: KindResult) -> Probe:
    """The first probe above what was found; the last one where there is none above."""
    above = [probe for probe in result.probes if result.sparsity is None or probe.sparsity > result.sparsity]
    return above[0] if above else result.probes[-1]


def _scale(axes: Axes, values: Sequence[float], record: SparsitySearch) -> None:
    """Linear down to the allowed drop, logarithmic beyond."""
    limit = 100 * record.max_drop
    lowest, highest = min(*values, -1.6 * limit), max(*values, 0.25 * limit)
    axes.set_yscale("symlog", linthresh=limit, linscale=1.0)
    axes.set_ylim(_out(lowest, limit, -0.12), _out(highest, limit, 0.12))
    ticks = _ticks(lowest, highest, limit)
    axes.set_yticks(ticks, [_number(tick) for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.tick_params(axis="y", labelsize=SMALL_SIZE)
    axes.grid(axis="y", color=GRID)


def _out(value: float, limit: float, by: float) -> float:
    """The value moved on by so many decades of the scale."""
    return _back(_along(value, limit) + by, limit)


def _along(value: float, limit: float) -> float:
    """A place on the scale: 1 for the allowed drop, one more for each power of ten beyond."""
    size = abs(value) / limit
    return math.copysign(size if size <= 1 else 1 + math.log10(size), value)


def _back(along: float, limit: float) -> float:
    size = abs(along)
    return math.copysign(limit * (size if size <= 1 else 10 ** (size - 1)), along)


def _ticks(lowest: float, highest: float, limit: float) -> list[float]:
    """Zero, the allowed drop, and round numbers beyond that stand well apart."""
    apart = (_along(highest, limit) - _along(lowest, limit)) / 12
    round_numbers = [digit * 10.0**power for power in range(-6, 3) for digit in (1, 2, 5)]
    chosen = [0.0, -limit]
    for size in round_numbers:
        if limit < size <= max(-lowest, highest) and _along(size, limit) + _along(chosen[-1], limit) >= apart:
            chosen.append(-size)
    rises = [-tick for tick in chosen if tick < 0 and -tick <= highest]
    return sorted(tick for tick in (*chosen, *rises) if lowest <= tick <= highest)


def _number(value: float) -> str:
    """With a sign and no digits that say nothing."""
    decimals = max(0, -math.floor(math.log10(abs(value)))) if value else 0
    return points(value / 100, decimals if float(f"{value:.{decimals}f}") == value else decimals + 1)


def _sparsities(last: float) -> list[float]:
    """Ticks up to the last probe, four or five of them."""
    step = next(each for each in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if last / each <= 5 or each == 0.25)
    return [step * number for number in range(math.floor(last / step + 1e-9) + 1)]


def _draw_lines(
    axes: Axes,
    places: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    worst: Sequence[str],
    undecided: Sequence[str],
) -> None:
    for tag, line in lines.items():
        chosen, unsure = tag in worst, tag in undecided
        marker = _marker(worst.index(tag)) if chosen else {}
        axes.plot(
            places,
            line,
            color=_LINE if chosen else STATUS_COLOUR["baseline"],
            linewidth=1.5 if chosen else 1.0 if unsure else 0.8,
            alpha=1.0 if chosen else 0.6 if unsure else 0.45,
            linestyle=(0, (1, 1.6)) if unsure else "-",
            zorder=4 if chosen else 3,
            **marker,
        )


def _draw_limits(axes: Axes, result: KindResult, record: SparsitySearch) -> None:
    """The allowed drop, and the sparsity found with its number."""
    axes.axhline(-100 * record.max_drop, color=_LIMIT, linewidth=1.2, linestyle=(0, (5, 2)), zorder=6)
    if (found := result.found) is None:
        return
    early = found.actual < 0.7 * result.probes[-1].actual
    axes.axvline(found.actual, color=_FOUND, linewidth=1.0, zorder=2)
    axes.annotate(
        percent(found.actual),
        (found.actual, 0),
        (3 if early else -3, 4),
        xycoords=("data", "axes fraction"),
        ha="left" if early else "right",
        textcoords="offset points",
        fontsize=SMALL_SIZE,
        weight="bold",
        color=_FOUND,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": SURFACE, "edgecolor": "none"},
        zorder=7,
    )


def _name_worst(axes: Axes, result: KindResult, record: SparsitySearch, worst: Sequence[str]) -> None:
    """Names the languages that lose most beside the panel, each with its marker and what it loses."""
    stop = _stop(result)
    handles = [
        Line2D(
            [],
            [],
            color=_LINE,
            linewidth=1.5,
            label=f"{drawable(language_name(tag), 16)} {points(stop.accuracy[tag] - record.baseline[tag])}",
            **_marker(place),
        )
        for place, tag in enumerate(worst)
    ]
    if handles:
        axes.legend(
            handles=handles,
            title=f"at {percent(stop.actual)}",
            title_fontsize=SMALL_SIZE,
            fontsize=SMALL_SIZE,
            loc="upper left",
            bbox_to_anchor=(1.0, 1.04),
            alignment="left",
            frameon=False,
            handlelength=1.8,
            borderaxespad=0.3,
        )


def _marker(place: int) -> dict[str, Any]:
    """The marker of one of the languages that lose most: form tells them apart, not hue."""
    return {"marker": _MARKERS[place], "markersize": 5, "markerfacecolor": SURFACE, "markeredgewidth": 1.2}
