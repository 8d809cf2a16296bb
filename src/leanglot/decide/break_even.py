"""Break-even: the nearest value of each assumption at which another candidate becomes the cheapest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from leanglot.config.costs import Costs
from leanglot.decide.machines import Fleet
from leanglot.results.pricing import BreakEven

SIGHT: Final = 100.0
"""Assumptions are followed down to a hundredth and up to a hundred times their value."""

_MOST_STEPS: Final = 50_000
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Bill:
    """What a candidate costs, taken apart so that each assumption can be varied.

    Attributes:
        name: The candidate.
        figure: Monthly figure given for running it; 0 where machines are priced.
        fleet: Its machines; None where a figure was given.
        error_rates: Observed error rate by language of the traffic.
    """

    name: str
    figure: float
    fleet: Fleet | None
    error_rates: Mapping[str, float]

    def infra(self, predictions: Any) -> Any:  # noqa: ANN401 - a number, or an array of them
        """What running it costs at so many predictions in a month."""
        return self.figure if self.fleet is None else self.fleet.cost(predictions)

    def errors(self, costs: Costs) -> float:
        """What the errors cost in a month."""
        return costs.monthly_predictions * self.error_price(costs)

    def error_price(self, costs: Costs) -> float:
        """What the errors cost per prediction."""
        return sum(
            share * costs.error_price(tag) * self.error_rates[tag]
            for tag, share in costs.shares.items()
            if tag in self.error_rates
        )


@dataclass(frozen=True)
class _Line:
    """A candidate's total as a linear function of one assumption: its value now, and its slope."""

    name: str
    total: float
    slope: float


def break_evens(bills: Sequence[Bill], cheapest: str, costs: Costs) -> tuple[BreakEven, ...]:
    """Finds what would change the choice, everything else staying as it is: above and below each assumption's value.

    Totals are linear in all prices and shares, so that the crossings are exact. They are piecewise linear in the number
    of predictions where whole machines are paid: there, each piece is solved.

    - ``error cost`` of all languages by one factor, and of each language;
    - ``traffic`` share of a language, those of the others scaled in proportion;
    - ``machine price`` by one factor; monthly figures that were given stay;
    - ``predictions`` in a month; the peak load grows with them in proportion.

    Args:
        bills: All candidates that may be shipped and whose total is known.
        cheapest: Name of the one with the lowest total.
        costs: The assumptions.

    Returns:
        The nearest crossing on each side, up to `SIGHT` times the value; nothing for an assumption that changes
        nothing.
    """
    found: list[BreakEven] = []
    found += _factor("error cost", [(bill, bill.errors(costs)) for bill in bills], cheapest, costs)
    machines = [(bill, 0.0 if bill.fleet is None else float(bill.infra(costs.monthly_predictions))) for bill in bills]
    found += _factor("machine price", machines, cheapest, costs)
    found += _by_predictions(bills, cheapest, costs)
    for tag in costs.shares:
        if all(tag in bill.error_rates for bill in bills):
            found += _by_language(tag, bills, cheapest, costs)
    return tuple(found)


def _total(bill: Bill, costs: Costs) -> float:
    return float(bill.infra(costs.monthly_predictions)) + bill.errors(costs)


def _factor(
    assumption: Literal["error cost", "machine price"],
    parts: Sequence[tuple[Bill, float]],
    cheapest: str,
    costs: Costs,
) -> Iterator[BreakEven]:
    """One factor on a part of every total."""
    lines = [_Line(bill.name, _total(bill, costs), part) for bill, part in parts]
    for value, instead in _crossings(lines, cheapest, 1.0, (1 / SIGHT, SIGHT)):
        yield BreakEven(assumption=assumption, current=1.0, value=value, instead=instead)


def _by_language(tag: str, bills: Sequence[Bill], cheapest: str, costs: Costs) -> Iterator[BreakEven]:
    share, price, predictions = costs.shares[tag], costs.error_price(tag), costs.monthly_predictions
    lines = [_Line(bill.name, _total(bill, costs), predictions * share * bill.error_rates[tag]) for bill in bills]
    limits = (price / SIGHT, price * SIGHT) if price > 0 else (0.0, np.inf)
    for value, instead in _crossings(lines, cheapest, price, limits):
        yield BreakEven(assumption="error cost", language=tag, current=price, value=value, instead=instead)
    if share >= 1 - _ROUNDING:  # There are no others that could take the rest.
        return
    lines = []
    for bill in bills:
        own = price * bill.error_rates[tag]
        others = (bill.error_price(costs) - share * own) / (1 - share)
        lines.append(_Line(bill.name, _total(bill, costs), predictions * (own - others)))
    for value, instead in _crossings(lines, cheapest, share, (0.0, 1.0)):
        yield BreakEven(assumption="traffic", language=tag, current=share, value=value, instead=instead)


