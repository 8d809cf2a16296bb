"""What a language costs on each variant of a router: errors and machines, or latency where nothing is priced."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanglot.config.costs import Costs
from leanglot.decide.machines import running_cost
from leanglot.decide.routing_options import language_latency
from leanglot.decide.routing_program import Floats, Program
from leanglot.results.records import Candidate


@dataclass(frozen=True, eq=False)
class Bill:
    """What languages, the rows, cost on variants, the columns.

    Attributes:
        tags: The languages.
        names: The variants.
        error_price: What a language would cost if all its answers were wrong, shape ``(languages,)``.
        running: What running costs, machines apart; the mean latency where nothing is priced. Shape ``(languages,
            variants)``.
        load: Machines that the language's traffic needs, same shape.
        min_machines: Fewest machines once a variant is loaded, shape ``(variants,)``.
        machine_price: Price of one machine in a month.
        whole_machines: Whether parts of machines are paid as whole ones.
        priced: Whether amounts are money; else they are milliseconds.
    """

    tags: tuple[str, ...]
    names: tuple[str, ...]
    error_price: Floats
    running: Floats
    load: Floats
    min_machines: Floats
    machine_price: float = 0.0
    whole_machines: bool = True
    priced: bool = True

    def cost(self, rates: Floats) -> Floats:
        """Errors and running, whole machines apart; errors of unknown rate are left out.

        Args:
            rates: Error rates, shape ``(variants, languages)``; NaN where they are unknown.

        Returns:
            Shape ``(languages, variants)``.
        """
        return np.asarray(self.running + self.error_price[:, None] * np.nan_to_num(rates.T))

    def saving_draws(self, rates: Floats, main: int, variant: int) -> Floats:
        """What a language saves on one variant over another, machines paid by the part.

        Args:
            rates: Draws of error rates, shape ``(variants, languages, draws)``; NaN where they are unknown.
            main: Number of the variant it is compared with.
            variant: Number of the variant.

        Returns:
            Shape ``(languages, draws)``.
        """
        whole = self.running + self.machine_price * self.load
        running = whole[:, main] - whole[:, variant]
        return np.asarray(running[:, None] + self.error_price[:, None] * np.nan_to_num(rates[main] - rates[variant]))

    def program(self, rates: Floats) -> Program:
        """The programme without any rule or limit: what an assignment costs."""
        shape = self.load.shape
        free = np.ones(shape, dtype=bool)
        return Program(
            cost=self.cost(rates),
            load=self.load,
            allowed=free,
            may_leave=np.broadcast_to(free, (shape[1], *shape)),
            to_safest=np.zeros(shape[0], dtype=bool),
            memory=np.zeros(shape[1]),
            min_machines=self.min_machines,
            machine_price=self.machine_price,
            whole_machines=self.whole_machines,
            max_variants=shape[1],
        )


def make_bill(variants: Sequence[Candidate], tags: Sequence[str], costs: Costs | None) -> Bill:
    """What languages cost on variants.

    A router's machines load all variants and serve the traffic as it comes, so that a language needs its share of the
    busiest time's predictions, over the throughput that its variant has at the given utilization. A monthly figure that
    was given for a variant is taken as paid in proportion to the traffic that the variant serves.

    Args:
        variants: Candidates whose price, or latency, is known.
        tags: Languages.
        costs: Prices; None where latency is minimized, each language equally often.
    """
    names, tags = tuple(each.name for each in variants), tuple(tags)
    shape = len(tags), len(variants)
    if costs is None:
        latency = [[language_latency(each, tag) for each in variants] for tag in tags]
        means = np.asarray(latency, dtype=np.float64).reshape(shape) / max(1, len(tags))
        return Bill(tags, names, np.zeros(shape[0]), means, np.zeros(shape), np.zeros(shape[1]), priced=False)
    shares = np.asarray([costs.shares.get(tag, 0.0) for tag in tags])
    wrong = [0.0 if tag not in costs.traffic else costs.error_price(tag) for tag in tags]
    running = [running_cost(each, costs) for each in variants]
    fleets = [each.fleet for each in running]
    figures = [np.nan if each.infra is None else each.infra if each.fleet is None else 0.0 for each in running]
    capacities = [np.inf if fleet is None else fleet.capacity for fleet in fleets]
    known = next((fleet for fleet in fleets if fleet is not None), None)
    return Bill(
        tags=tags,
        names=names,
        error_price=costs.monthly_predictions * shares * np.asarray(wrong),
        running=shares[:, None] * np.asarray(figures).reshape(1, shape[1]),
        load=costs.monthly_predictions * shares[:, None] / np.asarray(capacities).reshape(1, shape[1]),
        min_machines=np.asarray([0 if fleet is None else fleet.fewest for fleet in fleets], dtype=np.float64),
        machine_price=0.0 if known is None else known.monthly_price,
        whole_machines=known is None or known.whole,
    )


def ordered(values: NDArray[np.float64], have: Sequence[str], want: Sequence[str]) -> Floats:
    """Rows of an array by candidate, in another order of the candidates."""
    return np.asarray(values[[have.index(name) for name in want]])
