"""Smaller and smaller sets of examples, each a part of the next larger one, with the languages balanced."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.data.examples import Examples
from leanglot.errors import DataError

_SMALLEST: Final = 250


def nested_samples(examples: Examples, sizes: Sequence[int], seed: int) -> dict[int, Examples]:
    """Draws sets of these sizes, each a part of the larger ones; each gives every language the same number.

    A language with too few gives all that it has, and the others share the rest. Within a language each label keeps its
    share, and every group of a label gives one example before any gives a second. What is drawn for a size does not
    depend on the other sizes.

    Args:
        examples: What to draw from, all labelled.
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
    order = _order(examples, seed)
    return {size: examples.subset(sorted(order[:size])) for size in sorted(sizes)}


def _order(examples: Examples, seed: int) -> list[int]:
    """All positions, so that the first so many of them are balanced, however many they are: the languages in turns."""
    queues = {tag: _in_language(examples, tag, of, seed) for tag, of in examples.by_language().items()}
    tags = [str(tag) for tag in np.random.default_rng(seed).permutation(sorted(queues))]
    rounds = range(max(map(len, queues.values()), default=0))
    return [queues[tag][turn] for turn in rounds for tag in tags if turn < len(queues[tag])]


def _in_language(examples: Examples, tag: str, positions: NDArray[np.int64], seed: int) -> list[int]:
    """The positions of one language in a drawn order, with each label's share about the same in every beginning."""
    # A stream of its own per language keeps one language's order free of the others.
    shuffled = np.random.default_rng([seed, *tag.encode()]).permutation(positions)
    by_label: dict[str, list[tuple[int, int]]] = defaultdict(list)
    turns: dict[tuple[str, str], int] = defaultdict(int)
    for position in map(int, shuffled):
        label = examples.labels[position]
        group = examples.texts[position] if examples.groups is None else examples.groups[position]
        by_label[label].append((turns[label, group], position))
        turns[label, group] += 1
    places = []
    for label, members in by_label.items():
        members.sort(key=lambda pair: pair[0])
        places += [((at + 0.5) / len(members), label, position) for at, (_, position) in enumerate(members)]
    return [position for _, _, position in sorted(places)]


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
