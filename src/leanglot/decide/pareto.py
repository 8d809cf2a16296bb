"""The Pareto front: candidates that no other one beats in speed, size and worst language at once."""

from collections.abc import Sequence

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
    known = [cost for cost in costs.values() if cost is not None]
    return {
        name: None if cost is None else not any(_dominates(other, cost) for other in known)
        for name, cost in costs.items()
    }


def _costs(candidate: Candidate, baseline: Candidate) -> tuple[float, float, float] | None:
    """Latency, size and worst drop, less being better; None where one is unknown."""
    standing = standing_of(candidate, baseline)
    speed, size, drop = standing.speed, candidate.size_bytes, standing.worst_drop
    if candidate.status == "failed" or not speed or size is None or drop is None:
        return None
    return 1 / speed, float(size), drop


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
