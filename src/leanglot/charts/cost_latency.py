"""What each candidate costs in a month against its 95th percentile of latency, with the Pareto front of both."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter

from leanglot.charts.labels import drawable
from leanglot.charts.point_labels import PointLabel, label_points
from leanglot.charts.quantities import percent
from leanglot.charts.style import (
    GRID,
    INK,
    MUTED,
    SMALL_SIZE,
    STATUS_COLOUR,
    SURFACE,
    headline,
    keep_inside,
    legend_row,
    new_figure,
    place,
    style,
)
from leanglot.decide.amounts import money
from leanglot.decide.pareto import pareto_front
from leanglot.results.records import Candidate, RunReport, Status
from leanglot.results.terms import Terms, terms_of

_SIZE: Final = (7.6, 4.6)
_LEFT: Final = 1.15
_RIGHT: Final = 0.35
_HEAD: Final = 1.3
_FRONT: Final = "#1f78a8"
_DOMINATED: Final = "#9aa5b1"
_LOGARITHMIC_FROM: Final = 8.0  # times between the least and the most that is drawn
_WIDTH: Final = 118  # characters of a note's line
_RADIUS: Final = 6.0


@dataclass(frozen=True)
class _Point:
    name: str
    status: Status
    p95: float
    total: float
    low: float
    high: float


def has_costs(report: RunReport) -> bool:
    """Whether any candidate has both a total and a 95th percentile."""
    return report.pricing is not None and bool(_split(report)[0])


def draw(report: RunReport) -> Figure:
    """Draws a mark per candidate with the interval of its cost, and the front over those that may be shipped.

    Args:
        report: A run that was priced.

    Returns:
        A figure of its own; below it the candidates that lack one of the numbers, each with its reason.
    """
    points, left_out = _split(report)
    notes = _notes(report, left_out)
    foot = 0.75 + 0.17 * len(notes)
    with style():
        figure = new_figure(_LEFT + _SIZE[0] + _RIGHT, _HEAD + _SIZE[1] + foot)
        axes = place(figure, _LEFT, foot, *_SIZE)
        scales = _set_axes(axes, points, report)
        front = _front(points)
        _draw_front(axes, points, front)
        _draw_points(axes, points, front)
        headline(
            figure,
            f"What {drawable(report.model, 40)} costs in a month against its latency",
            f"Machines and errors together; whiskers: {_level(report)} interval of the cost{scales}",
        )
        _draw_legend(figure, points, terms_of(report.metric))
        for number, note in enumerate(reversed(notes)):
            x, y = 0.25 / figure.get_figwidth(), (0.14 + 0.17 * number) / figure.get_figheight()
            figure.text(x, y, note, color=MUTED, size=SMALL_SIZE)
        figure.draw_without_rendering()
    return figure


def _level(report: RunReport) -> str:
    return percent(0.95 if report.pricing is None else report.pricing.level, 0)


def _split(report: RunReport) -> tuple[list[_Point], dict[str, str]]:
    """The candidates with both numbers, and why the others lack one."""
    points, left_out = [], {}
    for candidate in report.candidates:
        cost, latency = candidate.monthly_cost, candidate.latency_ms
        if cost is None or cost.total is None or latency is None or latency.p95 is None:
            left_out[candidate.name] = _why(candidate)
            continue
        low, high = cost.total_low, cost.total_high
        ends = (cost.total if low is None else low, cost.total if high is None else high)
        points.append(_Point(candidate.name, candidate.status, latency.p95, cost.total, *ends))
    return points, left_out


def _why(candidate: Candidate) -> str:
    if candidate.status == "failed":
        return "failed"
    reasons = []
    if candidate.monthly_cost is None or candidate.monthly_cost.total is None:
        known = None if candidate.monthly_cost is None else candidate.monthly_cost.reason
        reasons.append((known or "no total of the cost").rstrip("."))
    if candidate.latency_ms is None or candidate.latency_ms.p95 is None:
        missing = {} if candidate.latency_ms is None else candidate.latency_ms.missing
        reasons.append(missing.get("p95", "no 95th percentile"))
    return "; ".join(reasons)


def _notes(report: RunReport, left_out: dict[str, str]) -> list[str]:
    noun = terms_of(report.metric).language
    told = [f"Left out: {drawable(name, 30)} ({drawable(why, 160)})." for name, why in left_out.items()]
    if report.pricing is not None and report.pricing.unknown:
        told.append(f"Traffic in {noun}s that nobody judged: {drawable(', '.join(report.pricing.unknown), 90)}.")
    told.append(f"The step line is the least cost at each latency, among candidates that harm no {noun}.")
    return [line for each in told for line in textwrap.wrap(each, _WIDTH)]


def _front(points: Sequence[_Point]) -> list[_Point]:
    """Those that no other one beats, by rising latency; rejected ones neither stand on it nor beat others."""
    shippable = {point.name: point for point in points if point.status != "rejected"}
    names = pareto_front({name: (point.p95, point.total) for name, point in shippable.items()})
    return [shippable[name] for name in names]


def _set_axes(axes: Axes, points: Sequence[_Point], report: RunReport) -> str:
    """Sets scales, limits and ticks; tells of logarithmic ones."""
    currency = "$" if report.pricing is None else report.pricing.costs.currency
    logarithmic = []
    spans = {"latency": [point.p95 for point in points], "cost": [e for p in points for e in (p.low, p.high)]}
    for name, values in spans.items():
        axis = axes.xaxis if name == "latency" else axes.yaxis
        low, high = min(values, default=0.0), max(values, default=1.0)
        if low > 0 and high / low > _LOGARITHMIC_FROM:
            logarithmic.append(name)
            (axes.set_xscale if name == "latency" else axes.set_yscale)("log")
            room = (high / low) ** 0.09
            limits = (low / room, high * room)
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 200 else (1.0,)))
            axis.set_minor_formatter(NullFormatter())
            axis.set_minor_locator(FixedLocator([]))
        else:
            room = 0.1 * ((high - low) or high or 1.0)
            limits = (max(0.0, low - room), high + room)
            axis.set_major_locator(MaxNLocator(6))
        (axes.set_xlim if name == "latency" else axes.set_ylim)(*limits)
        keep_inside(axis)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} ms")
    axes.yaxis.set_major_formatter(lambda value, _: money(value, drawable(currency, 4)))
    axes.spines[:].set_color(GRID)
    axes.tick_params(which="both", length=0, labelsize=SMALL_SIZE, labelcolor=MUTED)
    axes.grid(visible=True)
    axes.set_xlabel("95th percentile of the latency of one text", fontsize=SMALL_SIZE)
    axes.set_ylabel("cost in a month", fontsize=SMALL_SIZE)
    return f"; logarithmic: {' and '.join(logarithmic)}" if logarithmic else ""


def _draw_front(axes: Axes, points: Sequence[_Point], front: Sequence[_Point]) -> None:
    if not points:
        axes.text(0.5, 0.5, "n/a: no candidate has both numbers", ha="center", color=MUTED, transform=axes.transAxes)
        return
    if not front:
        return
    # Up to the next point of the front, the least cost on offer is that of the one before.
    ends = [*front, front[-1]]
    places = [point.p95 for point in front] + [axes.get_xlim()[1]]
    axes.step(places, [point.total for point in ends], where="post", color=_FRONT, linewidth=1.3, alpha=0.8, zorder=2)


def _draw_points(axes: Axes, points: Sequence[_Point], front: Sequence[_Point]) -> None:
    for point in points:
        colour = _colour(point, front)
        fill = SURFACE if point.status == "rejected" else colour
        axes.plot([point.p95] * 2, [point.low, point.high], color=colour, linewidth=1.2, zorder=3)
        axes.plot(
            [point.p95],
            [point.total],
            marker="s" if point.status == "baseline" else "o",
            markersize=7.5 if point in front else 6.5,
            color=colour,
            markerfacecolor=fill,
            markeredgewidth=1.4,
            zorder=4,
        )
    labels = [PointLabel(point.name, point.p95, point.total, _RADIUS) for point in points]
    whiskers = [((point.p95, point.low), (point.p95, point.high)) for point in points]
    steps = [((one.p95, one.total), (two.p95, one.total)) for one, two in pairwise(front)]
    steps += [((each.p95, each.total), (axes.get_xlim()[1], each.total)) for each in front[-1:]]
    label_points(axes, labels, [*whiskers, *steps])


def _colour(point: _Point, front: Sequence[_Point]) -> str:
    if point.status == "rejected":
        return STATUS_COLOUR["rejected"]
    return _FRONT if point in front else _DOMINATED


def _draw_legend(figure: Figure, points: Sequence[_Point], terms: Terms) -> None:
    handles = [
        Line2D([], [], color=_FRONT, marker="o", markersize=7, linewidth=1.3, label="on the Pareto front"),
        Line2D(
            [], [], color=_DOMINATED, marker="o", markersize=6, linewidth=0, label="another costs less and is faster"
        ),
    ]
    statuses = {point.status for point in points}
    if "rejected" in statuses:
        colour = STATUS_COLOUR["rejected"]
        handles.append(
            Line2D(
                [],
                [],
                color=colour,
                marker="o",
                mfc=SURFACE,
                markersize=6,
                linewidth=0,
                label=terms.told("harms a language"),
            )
        )
    if "baseline" in statuses:
        handles.append(Line2D([], [], color=INK, marker="s", mfc=SURFACE, markersize=6, linewidth=0, label="baseline"))
    legend_row(figure, handles, handlelength=1.4)
