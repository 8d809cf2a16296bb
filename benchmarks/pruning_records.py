"""The records of the pruning benchmark: what each variant is, and how fast it is against another one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peer_records import Pace

from leanglot.results.records import Environment
from leanglot.techniques import Runtime

ENGINES: Final[tuple[Runtime, ...]] = ("pytorch", "onnxruntime")
GOAL: Final = 0.8
"""Share of the promised speed-up that a sliced model is to reach at `GOAL_LENGTH`."""
GOAL_LENGTH: Final = 128


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Where the time of one call goes.

    Attributes:
        products_ms: Within operators that multiply matrices, those of the attention included.
        other_ms: Within all other operators.
        fused: How often one call runs an operator that the engine or leanglot made out of several, by its name.
    """

    products_ms: float
    other_ms: float
    fused: Mapping[str, int]

    @property
    def total_ms(self) -> float:
        """Within all operators."""
        return self.products_ms + self.other_ms


@dataclass(frozen=True, slots=True)
class Facts:
    """One variant on one engine.

    Attributes:
        variant: Its name.
        about: What it is.
        weights: Number of parameters.
        flops: Floating-point operations of the matrix products for one text, by its length in tokens.
        size_bytes: Its folder, tokenizer included.
        peak_rss_bytes: Largest resident memory of a fresh process that loads it and answers once; None where that was
            not measured.
        split: At `GOAL_LENGTH`, or the longest length there is.
    """

    variant: str
    about: str
    weights: int
    flops: Mapping[int, int]
    size_bytes: int
    peak_rss_bytes: int | None
    split: TimeSplit


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant timed in turns with another one.

    Attributes:
        variant: What is compared.
        against: What it is compared with.
        promised: How many times as fast it would be if time went as FLOPs do, by length; empty where the two compute
            in different number formats.
        latency: By length, batch size 1; ``against_reference`` of each is the measured speed-up.
        throughput: One batch, texts per second.
        judged: Whether the goal applies: something was cut out of the products.
        neighbours: Share of the processor that other processes took meanwhile.
        warnings: A sentence where that is too much.
    """

    variant: str
    against: str
    promised: Mapping[int, float]
    latency: Mapping[int, Pace]
    throughput: Pace
    judged: bool
    neighbours: float
    warnings: tuple[str, ...]

    def reached(self, length: int) -> float | None:
        """Measured speed-up as a share of the promised one; None where nothing is promised."""
        if length not in self.promised:
            return None
        return self.latency[length].against_reference.median / self.promised[length]


@dataclass(frozen=True, slots=True)
class EngineLedger:
    """All variants on one engine.

    Attributes:
        engine: Its name.
        facts: By variant, the baseline first.
        comparisons: In the order they were made.
    """

    engine: str
    facts: Mapping[str, Facts]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class ShapeResults:
    """All engines on one shape.

    Attributes:
        shape: Its name.
        about: What it is.
        engines: The engines.
    """

    shape: str
    about: str
    engines: tuple[EngineLedger, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """A whole run.

    Attributes:
        created_at: When it ended.
        environment: The machine; its threads are those of every variant.
        rounds: How often the two of a pair took turns.
        calls: Timed calls per variant, length and round.
        shapes: The shapes.
        seconds: How long it took.
    """

    created_at: datetime
    environment: Environment
    rounds: int
    calls: int
    shapes: tuple[ShapeResults, ...]
    seconds: float
