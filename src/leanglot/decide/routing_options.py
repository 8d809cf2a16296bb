"""Which candidates may be loaded by a router, and which languages each of them may serve, with the reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from leanglot.config.costs import Costs
from leanglot.config.deciding import RoutingConfig
from leanglot.decide.machines import running_cost
from leanglot.decide.praise import points
from leanglot.results.records import Candidate

NOT_JUDGED: Final = "was not judged in it"


@dataclass(frozen=True)
class Options:
    """What routing may choose from.

    Attributes:
        variants: Candidates that keep within the limits of one, the safest first.
        excluded: Why the others do not, by name.
        obstacles: Why a variant may not serve a language, by language and variant; languages that were judged.
    """

    variants: tuple[Candidate, ...]
    excluded: dict[str, str]
    obstacles: dict[str, dict[str, str]]

    def may(self, tag: str, name: str) -> bool:
        """Whether a variant may serve a language; one that was not judged, any may."""
        return name not in self.obstacles.get(tag, {})


def find_options(
    candidates: Sequence[Candidate],
    config: RoutingConfig,
    costs: Costs | None,
    margin: float,
    unknown: Mapping[str, str] = MappingProxyType({}),
) -> Options:
    """Sorts the candidates out: by limits of a single one, and by their verdicts.

    Without costs nothing weighs errors, so a candidate then may not have lost more than the margin in a language,
    proven or not; with costs it may, where that is not proven, because what was lost has its price.

    Args:
        candidates: All candidates of a run, the baseline among them.
        config: The limits.
        costs: Prices; None where latency is minimized.
        margin: Largest drop that counts as harmless.
        unknown: Why single answers of candidates are not known, by name.
    """
    faults = {each.name: _unfit(each, config, costs) or unknown.get(each.name) for each in candidates}
    excluded = {name: why for name, why in faults.items() if why is not None}
    variants = sorted((each for each in candidates if each.name not in excluded), key=risk)
    tags = sorted({tag for each in candidates for tag in each.languages})
    largest = None if costs is not None else margin
    obstacles: dict[str, dict[str, str]] = {}
    for tag in tags:
        found = {each.name: _obstacle(each, tag, largest, strict=config.strict) for each in variants}
        obstacles[tag] = {name: why for name, why in found.items() if why is not None}
    return Options(tuple(variants), excluded, obstacles)


def risk(candidate: Candidate) -> tuple[int, int, int, float, str]:
    """Sorts candidates from the safest on: the baseline, then fewest harmed, most safe, smallest worst drop."""
    results = candidate.languages.values()
    harmed = sum(result.verdict == "harmed" for result in results)
    safe = sum(result.verdict == "safe" for result in results)
    worst = max((1.0 if result.drop is None else result.drop for result in results), default=1.0)
    return int(candidate.status != "baseline"), harmed, -safe, worst, candidate.name


def language_latency(candidate: Candidate, tag: str) -> float | None:
    """Median latency of one text in a language, or over all where that was not measured by language."""
    own = candidate.languages[tag].latency_p50_ms if tag in candidate.languages else None
    if own is not None:
        return own
    return None if candidate.latency_ms is None else candidate.latency_ms.p50


def _unfit(candidate: Candidate, config: RoutingConfig, costs: Costs | None) -> str | None:
    """What keeps a candidate from being loaded at all; None when nothing does."""
    if candidate.status == "failed":
        return f"failed: {candidate.reason or 'no reason was recorded'}"
    if candidate.artifact is None:
        return "has no artifact"
    return _too_slow(candidate, config) or _too_large(candidate, config) or _unpriced(candidate, costs)


def _too_slow(candidate: Candidate, config: RoutingConfig) -> str | None:
    if config.max_p95_ms is None:
        return None
    latency = candidate.latency_ms
    if latency is None or latency.p95 is None:
        why = "its latency was not measured" if latency is None else latency.missing.get("p95", "it was not measured")
        return f"its p95 is unknown ({why}), and at most {config.max_p95_ms:g} ms are allowed"
    if latency.p95 > config.max_p95_ms:
        return f"its p95 is {latency.p95:.3g} ms, and at most {config.max_p95_ms:g} ms are allowed"
    return None


def _too_large(candidate: Candidate, config: RoutingConfig) -> str | None:
    if config.max_memory_bytes is None:
        return None
    memory, limit = candidate.peak_rss_bytes, f"at most {config.max_memory_bytes / 1e6:,.0f} MB are allowed"
    if memory is None:
        return f"its memory is unknown, and {limit}"
    return f"it takes {memory / 1e6:,.0f} MB of memory, and {limit}" if memory > config.max_memory_bytes else None


def _unpriced(candidate: Candidate, costs: Costs | None) -> str | None:
    if costs is None:
        known = candidate.latency_ms is not None and candidate.latency_ms.p50 is not None
        return None if known else "its latency is unknown"
    running = running_cost(candidate, costs)
    return None if running.infra is not None else f"what it costs to run is unknown: {running.reason}"


def _obstacle(candidate: Candidate, tag: str, largest: float | None, *, strict: bool) -> str | None:
    """What keeps a language from a candidate; None when nothing does."""
    result = candidate.languages.get(tag)
    if candidate.status == "baseline" or (result is not None and result.verdict == "safe"):
        return None
    if result is None or result.verdict is None or result.drop is None:
        return NOT_JUDGED
    if result.verdict == "harmed":
        return f"harms it by {points(result.drop)}"
    if strict:
        return "is not proven safe for it"
    if largest is not None and result.drop > largest:
        return f"lost {points(result.drop)} in it, and without costs nothing weighs that"
    return None
