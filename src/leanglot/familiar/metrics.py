"""The metrics of one language, under the names that the field's material uses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from leanglot.familiar.latencies import Latencies
from leanglot.familiar.thresholds import ThresholdCheck
from leanglot.results.measures import LanguageQuality


@dataclass(frozen=True)
class LanguageMetrics:
    """Quality and latency in one language.

    Attributes:
        language: Language tag.
        accuracy: Share of right answers.
        precision: Mean precision over the labels that occur among this language's examples.
        recall: Mean recall over them.
        f1: Mean F1 over them.
        latency_p50: Median latency of one text in milliseconds, tokenization outside; None where nothing was timed.
        latency_p95: 95th percentile of it; None under 130 calls.
        sample_count: Number of examples.
        error_rate: Share of wrong answers.
        accuracy_low: Lower end of the accuracy's Wilson 95% interval.
        accuracy_high: Upper end of it.
        threshold: Least accuracy that was asked for; None where nothing was.
        missing: For each None above, why it is None.
    """

    language: str
    accuracy: float
    precision: float
    recall: float
    f1: float
    latency_p50: float | None
    latency_p95: float | None
    sample_count: int
    error_rate: float
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    threshold: float | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of examples."""
        return self.sample_count

    @property
    def macro_f1(self) -> float:
        """The same as ``f1``."""
        return self.f1

    @property
    def meets_threshold(self) -> ThresholdCheck:
        """Whether the accuracy meets its threshold: to be used as a condition, or called with another threshold."""
        return ThresholdCheck(self.accuracy, self.threshold, self.accuracy_low, self.accuracy_high)


def metrics_of(
    tag: str, quality: LanguageQuality, latency: Latencies | None, threshold: float | None, untimed: str
) -> LanguageMetrics:
    """Joins what was found in one language.

    Args:
        tag: The language.
        quality: Its quality.
        latency: Its latency; None where nothing was timed.
        threshold: Least accuracy that is asked for.
        untimed: Why nothing was timed.
    """
    if latency is None:
        missing = {"latency_p50": untimed, "latency_p95": untimed}
    else:
        missing = {f"latency_{name}": why for name, why in latency.missing.items() if name == "p95"}
    if threshold is None:
        missing["threshold"] = f"no threshold was given for {tag}"
    return LanguageMetrics(
        language=tag,
        accuracy=quality.accuracy,
        precision=quality.precision,
        recall=quality.recall,
        f1=quality.macro_f1,
        latency_p50=None if latency is None else latency.p50,
        latency_p95=None if latency is None else latency.p95,
        sample_count=quality.n,
        error_rate=1 - quality.accuracy,
        accuracy_low=quality.accuracy_low,
        accuracy_high=quality.accuracy_high,
        threshold=threshold,
        missing=missing,
    )
