"""A counted share with its exact interval."""

from typing import Final

from leanglot.results.monitoring import Share
from leanglot.stats.two_samples import share_high, share_low

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
    low, high = float(share_low(count, n, _TAIL)), float(share_high(count, n, _TAIL))
    return Share(n=n, value=count / n, low=low, high=high)
