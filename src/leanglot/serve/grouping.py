"""Parts a batch into calls of like length, where the padding that saves costs more than the further call."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

CALL_TOKENS: Final = 24
"""What a call of an engine costs apart from its tokens, in tokens: see docs/decisions/0021-serving.md."""


def by_length(lengths: Sequence[int], budget: int, call_tokens: int = CALL_TOKENS) -> list[list[int]]:
    """Positions of texts, grouped so that calls and padding together cost least.

    A call of ``n`` texts, the longest of ``l`` tokens, is taken to cost ``call_tokens + n * l``. Over texts sorted by
    length the cheapest grouping is found exactly, by dynamic programming over the distinct lengths; a group larger than
    the budget is parted further.

    Args:
        lengths: Of each text, in tokens.
        budget: Largest number of tokens in a call, padding included; a longer single text goes alone.
        call_tokens: What a call costs apart from its tokens.

    Returns:
        Groups of positions, the shortest texts first.
    """
    if len(lengths) == 1:
        return [[0]]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    ordered = [lengths[position] for position in order]
    ends = [place for place in range(1, len(order)) if ordered[place] != ordered[place - 1]] + [len(order)]
    groups = []
    for first, last in _cheapest(ordered, ends, call_tokens):
        most = max(1, budget // ordered[last - 1])
        groups += [order[start:end] for start, end in _pieces(first, last, most)]
    return groups


def _cheapest(ordered: Sequence[int], ends: Sequence[int], call_tokens: int) -> list[tuple[int, int]]:
    """First and last place (exclusive) of each group; groups end where the length changes."""
    starts = [0, *ends[:-1]]
    best: list[tuple[int, int]] = []  # cost of everything up to this end, and the number of its last group's start
    for number, end in enumerate(ends):
        longest = ordered[end - 1]
        best.append(
            min(
                ((best[first - 1][0] if first else 0) + call_tokens + (end - starts[first]) * longest, first)
                for first in range(number + 1)
            )
        )
    groups = []
    number = len(ends) - 1
    while number >= 0:
        first = best[number][1]
        groups.append((starts[first], ends[number]))
        number = first - 1
    return groups[::-1]


def _pieces(first: int, last: int, most: int) -> list[tuple[int, int]]:
    """As few pieces as hold at most so many places each, of like size."""
    count = -(-(last - first) // most)
    bounds = [first + (last - first) * piece // count for piece in range(count + 1)]
    return list(pairwise(bounds))
