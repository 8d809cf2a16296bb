"""The mixed-integer programme behind routing: which language goes to which variant, which variants are loaded."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from leanglot.errors import RunError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_DIGITS: Final = 9
_SLACK: Final = 1e-9  # 3.0000000001 machines are three
_TIME_LIMIT_S: Final = 60.0


@dataclass(frozen=True, eq=False)
class Program:
    """What is to be decided. Languages are rows, variants columns; variants come from the safest to the least safe.

    Attributes:
        cost: What a language costs on a variant, whole machines apart, shape ``(languages, variants)``.
        load: Machines, or parts of one, that a language's traffic needs on a variant, same shape.
        allowed: Whether a language may go to a variant, same shape.
        may_leave: Whether a language may go to a variant when another is the main one, shape ``(main, languages,
            variants)``.
        to_safest: Languages that go to the safest variant loaded that is allowed for them, shape ``(languages,)``.
        memory: Bytes of each variant, shape ``(variants,)``.
        min_machines: Fewest machines once a variant is loaded, shape ``(variants,)``.
        machine_price: Price of one machine; 0 where machines are not priced.
        whole_machines: Whether parts of machines are paid as whole ones.
        max_memory: Most bytes of all variants loaded; None sets no limit.
        max_variants: Most variants loaded.
        loading_cost: Cost of having a variant loaded, shape ``(variants,)``; None where it costs nothing by itself.
    """

    cost: Floats
    load: Floats
    allowed: Flags
    may_leave: Flags
    to_safest: Flags
    memory: Floats
    min_machines: Floats
    machine_price: float = 0.0
    whole_machines: bool = True
    max_memory: float | None = None
    max_variants: int = 1
    loading_cost: Floats | None = None

    def value(self, assignment: NDArray[np.int64]) -> float:
        """What an assignment costs."""
        return self.value_of(np.eye(self.cost.shape[1])[assignment])

    def machines_of(self, shares: Floats) -> float:
        """The same where a language is spread: parts of each that go to each variant, shape of ``cost``."""
        needed = float(np.sum(self.load * shares))
        least = float(self.min_machines[shares.sum(axis=0) > 0].max(initial=0.0))
        return max(least, math.ceil(round(needed, _DIGITS)) if self.whole_machines else needed)

    def value_of(self, shares: Floats) -> float:
        """What spread languages cost; see `machines_of`."""
        loading = 0.0 if self.loading_cost is None else float(self.loading_cost[shares.sum(axis=0) > 0].sum())
        return float(np.sum(self.cost * shares)) + self.machine_price * self.machines_of(shares) + loading


@dataclass(frozen=True, eq=False)
class Solution:
    """What was decided.

    Attributes:
        assignment: Number of each language's variant, shape ``(languages,)``.
        main: Number of the main variant.
        value: What it costs.
    """

    assignment: NDArray[np.int64]
    main: int
    value: float

    @property
    def loaded(self) -> tuple[int, ...]:
        """Numbers of the variants that serve a language, the safest first."""
        return tuple(sorted(set(self.assignment.tolist())))


@dataclass
class _Rows:
    """Linear constraints as they are collected: ``low <= sum of value times variable <= high``."""

    entries: list[tuple[int, int, float]] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, terms: Iterable[tuple[int, float]], low: float = -np.inf, high: float = np.inf) -> None:
        row = len(self.low)
        self.entries += [(row, variable, value) for variable, value in terms if value]
        self.low.append(low)
        self.high.append(high)

    def constraint(self, variables: int) -> LinearConstraint:
        rows, columns, values = zip(*self.entries, strict=True)
        matrix = coo_array((values, (rows, columns)), shape=(len(self.low), variables)).tocsr()
        return LinearConstraint(matrix, np.asarray(self.low), np.asarray(self.high))


def solve(program: Program) -> Solution | None:
    """Finds the cheapest assignment; of several, one with few variants.

    Returns:
        It; None where no assignment keeps within the limits.

    Raises:
        RunError: The solver gave up.
    """
    languages, variants = program.cost.shape
    if not variants:
        return None
    spans = _Spans(languages, variants)
    rows = _constraints(program, spans)
    price = np.zeros(spans.count)
    price[: languages * variants] = program.cost.ravel()
    price[spans.machines] = program.machine_price
    if program.loading_cost is not None:
        price[spans.loaded(0) : spans.loaded(0) + variants] = program.loading_cost
    price /= float(np.abs(price).max()) or 1.0
    first = _best(price, rows, spans, program)
    if first is None:
        return None
    # Again for the fewest variants, at no higher cost.
    best = float(price @ first)
    rows.add(((place, value) for place, value in enumerate(price)), high=best + 1e-7 * max(1.0, abs(best)))
    number = np.zeros(spans.count)
    number[spans.loaded(0) : spans.loaded(0) + variants] = 1.0
    second = _best(number, rows, spans, program)
    found = _read(first if second is None else second, spans, program)
    exact = _read(first, spans, program)
    return found if found.value <= exact.value + 1e-9 * max(1.0, abs(exact.value)) else exact


@dataclass(frozen=True)
class _Spans:
    """Where each variable stands: languages on variants, variants loaded, the main variant, machines."""

    languages: int
    variants: int

    def goes(self, language: int, variant: int) -> int:
        return language * self.variants + variant

    def loaded(self, variant: int) -> int:
        return self.languages * self.variants + variant

    def main(self, variant: int) -> int:
        return (self.languages + 1) * self.variants + variant

    @property
    def machines(self) -> int:
        return (self.languages + 2) * self.variants

    @property
    def count(self) -> int:
        return self.machines + 1


def _constraints(program: Program, spans: _Spans) -> _Rows:
    rows, variants = _Rows(), range(spans.variants)
    for language in range(spans.languages):
        rows.add(((spans.goes(language, variant), 1.0) for variant in variants), 1.0, 1.0)
        for variant in variants:
            rows.add([(spans.goes(language, variant), 1.0), (spans.loaded(variant), -1.0)], high=0.0)
            leave = [(spans.main(main), -float(program.may_leave[main, language, variant])) for main in variants]
            rows.add([(spans.goes(language, variant), 1.0), *leave], high=0.0)
            if program.to_safest[language]:
                for safer in range(variant):
                    if program.allowed[language, safer]:
                        rows.add([(spans.goes(language, variant), 1.0), (spans.loaded(safer), 1.0)], high=1.0)
    for variant in variants:
        served = [(spans.goes(language, variant), -1.0) for language in range(spans.languages)]
        rows.add([(spans.loaded(variant), 1.0), *served], high=0.0)  # none is loaded for nothing
        rows.add([(spans.main(variant), 1.0), (spans.loaded(variant), -1.0)], high=0.0)
        least = program.min_machines[variant]
        rows.add([(spans.machines, 1.0), (spans.loaded(variant), -float(least))], low=0.0)
    rows.add(((spans.main(variant), 1.0) for variant in variants), 1.0, 1.0)
    rows.add(((spans.loaded(variant), 1.0) for variant in variants), 1.0, float(program.max_variants))
    places = np.ndindex(*program.load.shape)
    needed = [(spans.goes(*place), -float(program.load[place])) for place in places]
    rows.add([(spans.machines, 1.0), *needed], low=-_SLACK if program.whole_machines else 0.0)
    if program.max_memory is not None:
        # In parts of the limit, so that bytes and flags are of like size.
        sizes = ((spans.loaded(variant), float(program.memory[variant] / program.max_memory)) for variant in variants)
        rows.add(sizes, high=1.0)
    return rows


def _best(price: Floats, rows: _Rows, spans: _Spans, program: Program) -> Floats | None:
    """The cheapest point; None where there is none.

    Raises:
        RunError: The solver gave up.
    """
    high = np.ones(spans.count)
    high[: spans.languages * spans.variants] = program.allowed.ravel()
    high[spans.machines] = np.inf
    whole = np.ones(spans.count)
    whole[spans.machines] = float(program.whole_machines)
    found = milp(
        price,
        constraints=rows.constraint(spans.count),
        bounds=Bounds(np.zeros(spans.count), high),
        integrality=whole,
        options={"mip_rel_gap": 0.0, "time_limit": _TIME_LIMIT_S},
    )
    if found.status == 2:
        return None
    if found.x is None:
        raise RunError(
            f"No routing was found within {_TIME_LIMIT_S:.0f} s: {found.message}",
            "Leave candidates out, or lower max_variants.",
        )
    return np.asarray(found.x)


def _read(point: Floats, spans: _Spans, program: Program) -> Solution:
    size = spans.languages * spans.variants
    assignment = point[:size].reshape(spans.languages, spans.variants).argmax(axis=1).astype(np.int64)
    return Solution(assignment, _main(assignment, program), program.value(assignment))


def _main(assignment: NDArray[np.int64], program: Program) -> int:
    """The variant that most languages stay with, of those that the others may leave as they do."""
    rows = np.arange(len(assignment))
    served = np.bincount(assignment, minlength=program.cost.shape[1])
    may = [bool(program.may_leave[main, rows, assignment].all()) for main in range(len(served))]
    return max(np.flatnonzero(served).tolist(), key=lambda main: (may[main], served[main], -main))
