"""What each candidate costs in a month: machines and errors stacked, with the interval of the total."""

import textwrap
from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from leanglot.charts.labels import drawable
from leanglot.charts.quantities import chance_words, percent
from leanglot.charts.style import (
    INK,
    MUTED,
    SMALL_SIZE,
    STATUS_COLOUR,
    bare,
    headline,
    legend_row,
    new_figure,
    place,
    style,
)
from leanglot.decide.amounts import money
from leanglot.results.pricing import MonthlyCost, Pricing
from leanglot.results.records import Candidate, RunReport
from leanglot.results.terms import terms_of

_MACHINES: Final = "#2b6a94"
_ERRORS: Final = "#d9a441"
_HIDDEN: Final = 0.38  # opacity of what may not be shipped
_NAMES: Final = 2.9
_PANEL: Final = 5.2
_TEXTS: Final = 2.9
_HEAD: Final = 1.2
_ROW: Final = 0.4
_WIDTH: Final = 125
_CUT_AT: Final = 1.25  # times what may be shipped; longer bars are cut

Row = tuple[Candidate, MonthlyCost]


def has_amounts(report: RunReport) -> bool:
    """Whether anything is known of what a candidate costs."""
    return report.pricing is not None and bool(_rows(report))


def draw(report: RunReport) -> Figure:
    """Draws a bar per candidate, the cheapest first; what is known in part says so, and bars far longer are cut.

    Args:
        report: A run that was priced.

    Returns:
        A figure of its own, higher the more candidates there are.
    """
    pricing, rows = report.pricing, _rows(report)
    if pricing is None or not rows:
        raise ValueError("nothing is known of what the candidates cost")
    notes = _notes(report, pricing)
    foot, height = 0.3 + 0.17 * len(notes), _ROW * len(rows) + 0.1
    with style():
        figure = new_figure(_NAMES + _PANEL + _TEXTS, _HEAD + height + foot)
        axes = place(figure, _NAMES, foot, _PANEL, height)
        longest = _longest(rows)
        axes.set_xlim(0, longest)
        axes.set_ylim(len(rows) - 0.45, -0.6)
        for number, (candidate, cost) in enumerate(rows):
            _draw_row(axes, number, candidate, cost, longest, pricing)
        bare(axes)
        axes.set_xticks([])
        axes.spines["left"].set_visible(True)
        axes.set_yticks(range(len(rows)), [drawable(candidate.name, 34) for candidate, _ in rows])
        for label, (candidate, _) in zip(axes.get_yticklabels(), rows, strict=True):
            label.set_color(MUTED if candidate.status == "rejected" else INK)
            label.set_fontweight("bold" if candidate.name == pricing.cheapest else "normal")
        noun = terms_of(report.metric).told("predictions")
        predictions = f"{pricing.costs.monthly_predictions:,.0f}"
        headline(
            figure,
            f"What {drawable(report.model, 40)} costs in a month",
            f"For {predictions} {noun}; bold: the cheapest of those that may be shipped",
        )
        _draw_legend(figure, rows, pricing)
        for number, note in enumerate(reversed(notes)):
            x, y = 0.25 / figure.get_figwidth(), (0.14 + 0.17 * number) / figure.get_figheight()
            figure.text(x, y, note, color=MUTED, size=SMALL_SIZE)
        figure.draw_without_rendering()
    return figure


def _rows(report: RunReport) -> list[Row]:
    """Candidates of which anything is known, the cheapest first, those of unknown total last."""
    priced = [(each, each.monthly_cost) for each in report.candidates if each.status != "failed"]
    known = [(each, cost) for each, cost in priced if cost is not None and cost.known is not None]
    return sorted(known, key=lambda row: (row[1].total is None, row[1].total or row[1].known or 0.0))


