"""Draws smaller sets of examples: seeded, even over labels, and spread over groups before repeating any."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from leanglot.data.examples import Examples
from leanglot.errors import DataError
from leanglot.techniques import Balance


def sample_per_language(examples: Examples, limit: int, seed: int) -> Examples:
    """Draws at most ``limit`` examples of each language.

    Each label keeps its share of the language. Within a label, every group gives one example before any gives
    a second, because examples of one group are weaker evidence together. What is drawn from one language does
    not depend on which others there are.

    Args:
        examples: What to draw from.
        limit: Most examples per language.
        seed: The same seed draws the same examples.

    Returns:
        The drawn examples in their old order; all of a language that has no more than ``limit``.

    Raises:
        DataError: When ``limit`` is below 1.
    """
    if limit < 1:
        raise DataError(f"A limit of {limit} examples per language leaves none.", "Allowed are 1 and more.")
    return _drawn(examples, dict.fromkeys(examples.languages, limit), seed)


def sample_balanced(
    examples: Examples,
    n: int,
    seed: int,
    by: Balance = "uniform",
    *,
    temperature: float = 1.0,
    traffic: Mapping[str, float] | None = None,
) -> Examples:
    """Draws ``n`` examples with a chosen balance between the languages.

    Args:
        examples: What to draw from.
        n: How many to draw in all; all examples where there are fewer.
        seed: The same seed draws the same examples.
        by: ``uniform`` gives each language the same number. ``proportional`` keeps each language's share of the
            examples, ``temperature`` makes shares proportional to n^(1/temperature), ``traffic`` takes the shares
            given; all three give one example at least where ``n`` allows it. Where a language has too few, the others
            share the rest.
        temperature: For ``temperature``: 1 is proportional, and the larger, the more even.
        traffic: For ``traffic``: shares by language, of any positive sum. Languages without a share, and shares without
            examples, give nothing.

    Returns:
        The drawn examples in their old order. Labels and groups are spread as in `sample_per_language`.

    Raises:
        DataError: When ``n`` is below 1, or no language of the traffic has examples.
    """
    if n < 1:
        raise DataError(f"A sample of {n} examples is empty.", "Allowed are 1 and more.")
    sizes = {tag: len(positions) for tag, positions in examples.by_language().items()}
    if by == "uniform":
        return _drawn(examples, _even_quotas(sizes, n, seed), seed)
    weights: Mapping[str, float] = sizes
    if by == "temperature":
        weights = {tag: size ** (1 / temperature) for tag, size in sizes.items()}
    elif by == "traffic":
        weights = {tag: share for tag, share in (traffic or {}).items() if tag in sizes}
    if not weights:
        raise DataError(
            f"No language of the traffic ({', '.join(sorted(traffic or {})) or 'none'}) has examples to draw from.",
            f"There are examples in {', '.join(sorted(sizes))}.",
        )
    return _drawn(examples, _weighted_quotas(sizes, weights, n), seed)


def _drawn(examples: Examples, quotas: Mapping[str, int], seed: int) -> Examples:
    chosen: list[int] = []
    for tag, positions in examples.by_language().items():
        if len(positions) <= quotas.get(tag, 0):
            chosen.extend(positions.tolist())
        else:
            # A stream of its own per language keeps one language's sample free of the others.
            rng = np.random.default_rng([seed, *tag.encode()])
            chosen.extend(_drawn_in_language(examples, positions, quotas.get(tag, 0), rng))
    return examples.subset(sorted(chosen))


def _drawn_in_language(
    examples: Examples, positions: NDArray[np.int64], quota: int, rng: np.random.Generator
) -> list[int]:
    shuffled = [int(position) for position in rng.permutation(positions)]
    by_label: dict[str, list[int]] = defaultdict(list)
    for position in groups_in_turn(shuffled, examples.groups):
        by_label[examples.labels[position]].append(position)
    sizes = {label: len(members) for label, members in by_label.items()}
    quotas = _weighted_quotas(sizes, sizes, quota)
    return [position for label, members in by_label.items() for position in members[: quotas[label]]]


def groups_in_turn(shuffled: Sequence[int], groups: Sequence[str] | None) -> list[int]:
    """The same positions with the first of every group ahead of every second, and so on."""
    if groups is None:
        return list(shuffled)
    seen: dict[str, int] = defaultdict(int)
    turns = []
    for position in shuffled:
        turns.append(seen[groups[position]])
        seen[groups[position]] += 1
    return [position for _, position in sorted(zip(turns, shuffled, strict=True), key=lambda pair: pair[0])]


def _weighted_quotas(sizes: Mapping[str, int], weights: Mapping[str, float], n: int) -> dict[str, int]:
    """Shares ``n`` out in proportion to weights, by largest remainders; one each where ``n`` allows it.

    What one lacks is shared out among the others by their weights.

    Args:
        sizes: How many each has.
        weights: Positive; of some or all of them.
        n: How many in all.
    """
    # Fractions throughout: a rounding error could otherwise hand out more than there are.
    open_ = {name: Fraction(weight) for name, weight in weights.items()}
    quotas: dict[str, int] = {}
    while open_:
        rate = Fraction(n - sum(quotas.values())) / sum(open_.values())
        if not (full := {name: sizes[name] for name, weight in open_.items() if rate * weight >= sizes[name]}):
            break
        quotas |= full
        open_ = {name: weight for name, weight in open_.items() if name not in full}
    exact = {name: rate * weight for name, weight in open_.items()}
    quotas |= {name: int(part) for name, part in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (int(exact[name]) - exact[name], name))
    for name in by_remainder[: n - sum(quotas.values())] if open_ else ():
        quotas[name] += 1
    return _with_one_each(quotas) if n >= len(quotas) else quotas


def _with_one_each(quotas: dict[str, int]) -> dict[str, int]:
    """The same sum, with one at least for each."""
    for name in [name for name, quota in quotas.items() if quota == 0]:
        quotas[max(quotas, key=lambda other: quotas[other])] -= 1
        quotas[name] = 1
    return quotas


def _even_quotas(sizes: Mapping[str, int], n: int, seed: int) -> dict[str, int]:
    """Shares ``n`` out evenly, smallest language first, so that what one lacks goes to the larger ones."""
    # Who gets the odd example is drawn, or else the first languages of the alphabet always would.
    order = np.random.default_rng(seed).permutation(sorted(sizes)).tolist()
    quotas, left = {}, n
    for place, tag in enumerate(sorted(order, key=lambda tag: sizes[tag])):
        quotas[tag] = min(sizes[tag], left // (len(sizes) - place))
        left -= quotas[tag]
    return quotas
