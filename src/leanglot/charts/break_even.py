"""Break-even: what each candidate costs as all errors, or all machines, get cheaper or dearer by a factor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from leanglot.charts.labels import drawable
from leanglot.charts.quantities import percent
from leanglot.charts.style import (
    GRID,
    INK,
    MUTED,
    SMALL_SIZE,
    SURFACE,
    headline,
    new_figure,
    panel_title,
    place,
    style,
)
from leanglot.decide.amounts import money
from leanglot.results.pricing import BreakEven, MonthlyCost, Pricing
from leanglot.results.records import RunReport
from leanglot.results.terms import terms_of

_COLOURS: Final = ("#1f78a8", "#d9713a", "#4b9e6b", "#8a5fa8", "#b08d2e", "#7d8894")
_STYLES: Final = ("-", (0, (6, 2)), (0, (3, 1.5)), (0, (6, 1.5, 1.5, 1.5)), (0, (1.5, 1.2)), "-")
_PANEL: Final = (4.3, 2.5)
_LEFT: Final = 1.05
_BETWEEN: Final = 1.15
_HEAD: Final = 1.4
_GAP: Final = 0.55
_LEGEND: Final = 2.5
_FOOT: Final = 0.6
_REACH: Final = 10.0  # times less and more, at least
_POINTS: Final = 241
_MOST_LINES: Final = len(_COLOURS)

Assumption = Literal["error cost", "machine price"]
_TITLES: Final[dict[Assumption, str]] = {"error cost": "Cost of errors", "machine price": "Price of machines"}


@dataclass(frozen=True)
class _Line:
    """A candidate's total as a function of one factor: what stays, and what the factor is on."""

    name: str
    stays: float
    varies: float

    def total(self, factors: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.stays + self.varies * factors


def has_choice(report: RunReport) -> bool:
    """Whether there are at least two candidates to choose between whose totals are known."""
    return report.pricing is not None and report.pricing.cheapest is not None and len(_costs(report)) > 1


def draw(report: RunReport) -> Figure:
    """Draws a column per assumption: totals above, and below how much more each costs than today's choice.

    Args:
        report: A run that was priced, with at least two totals.

    Returns:
        A figure of its own. Only candidates that are the cheapest somewhere in sight are drawn, and the baseline.
    """
    pricing = report.pricing
    if pricing is None or pricing.cheapest is None:
        raise ValueError("no candidate has a total")
    noun = terms_of(report.metric).told("predictions")
    columns = [each for each in _TITLES if _varies(report, each)]
    factors = {each: _factors(pricing, each) for each in columns}
    names = _shown(report, factors)
    width, height = _PANEL
    with style():
        figure = new_figure(
            _LEFT + len(columns) * (width + _BETWEEN) + _LEGEND - 0.4, _HEAD + 2 * height + _GAP + _FOOT
        )
        for column, assumption in enumerate(columns):
            left = _LEFT + column * (width + _BETWEEN)
            lines = [line for line in _lines(report, assumption) if line.name in names]
            upper = place(figure, left, _FOOT + height + _GAP, width, height)
            lower = place(figure, left, _FOOT, width, height)
            _draw_totals(upper, lines, names, factors[assumption], pricing)
            _draw_differences(lower, lines, names, factors[assumption], pricing)
            _mark(upper, lower, lines, names, _found(pricing, assumption))
            panel_title(upper, f"{_TITLES[assumption]}, times what it is", _told(pricing, assumption))
        headline(
            figure,
            f"What would change the choice of {drawable(pricing.cheapest, 40)}",
            f"Expected totals for {pricing.costs.monthly_predictions:,.0f} {noun} in a month; all else stays",
        )
        _draw_legend(figure, names, report, pricing)
        figure.draw_without_rendering()
    return figure


def _costs(report: RunReport) -> dict[str, MonthlyCost]:
    """The prices of those that may be shipped and whose total is known."""
    priced = {each.name: each.monthly_cost for each in report.candidates if each.status not in {"failed", "rejected"}}
    return {name: cost for name, cost in priced.items() if cost is not None and cost.total is not None}


def _lines(report: RunReport, assumption: Assumption) -> list[_Line]:
    lines = []
    for name, cost in _costs(report).items():
        infra, errors = cost.infra or 0.0, cost.errors or 0.0
        varies = errors if assumption == "error cost" else 0.0 if cost.machines is None else infra
        lines.append(_Line(name, infra + errors - varies, varies))
    return lines


def _varies(report: RunReport, assumption: Assumption) -> bool:
    return any(line.varies > 0 for line in _lines(report, assumption))


def _found(pricing: Pricing, assumption: Assumption) -> list[BreakEven]:
    return [each for each in pricing.break_evens if each.assumption == assumption and each.language is None]


def _factors(pricing: Pricing, assumption: Assumption) -> NDArray[np.float64]:
    values = [each.value for each in _found(pricing, assumption)]
    low, high = min([1 / _REACH, *(value / 4 for value in values)]), max([_REACH, *(4 * value for value in values)])
    return np.geomspace(low, high, _POINTS)


def _shown(report: RunReport, factors: dict[Assumption, NDArray[np.float64]]) -> list[str]:
    """Today's choice, the baseline, and those that are the cheapest somewhere; in this order."""
    cheapest = "" if report.pricing is None else report.pricing.cheapest or ""
    names = [cheapest, *([report.baseline] if report.baseline in _costs(report) else [])]
    names += [each.instead for assumption in factors for each in _found_of(report, assumption)]
    for assumption, values in factors.items():
        lines = _lines(report, assumption)
        least = np.argmin([line.total(values) for line in lines], axis=0)
        names += [lines[number].name for number in dict.fromkeys(least.tolist())]
    return list(dict.fromkeys(names))[:_MOST_LINES]


def _found_of(report: RunReport, assumption: Assumption) -> list[BreakEven]:
    return [] if report.pricing is None else _found(report.pricing, assumption)


def _look(names: Sequence[str], name: str) -> dict[str, object]:
    place_of = names.index(name)
    return {"color": _COLOURS[place_of], "linestyle": _STYLES[place_of], "linewidth": 2.2 if place_of == 0 else 1.5}


def _draw_totals(
    axes: Axes, lines: Sequence[_Line], names: Sequence[str], factors: NDArray[np.float64], pricing: Pricing
) -> None:
    for line in lines:
        axes.plot(factors, line.total(factors), **_look(names, line.name))  # type: ignore[arg-type]
    totals = np.array([line.total(factors) for line in lines])
    _set_factor_axis(axes, factors)
    if totals.min() > 0 and totals.max() / totals.min() > 8:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(FixedLocator(_round_numbers(float(totals.min()), float(totals.max()))))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(bottom=0)
        _drop_ticks_outside(axes)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value, pricing.costs.currency)))
    axes.set_ylabel("total in a month", fontsize=SMALL_SIZE)


