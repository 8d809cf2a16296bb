"""A counted share with its exact interval."""

from typing import Final

from leanglot.results.monitoring import Share
from leanglot.stats.intervals import share_bound

_TAIL: Final = 0.025


def share_of(count: int, n: int, reason: str = "nothing was counted yet") -> Share:
    """The share with its exact 95% interval (Clopper and Pearson, 1934).

    Args:
        count: How many of them.
        n: All.
        reason: What is told in its place where ``n`` is 0.
    """
    if n == 0:
        return Share(n=0, reason=reason)
    low = 1 - share_bound(n - count, n, _TAIL)
    return Share(n=n, value=count / n, low=low, high=share_bound(count, n, _TAIL))
