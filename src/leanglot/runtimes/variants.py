"""Has several variants answer, each its own places, and puts the answers back into order."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def answered_by_variant(variants: Sequence[str], answer: Callable[[str, list[int]], Sequence[T]]) -> list[T]:
    """Answers of several variants in the order of the places.

    Args:
        variants: Name of the variant of each place.
        answer: Takes the name of a variant and its places, ascending; gives one answer for each. Called once for each
            variant that has a place.
    """
    found: dict[int, T] = {}
    for name in dict.fromkeys(variants):
        places = [place for place, own in enumerate(variants) if own == name]
        found.update(zip(places, answer(name, places), strict=True))
    return [found[place] for place in range(len(variants))]
