"""Latency percentiles that can be read by key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from leanglot.measure.speed import Milliseconds, summarize_latency

_KEYS: Final = ("p50", "p95", "p99", "mean")


@dataclass(frozen=True)
class Latencies(Mapping[str, float | None]):
    """Latency of one text at batch size 1 in milliseconds, tokenization outside; a mapping of the four numbers.

    Attributes:
        p50: Median.
        p95: 95th percentile; None under 130 calls.
        p99: 99th percentile; None under 662 calls.
        mean: Arithmetic mean.
        n: Timed calls.
        missing: For each None above, why it is None.
    """

    p50: float | None
    p95: float | None
    p99: float | None
    mean: float | None
    n: int
    missing: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, key: str) -> float | None:
        if key not in _KEYS:
            raise KeyError(key)
        value: float | None = getattr(self, key)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(_KEYS)

    def __len__(self) -> int:
        return len(_KEYS)


def latencies(times: Milliseconds) -> Latencies:
    """Sums up timed calls.

    Args:
        times: Milliseconds per call, shape (calls,).
    """
    found = summarize_latency(times)
    missing = {name: why for name, why in found.missing.items() if name in _KEYS}
    return Latencies(p50=found.p50, p95=found.p95, p99=found.p99, mean=found.mean, n=found.n, missing=missing)
