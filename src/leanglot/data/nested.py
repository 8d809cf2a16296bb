"""Smaller and smaller sets of examples, each a part of the next larger one, with the languages balanced."""

from collections.abc import Sequence
from typing import Final

from leanglot.data.examples import Examples
from leanglot.data.split import sample_balanced
from leanglot.errors import DataError

_SMALLEST: Final = 250


def nested_samples(examples: Examples, sizes: Sequence[int], seed: int) -> dict[int, Examples]:
    """Draws sets of these sizes, each from the next larger one; each gives every language the same number.

    A language with too few gives all that it has, and the others share the rest.

    Args:
        examples: What to draw from.
        sizes: Numbers of examples, all languages together.
        seed: The same seed draws the same.

    Returns:
        The sets by rising size.

    Raises:
        DataError: A size is repeated, below 1, or more than there are; or there are none.
    """
    if not sizes or len(set(sizes)) < len(sizes) or min(sizes) < 1:
        raise DataError(
            f"Sets of {', '.join(map(str, sizes)) or 'no'} examples cannot be drawn.",
            "Allowed are whole numbers of 1 and more, each once.",
        )
    if max(sizes) > len(examples):
        raise DataError(
            f"A set of {max(sizes):,} examples is asked for, and there are {len(examples):,} to train on.",
            "Ask for fewer, or give more with --training.",
        )
    drawn: dict[int, Examples] = {}
    larger = examples
    for size in sorted(sizes, reverse=True):
        larger = drawn[size] = sample_balanced(larger, size, seed)
    return dict(reversed(drawn.items()))


def doubling(available: int, languages: int) -> tuple[int, ...]:
    """Sizes that double, from a few per language up to all there are.

    Args:
        available: Examples there are, 1 at least.
        languages: Languages among them.
    """
    sizes, size = [], max(_SMALLEST, 4 * languages)
    while size < available:
        sizes.append(size)
        size *= 2
    return (*sizes, available)
