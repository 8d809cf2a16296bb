"""What a sample can show, and how much more of it would settle a verdict."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom, norm

POWER: Final = 0.8
PRIOR_EXAMPLES: Final = 100.0
PRIOR_FLIP_RATE: Final = 0.05


@dataclass(frozen=True)
class Plan:
    """What to expect of further examples.

    Attributes:
        n: Independent examples had so far; an effective number where they come in clusters.
        drop: Mean drop observed among them.
        variance: Variance to expect of one example's difference, above 0.
    """

    n: float
    drop: float
    variance: float


def planned_flip_rate(flips: float, n: float) -> float:
    """Share of flipped answers to plan with: the observed one drawn towards 5% by a prior worth 100 examples.

    Without it, a sample that happened to show no flip would plan as if there were never going to be one.
    """
    return (flips + PRIOR_EXAMPLES * PRIOR_FLIP_RATE) / (n + PRIOR_EXAMPLES)


def detectable_flips(n: float, flip_rate: float, alpha: float) -> float | None:
    """Smallest true drop of right-or-wrong scores that the exact McNemar test finds with 80% power.

    Args:
        n: Independent examples, at least 1; effective ones are rounded down.
        flip_rate: Share of answers expected to change; a drop that is larger makes as many changes itself.
        alpha: Two-sided error level of the test.

    Returns:
        The drop, with 5% flips and n = 500 about 3 points; None where even losing everything would be missed.
    """
    examples = max(1, math.floor(n))

    def surplus(drop: float) -> float:
        return _mcnemar_power(examples, max(flip_rate, drop), drop, alpha) - POWER

    if surplus(1.0) < 0:
        return None
    return float(brentq(surplus, 0.0, 1.0, xtol=1e-6))


def _mcnemar_power(n: int, flip_rate: float, drop: float, alpha: float) -> float:
    """Chance that the exact test is significant, summed over the likely numbers of flips."""
    spread = 8 * math.sqrt(n * flip_rate * (1 - flip_rate)) + 8
    flips = np.arange(max(1, math.floor(n * flip_rate - spread)), min(n, math.ceil(n * flip_rate + spread)) + 1)
    least_lost = binom.isf(alpha / 2, flips, 0.5) + 1
    found = binom.sf(least_lost - 1, flips, min(1.0, (flip_rate + drop) / (2 * flip_rate)))
    return float(np.sum(binom.pmf(flips, n, min(1.0, flip_rate)) * found))


def detectable_drop(plan: Plan, alpha: float) -> float:
    """Smallest true drop of real scores that a two-sided paired test at ``alpha`` finds with 80% power.

    Source: Connor, "Sample size for testing differences in proportions for the paired-sample design" (1987),
    without the drop's own small part of the variance. With 5% of the answers flipped: 2.8 points at n = 500,
    0.9 at 5,010.
    """
    return float(norm.isf(alpha / 2) + norm.isf(1 - POWER)) * math.sqrt(plan.variance / plan.n)


def further_examples(plan: Plan, margin: float, alpha: float, harm_alpha: float) -> float:
    """Further independent examples for an 80% chance of a settled verdict, be it safe or harmed.

    Those to come are expected to show the observed drop drawn towards 0 by a prior worth 100 examples. There
    must be enough for a sample from scratch, ``(z_level + z_power)**2 * variance / distance**2`` in all (from
    no data, 5% flips, no drop and a margin of 1 point: about 3,100), and enough given what the examples so
    far have shown, which matters where the sample would have been large enough but was unlucky.

    Args:
        plan: What was seen, and the variance to expect.
        margin: Largest harmless drop, above 0.
        alpha: One-sided error level of the bound that must fall below the margin.
        harm_alpha: Two-sided error level at which this language's drop must be significant.

    Returns:
        At least 1, and finite: a drop that is far from being harmful is near to being safe.
    """
    expected = plan.drop * plan.n / (plan.n + PRIOR_EXAMPLES)
    routes = []
    # The two distances add up to the margin; the route of one that is next to nothing is never the shorter.
    if expected < 0.99 * margin:
        routes.append(_until(plan, margin - plan.drop, margin - expected, alpha))
    if expected > 0.01 * margin:
        routes.append(_until(plan, plan.drop, expected, harm_alpha / 2))
    return min(routes)


def _until(plan: Plan, seen: float, expected: float, tail: float) -> float:
    """Further examples until the mean distance from what is to be refuted stands clear of the noise.

    Args:
        plan: What was seen, and the variance to expect.
        seen: The distance that the examples so far show, of either sign.
        expected: The distance that those to come are expected to show, above 0.
        tail: One-sided error level of the test.
    """
    z, z_power = float(norm.isf(tail)), float(norm.isf(1 - POWER))
    from_scratch = (z + z_power) ** 2 * plan.variance / expected**2 - plan.n

    def surplus(more: float) -> float:
        noise = z * math.sqrt(plan.variance * (plan.n + more)) + z_power * math.sqrt(plan.variance * more)
        return plan.n * seen + more * expected - noise

    least = max(1.0, from_scratch)
    # The surplus is convex in the examples to come: once negative, it turns positive exactly once.
    if surplus(least) >= 0:
        return least
    enough = 2 * least
    while surplus(enough) <= 0:
        enough *= 2
    return float(brentq(surplus, least, enough, rtol=1e-6))