def _longest(rows: Sequence[Row]) -> float:
    """The end of the axis: a rejected candidate may cost so much that the others' bars could not be told apart."""
    ends = [_end(cost) for candidate, cost in rows if candidate.status != "rejected"]
    everything = max(_end(cost) for _, cost in rows)
    return 1.04 * (min(everything, _CUT_AT * max(ends)) if ends and max(ends) > 0 else everything or 1.0)


def _end(cost: MonthlyCost) -> float:
    return max(cost.total_high or 0.0, cost.total or 0.0, cost.known or 0.0)


def _draw_row(axes: Axes, row: int, candidate: Candidate, cost: MonthlyCost, longest: float, pricing: Pricing) -> None:
    opacity = _HIDDEN if candidate.status == "rejected" else 1.0
    infra = cost.infra or 0.0
    errors = max(0.0, (cost.known or 0.0) - infra)
    for left, length, colour in ((0.0, infra, _MACHINES), (infra, errors, _ERRORS)):
        shown = min(length, longest - left)
        if shown > 0:
            hatch = "////" if colour == _ERRORS and cost.errors is None else None
            axes.barh(row, shown, left=left, height=0.56, color=colour, alpha=opacity, hatch=hatch, edgecolor="white")
    low, high = cost.total_low, cost.total_high
    if low is not None and high is not None and low < longest:
        axes.plot([low, min(high, longest)], [row, row], color=INK, linewidth=1.3, alpha=opacity, zorder=4)
        for end in (low, high):
            if end <= longest:
                axes.plot([end, end], [row - 0.13, row + 0.13], color=INK, linewidth=1.3, alpha=opacity, zorder=4)
    if _end(cost) > longest:
        axes.annotate(
            "\N{RIGHTWARDS ARROW}", (1, row), xycoords=axes.get_yaxis_transform(), va="center", ha="left", color=MUTED
        )
    _write(axes, row, candidate, cost, pricing)


def _write(axes: Axes, row: int, candidate: Candidate, cost: MonthlyCost, pricing: Pricing) -> None:
    sign = pricing.costs.currency
    if cost.total is None:
        text, told = f"at least {money(cost.known or 0.0, sign)}", "total unknown"
    else:
        text = money(cost.total, sign)
        chance = "" if cost.chance_cheapest is None else f"cheapest: {chance_words(cost.chance_cheapest)}"
        told = "rejected" if candidate.status == "rejected" else chance
    for content, offset, colour, weight in ((text, 16, INK, "bold"), (told, 108, MUTED, "normal")):
        axes.annotate(
            content,
            (1, row),
            (offset, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            va="center",
            fontsize=SMALL_SIZE + 0.5,
            color=STATUS_COLOUR["rejected"] if content == "rejected" else colour,
            weight=weight,
        )


def _draw_legend(figure: Figure, rows: Sequence[Row], pricing: Pricing) -> None:
    level = percent(pricing.level, 0)
    handles = [
        Patch(color=_MACHINES, label="machines"),
        Patch(color=_ERRORS, label="errors"),
        Line2D([], [], color=INK, linewidth=1.3, marker="|", markersize=7, label=f"{level} interval of the total"),
    ]
    if any(cost.errors is None for _, cost in rows):
        label = "errors, as far as judged"
        handles.append(Patch(facecolor=_ERRORS, hatch="////", edgecolor="white", label=label))
    legend_row(figure, handles, handlelength=1.4, handleheight=0.9)


def _notes(report: RunReport, pricing: Pricing) -> list[str]:
    told = [f"Unknown: errors in {tag}, {percent(share)} of the traffic." for tag, share in pricing.unknown.items()]
    told = told[:3] + ([f"And in {len(told) - 3} {terms_of(report.metric).language}s more."] if len(told) > 3 else [])
    nothing = [
        each.name
        for each in report.candidates
        if each.status == "failed" or each.monthly_cost is None or each.monthly_cost.known is None
    ]
    if nothing:
        told.append(f"Not drawn, since nothing is known of their cost: {drawable(', '.join(nothing), 200)}.")
    return [line for text in told for line in textwrap.wrap(text, _WIDTH)]