def _crossings(
    lines: Sequence[_Line], cheapest: str, current: float, limits: tuple[float, float]
) -> list[tuple[float, str]]:
    """Where another line first falls below the cheapest one, on either side, within the limits."""
    best = next(line for line in lines if line.name == cheapest)
    crossings = [
        (current + (line.total - best.total) / (best.slope - line.slope), line)
        for line in lines
        if abs(line.slope - best.slope) > _ROUNDING * max(abs(line.slope), abs(best.slope))
    ]
    below = [(value, line) for value, line in crossings if line.slope > best.slope]
    above = [(value, line) for value, line in crossings if line.slope < best.slope]
    nearest = [(-1, *max(below, key=lambda found: (found[0], found[1].slope)))] if below else []
    nearest += [(1, *min(above, key=lambda found: (found[0], found[1].slope)))] if above else []
    return [
        (_beside(value, current, sign), line.name) for sign, value, line in nearest if limits[0] <= value <= limits[1]
    ]


def _beside(value: float, current: float, sign: int) -> float:
    """The value, or where it is the current one the next number, so that it tells the side."""
    return float(np.nextafter(current, sign * np.inf)) if value == current else value


def _by_predictions(bills: Sequence[Bill], cheapest: str, costs: Costs) -> Iterator[BreakEven]:
    """The nearest numbers of predictions at which another candidate is cheaper."""
    current = costs.monthly_predictions
    best = next(bill for bill in bills if bill.name == cheapest)
    rivals = [bill for bill in bills if bill.name != cheapest]
    for sign in (-1, 1):
        crossings = [(at, bill.name) for bill in rivals if (at := _crossing(bill, best, costs, sign)) is not None]
        if crossings:
            value, instead = min(crossings, key=lambda found: sign * found[0])
            beside = _beside(value, current, sign)
            yield BreakEven(assumption="predictions", current=current, value=beside, instead=instead)


def _crossing(rival: Bill, best: Bill, costs: Costs, sign: int) -> float | None:
    """The nearest number of predictions, above or below, beyond which the rival costs less; None within sight."""
    current, price = costs.monthly_predictions, rival.error_price(costs) - best.error_price(costs)

    def lead(predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(rival.infra(predictions) - best.infra(predictions) + price * predictions)

    ends = _ends((rival, best), current, sign)
    left, right = ends[:-1], ends[1:]  # Nothing jumps within a piece, nor at its right end.
    at_right = lead(right)
    at_left = 2 * lead((left + right) / 2) - at_right
    slack = _ROUNDING * (np.abs(rival.infra(right)) + np.abs(best.infra(right)) + abs(price) * right)
    near, far = (at_left, at_right) if sign > 0 else (at_right, at_left)
    start, stop = (left, right) if sign > 0 else (right, left)
    hits = np.flatnonzero((near < -slack) | (far < -slack))
    if not hits.size:
        return None
    piece = hits[0] if sign > 0 else hits[-1]
    if near[piece] <= 0:
        return float(start[piece])
    return float(start[piece] + (stop[piece] - start[piece]) * near[piece] / (near[piece] - far[piece]))


def _ends(bills: Iterable[Bill], current: float, sign: int) -> NDArray[np.float64]:
    """The ends of the pieces on one side, sorted: where machines are added, and as far as it is looked."""
    low, high = (current, current * SIGHT) if sign > 0 else (current / SIGHT, current)
    steps = [bill.fleet.capacity for bill in bills if bill.fleet is not None and bill.fleet.whole]
    if steps:
        reach = _MOST_STEPS * min(steps)
        low, high = max(low, current - reach), min(high, current + reach)
    inside = [np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step for step in steps]
    return np.unique(np.clip(np.concatenate([np.array([low, high]), *inside]), low, high))