def _draw_differences(
    axes: Axes, lines: Sequence[_Line], names: Sequence[str], factors: NDArray[np.float64], pricing: Pricing
) -> None:
    best = next(line for line in lines if line.name == pricing.cheapest).total(factors)
    shares = {line.name: line.total(factors) / np.where(best > 0, best, np.nan) - 1 for line in lines}
    for name, values in shares.items():
        axes.plot(factors, values, **_look(names, name))  # type: ignore[arg-type]
    _set_factor_axis(axes, factors)
    known = np.array([values for name, values in shares.items() if name != pricing.cheapest])
    finite = known[np.isfinite(known)]
    if finite.size:
        lowest, highest = min(float(finite.min()), 0.0), max(float(finite.max()), 0.0)
        highest = min(highest, max(0.25, -3 * lowest))  # what is below the line matters more than how far above
        room = 0.12 * (highest - lowest or 1.0)
        axes.set_ylim(lowest - room, highest + room)
    _drop_ticks_outside(axes)
    axes.axhspan(axes.get_ylim()[0], 0, color=GRID, alpha=0.45, zorder=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _signed_percent(value)))
    axes.set_ylabel("more than today's choice", fontsize=SMALL_SIZE)
    axes.annotate(
        "cheaper than today's choice",
        (0.02, 0.04),
        xycoords="axes fraction",
        fontsize=SMALL_SIZE,
        color=MUTED,
    )


