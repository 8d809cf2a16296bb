"""The record of how languages are spread over candidates, and what that is worth against one candidate for all."""

from pydantic import BaseModel, ConfigDict

from leanglot.config.deciding import RoutingConfig

__all__ = ["Detection", "RoutingFacts"]


class Detection(BaseModel):
    """How well the router's language identifier tells the languages apart, on texts that it did not learn from.

    Attributes:
        examples: Texts by language.
        right: Share of them that were told right, by language.
        misrouted: Share of them that went to another candidate than their language's, by language.
        unknown: Share of them that it was too unsure of, which go to the fallback, by language.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    examples: dict[str, int]
    right: dict[str, float]
    misrouted: dict[str, float]
    unknown: dict[str, float]


class RoutingFacts(BaseModel):
    """What routing gains; ``RunReport.routing`` has the assignment.

    Attributes:
        config: The limits it was found under.
        fallback: Candidate for languages that are unknown: the safest one loaded.
        variants: Candidates loaded at once.
        objective: What was minimized: the monthly cost, or the traffic's mean latency where no costs were given.
        value: Its value for the routing, in currency or milliseconds.
        single: The best single candidate for all languages under the same limits; None where none is allowed.
        single_value: Its value.
        chance_better: Probability that routing is better than that; None where it cannot be told.
        memory_bytes: Memory of a process with all variants loaded: measured where an artifact was written, else their
            sum.
        memory_measured: Whether it was measured.
        accuracy: Share of right answers over all examples, the language told by the caller.
        detected_accuracy: The same with the language detected; None without an identifier.
        detection: How well languages are detected; None without an identifier.
        artifact: The router's folder, relative to the run folder; None when none was written.
        reasons: Why each language goes where it goes, by tag.
        notes: What to know, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: RoutingConfig
    fallback: str
    variants: tuple[str, ...]
    objective: str
    value: float
    single: str | None
    single_value: float | None
    chance_better: float | None = None
    memory_bytes: int | None = None
    memory_measured: bool = False
    accuracy: float | None = None
    detected_accuracy: float | None = None
    detection: Detection | None = None
    artifact: str | None = None
    reasons: dict[str, str] = {}
    notes: tuple[str, ...] = ()
