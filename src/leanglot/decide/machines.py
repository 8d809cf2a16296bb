"""The machines that a candidate needs for a load, and what they cost in a month."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from leanglot.config.costs import HOURS_PER_MONTH, Costs
from leanglot.results.records import Candidate

_DIGITS: Final = 9
"""Digits of a number of machines that are no rounding: 3.0000000001 machines are three."""


@dataclass(frozen=True)
class Fleet:
    """Machines like the measured one that serve one candidate.

    Attributes:
        monthly_price: Price of one machine in a month.
        capacity: Predictions in a month that one machine carries; the busiest time grows with them in proportion.
        fewest: Fewest machines, whatever the load; 0 where shares of a machine are paid.
        whole: Whether whole machines are paid.
    """

    monthly_price: float
    capacity: float
    fewest: int
    whole: bool

    def number(self, predictions: Any) -> Any:  # noqa: ANN401 - a number, or an array of them
        """Machines needed for so many predictions in a month.

        Args:
            predictions: A number or an array.

        Returns:
            The same shape.
        """
        load = predictions / self.capacity
        return np.maximum(self.fewest, np.ceil(np.round(load, _DIGITS))) if self.whole else load

    def cost(self, predictions: Any) -> Any:  # noqa: ANN401 - a number, or an array of them
        """What they cost in a month."""
        return self.monthly_price * self.number(predictions)


@dataclass(frozen=True)
class RunningCost:
    """What it takes to run one candidate for a month.

    Attributes:
        infra: The cost; None where it is unknown.
        machines: Number of machines; None where a figure was given, or nothing is known.
        fleet: The machines; None where a figure was given, or nothing is known.
        reason: Why the cost is unknown.
    """

    infra: float | None
    machines: float | None = None
    fleet: Fleet | None = None
    reason: str | None = None


def running_cost(candidate: Candidate, costs: Costs) -> RunningCost:
    """The monthly figure given for a candidate, or else the machines that its measured throughput asks for.

    Whole machines: the peak load over what one machine may be loaded with, rounded up, and never fewer than
    ``min_machines``. Shares of a machine are paid as they are.

    Args:
        candidate: Its throughput is that of one machine.
        costs: The prices.
    """
    if candidate.name in costs.monthly_infra:
        return RunningCost(infra=costs.monthly_infra[candidate.name])
    machines, peak = costs.infrastructure, costs.peak_per_second()
    if machines is None or peak is None:
        return RunningCost(None, reason="monthly_infra has no figure for it, and no infrastructure was given")
    throughput = candidate.throughput_per_s
    if throughput is None or not throughput > 0:
        return RunningCost(None, reason="its throughput was not measured")
    fleet = Fleet(
        monthly_price=machines.price_per_hour * HOURS_PER_MONTH,
        capacity=throughput * machines.utilization * costs.monthly_predictions / peak,
        fewest=machines.min_machines if machines.whole_machines else 0,
        whole=machines.whole_machines,
    )
    number = float(fleet.number(costs.monthly_predictions))
    return RunningCost(float(fleet.cost(costs.monthly_predictions)), number, fleet)
