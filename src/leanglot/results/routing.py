"""The record of how languages are spread over candidates, and what that is worth against one candidate for all."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from leanglot.config.deciding import RoutingConfig
from leanglot.results.verdicts import Verdict

__all__ = ["Detection", "Objective", "RoutingFacts"]

Objective = Literal["monthly cost", "mean latency"]


class Detection(BaseModel):
    """How well the router's language identifier tells the languages apart, on texts that it did not learn from.

    Attributes:
        examples: Texts by language.
        right: Share of them that were told right, by language.
        right_low: Lower end of the Wilson 95% interval of that share, by language.
        misrouted: Share of them that went to another candidate than their language's, by language, the fallback
            included.
        unknown: Share of them that it was too unsure of, which go to the fallback, by language.
        learned_from: What it learned from, and what it was counted on, in a few words.
        threshold: Probability under which it calls a language unknown.
        size_bytes: Its files.
        text_p50_ms: Median time to tell the language of one text; None where that was not measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    examples: dict[str, int]
    right: dict[str, float]
    right_low: dict[str, float] = {}
    misrouted: dict[str, float]
    unknown: dict[str, float]
    learned_from: str = ""
    threshold: float | None = None
    size_bytes: int | None = None
    text_p50_ms: float | None = None


class RoutingFacts(BaseModel):
    """What routing gains; ``RunReport.routing`` has the assignment.

    Attributes:
        config: The limits it was found under.
        main: Candidate that languages stay with unless there is a reason to leave it.
        fallback: Candidate for languages that are unknown: the safest one loaded.
        variants: Candidates loaded at once.
        objective: What was minimized: the monthly cost, or the traffic's mean latency where no costs were given.
        currency: What costs are written in; None where latency was minimized.
        value: Its value for the routing, in currency or milliseconds.
        single: The best single candidate for all languages under the same limits; None where none is allowed.
        single_value: Its value.
        baseline_value: The value of the baseline for all languages, whatever the limits; None where it is unknown.
        chance_better: Probability that routing is better than the single one; None where it cannot be told.
        saving: What routing saves over the single one.
        honest_saving: The same, where candidates are chosen on one half of the examples and priced on the other, so
            that luck in choosing does not count; None where it cannot be told.
        detected_value: The value where languages are detected, errors of that included; None without an identifier.
        memory_bytes: Memory of a process with all variants loaded: measured where an artifact was written, else their
            sum.
        memory_measured: Whether it was measured.
        accuracy: Share of right answers over all examples, the language told by the caller.
        detected_accuracy: The same with the language detected; None without an identifier.
        verdicts: The routed system against the baseline by language, the language told by the caller.
        detected_verdicts: The same with the language detected.
        detection: How well languages are detected; None without an identifier.
        artifact: The router's folder, relative to the run folder; None when none was written there.
        reasons: Why each language goes where it goes, by tag.
        excluded: Why candidates were not considered, by name.
        notes: What to know, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: RoutingConfig
    main: str
    fallback: str
    variants: tuple[str, ...]
    objective: Objective
    currency: str | None = None
    value: float
    single: str | None
    single_value: float | None
    baseline_value: float | None = None
    chance_better: float | None = None
    saving: float | None = None
    honest_saving: float | None = None
    detected_value: float | None = None
    memory_bytes: int | None = None
    memory_measured: bool = False
    accuracy: float | None = None
    detected_accuracy: float | None = None
    verdicts: dict[str, Verdict] = {}
    detected_verdicts: dict[str, Verdict] = {}
    detection: Detection | None = None
    artifact: str | None = None
    reasons: dict[str, str] = {}
    excluded: dict[str, str] = {}
    notes: tuple[str, ...] = ()
