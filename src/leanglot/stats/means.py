"""The interval of a mean of independent shares, from the interval of each."""

import math
from collections.abc import Sequence


def interval_of_mean(values: Sequence[float], lows: Sequence[float], highs: Sequence[float]) -> tuple[float, float]:
    """Both ends of the interval of the plain mean of independent estimates.

    The distance of an end from the mean is the root of the sum of the squared distances of the estimates' own ends,
    each by its weight (MOVER: Zou and Donner, "Construction of confidence intervals about lognormal means", Statistics
    in Medicine 27, 2008). Intervals that are not symmetric, such as Wilson's, keep their shape.

    Args:
        values: The estimates, one at least.
        lows: Lower ends of their intervals, at one level; none above its estimate.
        highs: Upper ends.
    """
    n = len(values)
    mean = math.fsum(values) / n
    below = math.sqrt(math.fsum((value - low) ** 2 for value, low in zip(values, lows, strict=True))) / n
    above = math.sqrt(math.fsum((high - value) ** 2 for value, high in zip(values, highs, strict=True))) / n
    return mean - below, mean + above
