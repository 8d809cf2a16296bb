"""What one benchmark found, by attribute and by key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from leanglot.familiar.latencies import Latencies
from leanglot.results.measures import LanguageQuality
from leanglot.results.records import Environment


@dataclass(frozen=True)
class BenchmarkResult(Mapping[str, object]):
    """Everything that one benchmark found; a mapping of its attributes.

    Attributes:
        model_name: What was measured.
        latency: Percentiles over the texts of all languages, every language equally often.
        latency_by_language: The same by language; percentiles that so few calls cannot place are None, with why.
        accuracy: Share of right answers over all examples.
        accuracy_by_language: The same by language.
        quality_by_language: Examples, interval, macro F1, precision and recall by language.
        model_size_mb: Bytes of the weights, as they are stored, in units of 10^6.
        cold_start_s: Seconds that a fresh process takes from its start to its first answer.
        peak_rss_bytes: Largest resident memory of that process.
        environment: The machine.
    """

    model_name: str
    latency: Latencies
    latency_by_language: Mapping[str, Latencies]
    accuracy: float
    accuracy_by_language: Mapping[str, float]
    quality_by_language: Mapping[str, LanguageQuality]
    model_size_mb: float
    cold_start_s: float
    peak_rss_bytes: int
    environment: Environment

    def __getitem__(self, key: str) -> object:
        if key not in self:
            raise KeyError(key)
        return getattr(self, key)

    def __contains__(self, key: object) -> bool:
        return any(field.name == key for field in fields(self))

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        return len(fields(self))
