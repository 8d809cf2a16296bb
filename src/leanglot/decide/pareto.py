"""The Pareto front: candidates that no other one beats in all of what counts at once."""

from collections.abc import Mapping, Sequence

from leanglot.decide.standing import baseline_of, standing_of
from leanglot.results.records import Candidate


def pareto_flags(candidates: Sequence[Candidate]) -> dict[str, bool | None]:
    """Tells of each candidate whether it is on the front of median latency, size and worst language drop.

    Latency is compared by the speed-up, measured interleaved, where there is one. The baseline takes part,
    with a drop of 0. A candidate is off the front when another one is at least as good in all three and
    better in one.

    Args:
        candidates: All candidates of a run, the baseline among them.

    Returns:
        The flags by name; None where a candidate failed or lacks one of the numbers, which keeps it from
        being compared.

    Raises:
        DataError: There is no baseline, or more than one.
    """
    baseline = baseline_of(candidates)
    costs = {candidate.name: _costs(candidate, baseline) for candidate in candidates}
    front = pareto_front({name: cost for name, cost in costs.items() if cost is not None})
    return {name: None if cost is None else name in front for name, cost in costs.items()}


def pareto_front(points: Mapping[str, tuple[float, ...]]) -> tuple[str, ...]:
    """The names that no other point beats: one at least as low in every coordinate, and lower in one.

    Equal points are on the front together or not at all.

    Args:
        points: What counts of each name, such as its monthly cost and its 95th percentile of latency; less is better.
            All of one length, without NaN.

    Returns:
        The names in ascending order of their points.
    """
    front = [name for name, own in points.items() if not any(_dominates(other, own) for other in points.values())]
    return tuple(sorted(front, key=lambda name: (points[name], name)))


def _costs(candidate: Candidate, baseline: Candidate) -> tuple[float, float, float] | None:
    """Latency, size and worst drop, less being better; None where one is unknown."""
    standing = standing_of(candidate, baseline)
    speed, size, drop = standing.speed, candidate.size_bytes, standing.worst_drop
    if candidate.status == "failed" or not speed or size is None or drop is None:
        return None
    return 1 / speed, float(size), drop


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
