"""The records of what candidates cost: amounts with their intervals, and what would change the choice."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.config.costs import Costs

__all__ = ["BreakEven", "LanguageCost", "MonthlyCost", "Pricing"]


class LanguageCost(BaseModel):
    """What errors in one language cost in a month.

    Attributes:
        share: Share of the traffic.
        n: Judged examples; 0 where there are none.
        error_rate: Share of wrong answers, observed; None where nothing was judged.
        cost: Predictions times share times error rate times cost per error; None where the error rate is unknown.
        cost_low: Lower end of its credible interval.
        cost_high: Upper end of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float
    n: int = Field(ge=0)
    error_rate: float | None
    cost: float | None
    cost_low: float | None = None
    cost_high: float | None = None


class MonthlyCost(BaseModel):
    """What one candidate costs in a month, in the currency of the run's `Pricing`.

    Attributes:
        infra: Machines; None where neither a throughput nor a figure is known.
        errors: Wrong answers, over all languages of the traffic; None where one of them was not judged.
        total: Both together; None where either is.
        total_low: Lower end of the credible interval of the total, at the level of `Pricing`.
        total_high: Upper end of it.
        per_million: The total per million predictions.
        per_million_characters: The total per million characters of sources; None where nothing is translated.
        per_million_tokens: The total per million tokens of translations; None where nothing is translated.
        known: Machines and the wrong answers in the languages that were judged: the least that is known to be paid.
        machines: Number of machines; a fraction where shares of machines are paid; None where a figure was given.
        chance_cheapest: Probability that no other candidate that may be shipped costs less.
        languages: Cost of errors by language of the traffic.
        reason: Why something is None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    infra: float | None
    errors: float | None
    total: float | None
    total_low: float | None = None
    total_high: float | None = None
    per_million: float | None = None
    per_million_characters: float | None = None
    per_million_tokens: float | None = None
    known: float | None = None
    machines: float | None = None
    chance_cheapest: float | None = None
    languages: dict[str, LanguageCost] = {}
    reason: str | None = None


class BreakEven(BaseModel):
    """A value of one assumption at which another candidate becomes the cheapest.

    Attributes:
        assumption: ``error cost`` of a language or of all by one factor, ``traffic`` share of a language, ``machine
            price``, or ``predictions`` in a month.
        language: The language; None where the assumption is none of a single language.
        current: The assumption's value now; 1 for a factor.
        value: The value nearest to it at which the choice changes.
        instead: The candidate that is the cheapest beyond it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    assumption: Literal["error cost", "traffic", "machine price", "predictions"]
    language: str | None = None
    current: float
    value: float
    instead: str


class Pricing(BaseModel):
    """How a run's candidates were priced.

    Attributes:
        costs: The prices given.
        cheapest: Candidate of the lowest expected total among those that are neither failed nor rejected, the baseline
            included; None where none has a total.
        level: Level of the credible intervals.
        draws: Draws from the posterior that intervals and probabilities come from.
        method: What the posterior is, in a few words.
        break_evens: What would change the choice; empty where nothing within sight does.
        unknown: Languages of the traffic without judged examples, with their shares.
        notes: What to know of the prices, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    costs: Costs
    cheapest: str | None
    level: float = 0.95
    draws: int
    method: str
    break_evens: tuple[BreakEven, ...] = ()
    unknown: dict[str, float] = {}
    notes: tuple[str, ...] = ()
