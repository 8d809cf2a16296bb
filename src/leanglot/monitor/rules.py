"""What the monitor promises and what it lets pass: levels, tolerances, sizes and limits."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from numbers import Real
from typing import Final

from leanglot.errors import ConfigError
from leanglot.results.monitoring import Signal

GROUPS: Final[dict[Signal, float]] = {
    "accuracy": 1 / 2,
    "estimate": 1 / 4,
    **dict.fromkeys(("confidence", "labels", "length", "unknown", "fragmentation", "script", "latency"), 1 / 32),
    "traffic": 1 / 32,
}
"""Part of the error level that each signal may spend; together 1."""

IN_PLACE_OF_LABELS: Final[dict[Signal, float]] = {"failures": 1 / 64, "ratio": 1 / 64}
"""What of translations shares the part of the mix of answers, which they do not have."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """By how much a share may differ from its reference without an alert, as a fraction.

    Test sets are never distributed just like traffic: with enough predictions, a test for any difference at all
    would always fire. `accuracy` has none, since there the loss itself is what one wants to know.

    Attributes:
        estimate: Fall of the accuracy that is estimated from the confidence.
        confidence: Change of the share of predictions up to a confidence.
        labels: Change of an answer's share, against the language's own first predictions.
        failures: Change of the share of translations that show a failure of one kind.
        ratio: Change of the share of translations up to a number of characters per character of the source.
        length: Change of the share of texts up to a number of tokens.
        unknown: Change of the share of texts with unknown tokens.
        fragmentation: Change of the share of texts up to a number of tokens per character.
        script: Change of a script's share.
        traffic: Change of a language's share of all predictions, against the first ones of all languages.
    """

    estimate: float = 0.01
    confidence: float = 0.10
    labels: float = 0.10
    failures: float = 0.05
    ratio: float = 0.10
    length: float = 0.10
    unknown: float = 0.05
    fragmentation: float = 0.10
    script: float = 0.05
    traffic: float = 0.10

    def of(self, signal: Signal) -> float:
        """The tolerance of a signal; 0 of those that have none."""
        return float(getattr(self, signal, 0.0))


@dataclass(frozen=True, slots=True)
class Budget:
    """Error level of each signal of one language: the chance that it ever raises an alert without a change.

    Attributes:
        levels: By signal.
    """

    levels: Mapping[Signal, float]

    def of(self, signal: Signal) -> float:
        """The level of a signal."""
        return self.levels[signal]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is promised, and what is let pass.

    Attributes:
        alpha: Chance that the whole monitor, all languages and signals together, ever raises an alert although
            nothing changed. Above 0, at most 0.5.
        block: Predictions of a language between two looks at its tests, 10 to 10,000.
        design_effect: Live predictions that are worth as much as one independent one (Kish, "Survey Sampling", 1965),
            1 to 1,000: more than 1 where they come in bursts of like ones.
        tolerances: By how much shares may differ.
        latency_budget_ms: Milliseconds within which answers shall come; None watches no latency.
        latency_share: Share of answers that may be slower than that, above 0 and below 1.
        max_languages: Languages told apart; all others are ``other``. 1 to 10,000.
        reference_predictions: Most predictions of which the mix of answers and of languages is learned; fewer where
            those place every share within half the tolerance. 100 to 1,000,000.
        estimate_min: Predictions with a confidence from which on the accuracy is estimated, at least 100.
        estimate_baseline_min: Judged examples of the language which that needs, at least 50.
        recent: Newest predictions of which the accuracy and its estimate are told, 100 to 100,000.

    Raises:
        ConfigError: A value lies outside; all faults are told at once.
    """

    alpha: float = 0.05
    block: int = 100
    design_effect: float = 1.0
    tolerances: Tolerances = field(default_factory=Tolerances)
    latency_budget_ms: float | None = None
    latency_share: float = 0.05
    max_languages: int = 200
    reference_predictions: int = 5_000
    estimate_min: int = 200
    estimate_baseline_min: int = 100
    recent: int = 1_000

    def __post_init__(self) -> None:
        faults = [*_fraction_faults(self), *_count_faults(self)]
        if faults:
            raise ConfigError(
                "The monitor's rules cannot be used: " + "; ".join(faults) + ".",
                "Correct them, or leave them out to take the defaults.",
            )

    def budget(self, languages: int, *, translates: bool = False) -> Budget:
        """The levels of one language.

        Args:
            languages: How many are watched, at least 1.
            translates: Whether they are language pairs.
        """
        parts: dict[Signal, float] = {name: part for name, part in GROUPS.items() if name != "traffic"}
        if translates:
            del parts["labels"]
            parts |= IN_PLACE_OF_LABELS
        return Budget({name: self.alpha * part / languages for name, part in parts.items()})

    @property
    def traffic_level(self) -> float:
        """Error level of the mix of languages, of which there is one."""
        return self.alpha * GROUPS["traffic"]


def learned_blocks(rules: Rules, tolerance: float, level: float) -> int:
    """Blocks of which a reference is learned from traffic.

    By Hoeffding's inequality (1963) ``ln(1 / level) / (2 * (tolerance / 2)**2)`` predictions place each share within
    half the tolerance; more would sharpen nothing and begin later.

    Args:
        rules: The size of a block, and the most predictions.
        tolerance: By how much a share may change.
        level: Error level of one bound.
    """
    needed = rules.design_effect * math.log(1 / level) / (2 * (tolerance / 2) ** 2) if tolerance > 0 else math.inf
    return max(1, math.ceil(min(needed, rules.reference_predictions) / rules.block))


def _fraction_faults(rules: Rules) -> Iterator[str]:
    if not _is_number(rules.alpha) or not 0 < rules.alpha <= 0.5:
        yield f"alpha is {rules.alpha!r}, and must be above 0 and at most 0.5"
    if not _is_number(rules.latency_share) or not 0 < rules.latency_share < 1:
        yield f"latency_share is {rules.latency_share!r}, and must be above 0 and below 1"
    if not _is_number(rules.design_effect) or not 1 <= rules.design_effect <= 1_000:
        yield f"design_effect is {rules.design_effect!r}, and must be from 1 to 1,000"
    budget = rules.latency_budget_ms
    if budget is not None and (not _is_number(budget) or not 0 < budget < math.inf):
        yield f"latency_budget_ms is {budget!r}, and must be a number of milliseconds above 0, or None"
    for each in fields(Tolerances):
        value = getattr(rules.tolerances, each.name)
        if not _is_number(value) or not 0 <= value < 1:
            yield f"the tolerance of {each.name} is {value!r}, and must be at least 0 and below 1"


def _count_faults(rules: Rules) -> Iterator[str]:
    limits = {
        "block": (10, 10_000),
        "max_languages": (1, 10_000),
        "reference_predictions": (100, 1_000_000),
        "estimate_min": (100, 1_000_000),
        "estimate_baseline_min": (50, 1_000_000),
        "recent": (100, 100_000),
    }
    for name, (least, most) in limits.items():
        value = getattr(rules, name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            yield f"{name} is {value!r}, and must be a whole number from {least:,} to {most:,}"


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and not math.isnan(float(value))
