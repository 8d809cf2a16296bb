"""Says which limit leaves no routing, and what the nearest value is that would."""

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import numpy as np

from leanglot.config.costs import Costs
from leanglot.config.deciding import RoutingConfig
from leanglot.decide.routing_options import Options, find_options
from leanglot.decide.routing_program import Program, Solution, solve
from leanglot.errors import ConfigError
from leanglot.results.records import Candidate


def refuse_limits(
    candidates: Sequence[Candidate],
    config: RoutingConfig,
    costs: Costs | None,
    margin: float,
    tags: Sequence[str],
    unknown: Mapping[str, str],
) -> NoReturn:
    """Raise the error for limits that leave no routing.

    Args:
        candidates: All candidates of the run.
        config: The limits.
        costs: Prices; None where latency is minimized.
        margin: Largest drop that counts as harmless.
        tags: Languages to route.
        unknown: Why single answers of candidates are not known, by name.

    Raises:
        ConfigError: Always; it names each limit that alone is in the way, and its nearest value that is not.
    """

    def options(changes: Mapping[str, object]) -> Options:
        return find_options(candidates, config.model_copy(update=changes), costs, margin, unknown)

    nearest = [
        *_memory(options({"max_memory_bytes": None}), config, tags),
        *_latency(candidates, options, config, tags),
        *_number(options({}), config, tags),
    ]
    given = _given(config)
    if nearest:
        raise ConfigError(f"No routing keeps within {given}.", f"One of these alone would do: {'; '.join(nearest)}.")
    found = options({})
    if given != "the verdicts" and _fewest(options(_UNLIMITED), tags, None, len(candidates), None) is not None:
        raise ConfigError(
            f"No routing keeps within {given}, and none of the limits alone is what is in the way.", "Raise several."
        )
    barred = [tag for tag in tags if not any(found.may(tag, each.name) for each in found.variants)]
    why = f"; no candidate may serve {', '.join(barred[:12])}" if barred and found.variants else ""
    excluded = "".join(f"\n  {name}: {reason}" for name, reason in list(found.excluded.items())[:12])
    raise ConfigError(f"No routing keeps within {given}{why}.{excluded}", "Make a candidate that may serve them.")


_UNLIMITED: dict[str, object] = {"max_memory_bytes": None, "max_p95_ms": None}


def _given(config: RoutingConfig) -> str:
    limits = []
    if config.max_p95_ms is not None:
        limits.append(f"max_p95_ms {config.max_p95_ms:g}")
    if config.max_memory_bytes is not None:
        limits.append(f"max_memory {config.max_memory_bytes / 1e6:,.0f} MB")
    return " and ".join([*limits, f"max_variants {config.max_variants}"])


def _memory(options: Options, config: RoutingConfig, tags: Sequence[str]) -> list[str]:
    known = [each for each in options.variants if each.peak_rss_bytes is not None]
    if config.max_memory_bytes is None or not known:
        return []
    options = Options(tuple(known), options.excluded, options.obstacles)
    sizes = np.asarray([float(each.peak_rss_bytes or 0) for each in known])
    found = _fewest(options, tags, None, config.max_variants, sizes)
    if found is None:
        return []
    least = sum(sizes[number] for number in found.loaded)
    return [f"max_memory {np.ceil(least / 1e6):,.0f} MB"]


def _latency(
    candidates: Sequence[Candidate],
    options: Callable[[Mapping[str, object]], Options],
    config: RoutingConfig,
    tags: Sequence[str],
) -> list[str]:
    if config.max_p95_ms is None:
        return []
    known = {each.latency_ms.p95 for each in candidates if each.latency_ms is not None}
    for limit in sorted(p95 for p95 in known if p95 is not None and p95 > config.max_p95_ms):
        if (
            _fewest(options({"max_p95_ms": limit}), tags, config.max_memory_bytes, config.max_variants, None)
            is not None
        ):
            return [f"max_p95_ms {np.ceil(limit * 100) / 100:g}"]
    return []


def _number(options: Options, config: RoutingConfig, tags: Sequence[str]) -> list[str]:
    number = len(options.variants)
    found = _fewest(options, tags, config.max_memory_bytes, number, np.ones(number))
    return [] if found is None or number <= config.max_variants else [f"max_variants {len(found.loaded)}"]


def _fewest(
    options: Options,
    tags: Sequence[str],
    max_memory: int | None,
    max_variants: int,
    loading_cost: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None,
) -> Solution | None:
    """The routing that costs least to load; None where there is none within these limits."""
    number = len(options.variants)
    allowed = np.array([[options.may(tag, each.name) for each in options.variants] for tag in tags], dtype=bool)
    allowed = allowed.reshape(len(tags), number)
    return solve(
        Program(
            cost=np.zeros(allowed.shape),
            load=np.zeros(allowed.shape),
            allowed=allowed,
            may_leave=np.broadcast_to(allowed, (number, *allowed.shape)),
            to_safest=np.zeros(len(tags), dtype=bool),
            memory=np.asarray([float(each.peak_rss_bytes or 0) for each in options.variants]),
            min_machines=np.zeros(number),
            max_memory=max_memory,
            max_variants=max_variants,
            loading_cost=loading_cost,
        )
    )
