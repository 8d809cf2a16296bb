"""What a monitor knows at a moment: each language's health, the alerts, and what was noticed."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.techniques import Task

Signal = Literal[
    "accuracy",
    "estimate",
    "confidence",
    "labels",
    "failures",
    "ratio",
    "length",
    "unknown",
    "fragmentation",
    "script",
    "latency",
    "traffic",
]
"""What is watched: accuracy where labels arrive, its estimate where they do not, the confidence, the mix of answers,
failures of translations and their length per character of the source, the length in tokens, texts with unknown tokens,
tokens per character, the script, slow answers, the mix of languages.

Of translations, the accuracy is the share of them whose chrF reaches the median of the judged ones of their pair.
"""

Health = Literal["alert", "quiet", "not enough data", "no baseline"]
"""``quiet``: enough was seen, and no alert is open; ``not enough data``: even a collapse might not be found yet."""


class Alert(BaseModel):
    """A change that the test found; see the decision record on alerts for what its certainty means.

    Attributes:
        id: Stable within the monitor's life, such as ``sw-accuracy-1``.
        language: Canonical tag; ``*`` for the mix of languages.
        signal: What changed.
        since: Start of the window in which the change shows the clearest.
        found_at: Time of the prediction that completed the evidence.
        ended_at: When the newest window was back in order; None while it is open.
        n: Predictions in the window.
        baseline: Share before, or accuracy; of what, says the message.
        now: The same in the window.
        low: Lower end of the interval of ``now - baseline``.
        high: Upper end of it.
        chance: Chance that the whole monitor would ever raise one such alert without a change: its error level alpha,
            or less where the evidence was stronger than needed.
        message: What, with the numbers.
        advice: What to do next.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    language: str
    signal: Signal
    since: datetime
    found_at: datetime
    ended_at: datetime | None = None
    n: int = Field(gt=0)
    baseline: float
    now: float
    low: float
    high: float
    chance: float
    message: str
    advice: str


class Share(BaseModel):
    """A share with its interval, or the reason why it is not told.

    Attributes:
        n: How many it was taken from.
        value: The share; None where it is not told.
        low: Lower end of the 95% interval.
        high: Upper end of it.
        reason: Why it is not told; None where it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=0)
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


class RecentLatency(BaseModel):
    """Latency in milliseconds over the last hour, within 2% of the true quantiles.

    Attributes:
        n: Predictions.
        p50: Median; None under 5.
        p95: 95th percentile; None under 130.
        p99: 99th percentile; None under 662.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=0)
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class ShadowFlips(BaseModel):
    """Traffic that the baseline model answered as well.

    Attributes:
        n: Predictions that both answered.
        flips: Those that they answered differently.
        share: Flips among them.
        labelled: Those whose right answer is known.
        lost: Of the labelled, those that the baseline alone answered rightly.
        won: Of the labelled, those that the served model alone answered rightly.
        verdict: ``safe``, ``harmed`` or ``inconclusive`` at the margin of one point; None without labelled ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=0)
    flips: int = Field(ge=0)
    share: Share
    labelled: int = Field(default=0, ge=0)
    lost: int = Field(default=0, ge=0)
    won: int = Field(default=0, ge=0)
    verdict: Literal["safe", "harmed", "inconclusive"] | None = None


class LanguageHealth(BaseModel):
    """One language at a moment.

    Attributes:
        health: Its state in a word.
        reason: Why it is in that state, one sentence.
        predictions: All of them since the monitor began.
        last_hour: Those of the last hour of the log's time.
        share: Its share of the last hour's predictions; None where there were none.
        per_minute: Predictions in each of the last 60 minutes, the oldest first.
        latency: Of the last hour.
        confidence: Mean confidence of the last hour; None where none was logged.
        accuracy: Among the newest 1,000 labelled predictions.
        estimate: Accuracy estimated from the confidence of the newest window.
        baseline_accuracy: Accuracy when the model was judged; None where it was not judged in this language.
        detectable_drop: Smallest drop of accuracy that would have been found by now, as a fraction; None where even a
            total loss would not have been.
        variants: Predictions by variant of a router; one entry otherwise.
        shadow: Where the baseline model answered as well.
        alerts: Identifiers of open alerts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    health: Health
    reason: str
    predictions: int = Field(ge=0)
    last_hour: int = Field(ge=0)
    share: float | None
    per_minute: tuple[int, ...]
    latency: RecentLatency
    confidence: float | None
    accuracy: Share
    estimate: Share
    baseline_accuracy: float | None
    detectable_drop: float | None
    variants: dict[str, int]
    shadow: ShadowFlips | None = None
    alerts: tuple[str, ...] = ()


class Snapshot(BaseModel):
    """Everything that a monitor knows at a moment.

    Attributes:
        schema_version: Version of this layout.
        name: Name of the artifact or the router; empty without a baseline.
        task: What the model does, as far as the baseline tells.
        began: Time of the first prediction; None before it.
        newest: Time of the newest prediction; None before it.
        predictions: All of them.
        per_minute: Predictions in each of the last 60 minutes, the oldest first.
        languages: By canonical tag, the one with most predictions first; ``other`` for those beyond the limit.
        alerts: Open alerts first, the newest first; then ended ones, a bounded number.
        alpha: Chance of any false alert in the monitor's whole life, all languages and signals together.
        counters: What was skipped, refused or unusual, such as ``broken_lines``, by name.
        notes: What was noticed, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: str
    began: datetime | None
    newest: datetime | None
    predictions: int = Field(ge=0)
    per_minute: tuple[int, ...]
    languages: dict[str, LanguageHealth]
    alerts: tuple[Alert, ...]
    alpha: float
    counters: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    task: Task = Field(default="text-classification", exclude_if=lambda value: value == "text-classification")
