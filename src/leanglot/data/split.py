"""Draws smaller sets of examples: seeded, even over labels, and spread over groups before repeating any."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leanglot.data.examples import Examples
from leanglot.errors import DataError

Balance = Literal["uniform", "proportional"]


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


def sample_balanced(examples: Examples, n: int, seed: int, by: Balance = "uniform") -> Examples:
    """Draws ``n`` examples with a chosen balance between the languages.

    Args:
        examples: What to draw from.
        n: How many to draw in all; all examples where there are fewer.
        seed: The same seed draws the same examples.
        by: ``uniform`` gives each language the same number; where one has too few, the others share the rest.
            ``proportional`` keeps each language's share, with one example at least where ``n`` allows it.

    Returns:
        The drawn examples in their old order. Labels and groups are spread as in `sample_per_language`.

    Raises:
        DataError: When ``n`` is below 1.
    """
    if n < 1:
        raise DataError(f"A sample of {n} examples is empty.", "Allowed are 1 and more.")
    sizes = {tag: len(positions) for tag, positions in examples.by_language().items()}
    quotas = _even_quotas(sizes, n, seed) if by == "uniform" else _proportional_quotas(sizes, n)
    return _drawn(examples, quotas, seed)


def _drawn(examples: Examples, quotas: Mapping[str, int], seed: int) -> Examples:
    chosen: list[int] = []
    for tag, positions in examples.by_language().items():
        if len(positions) <= quotas[tag]:
            chosen.extend(positions.tolist())
        else:
            # A stream of its own per language keeps one language's sample free of the others.
            rng = np.random.default_rng([seed, *tag.encode()])
            chosen.extend(_drawn_in_language(examples, positions, quotas[tag], rng))
    return examples.subset(sorted(chosen))


def _drawn_in_language(
    examples: Examples, positions: NDArray[np.int64], quota: int, rng: np.random.Generator
) -> list[int]:
    shuffled = [int(position) for position in rng.permutation(positions)]
    by_label: dict[str, list[int]] = defaultdict(list)
    for position in _groups_in_turn(shuffled, examples.groups):
        by_label[examples.labels[position]].append(position)
    quotas = _proportional_quotas({label: len(members) for label, members in by_label.items()}, quota)
    return [position for label, members in by_label.items() for position in members[: quotas[label]]]


def _groups_in_turn(shuffled: Sequence[int], groups: Sequence[str] | None) -> list[int]:
    """The same positions with the first of every group ahead of every second, and so on."""
    if groups is None:
        return list(shuffled)
    seen: dict[str, int] = defaultdict(int)
    turns = []
    for position in shuffled:
        turns.append(seen[groups[position]])
        seen[groups[position]] += 1
    return [position for _, position in sorted(zip(turns, shuffled, strict=True), key=lambda pair: pair[0])]


def _proportional_quotas(sizes: Mapping[str, int], n: int) -> dict[str, int]:
    """Shares ``n`` out in proportion to the sizes, by largest remainders; one each where ``n`` allows it."""
    total = sum(sizes.values())
    if n >= total:
        return dict(sizes)
    # Whole numbers throughout: a rounding error could otherwise hand out more than a language has.
    quotas = {name: n * size // total for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: (-(n * sizes[name] % total), name))
    for name in by_remainder[: n - sum(quotas.values())]:
        quotas[name] += 1
    if n >= len(sizes):
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