def _drop_ticks_outside(axes: Axes) -> None:
    low, high = axes.get_ylim()
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])


def _signed_percent(value: float) -> str:
    shown = percent(value, 0 if abs(100 * value - round(100 * value)) < 1e-6 else 1)
    return f"+{shown}" if value > 0 else shown


def _set_factor_axis(axes: Axes, factors: NDArray[np.float64]) -> None:
    low, high = float(factors[0]), float(factors[-1])
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [tick for tick in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0) if low <= tick <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}\N{MULTIPLICATION SIGN}"))
    axes.tick_params(length=0, labelsize=SMALL_SIZE)
    axes.tick_params(axis="x", pad=7)
    axes.grid(color=GRID)
    axes.spines[:].set_visible(False)
    axes.axvline(1.0, color=MUTED, linewidth=1.0, zorder=1)


def _short(amount: float, currency: str) -> str:
    """An amount in as little room as an axis has."""
    unit, sign = next(((size, sign) for size, sign in ((1e9, "B"), (1e6, "M")) if amount >= size), (1.0, ""))
    return money(amount, currency) if unit == 1 else f"{money(0, currency)[:-1]}{amount / unit:g}{sign}"


def _round_numbers(low: float, high: float) -> list[float]:
    """Between four and eight ticks that are 1, 2 or 5 times a power of ten."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
        if len(ticks) <= 7:
            break
    return ticks


def _mark(upper: Axes, lower: Axes, lines: Sequence[_Line], names: Sequence[str], found: Sequence[BreakEven]) -> None:
    """Marks where another candidate becomes the cheapest, with the factor."""
    for each in found:
        if each.instead not in names:
            continue
        line = next(line for line in lines if line.name == each.instead)
        at = np.array([each.value])
        colour = _COLOURS[names.index(each.instead)]
        for axes, height in ((upper, float(line.total(at)[0])), (lower, 0.0)):
            axes.axvline(each.value, color=colour, linewidth=1.0, linestyle=(0, (1, 2)), zorder=2)
            axes.plot([each.value], [height], "o", color=SURFACE, markeredgecolor=colour, markersize=6.5, zorder=6)
        lower.annotate(
            f"{each.value:.3g}\N{MULTIPLICATION SIGN}",
            (each.value, 0),
            (7 if each.value > 1 else -7, 7),
            textcoords="offset points",
            ha="left" if each.value > 1 else "right",
            fontsize=SMALL_SIZE,
            color=INK,
            weight="bold",
            bbox={"boxstyle": "square,pad=0.1", "facecolor": SURFACE, "edgecolor": "none"},
            zorder=7,
        )


def _told(pricing: Pricing, assumption: Assumption) -> str:
    found = _found(pricing, assumption)
    if not found:
        return "the choice stays the same from a hundredth to a hundred times"
    told = []
    for each in found:
        where = "from" if each.value > each.current else "below"
        told.append(f"{drawable(each.instead, 26)} is cheaper {where} {each.value:.3g}\N{MULTIPLICATION SIGN}")
    return "; ".join(told)


def _draw_legend(figure: Figure, names: Sequence[str], report: RunReport, pricing: Pricing) -> None:
    handles = []
    for name in names:
        role = "  (today's choice)" if name == pricing.cheapest else "  (baseline)" if name == report.baseline else ""
        handles.append(Line2D([], [], label=f"{drawable(name, 28)}{role}", **_look(names, name)))  # type: ignore[arg-type]
    width, height = figure.get_size_inches()
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=((width - _LEGEND - 0.35) / width, 1 - (_HEAD - 0.1) / height),
        frameon=False,
        fontsize=SMALL_SIZE,
        handlelength=2.6,
        alignment="left",
    )
