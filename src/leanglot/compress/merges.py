"""How BPE makes a piece: the pieces that come up on the way, without which it cannot be made."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from leanglot.compress.tokenizer_trim import Inventory

_Pair = tuple[str, str]


def steps(inventory: Inventory, ids: Collection[int]) -> list[tuple[int, int]]:
    """Pairs of one of some pieces and a piece that comes up while BPE makes it; each comes up for itself.

    Args:
        inventory: Of a BPE tokenizer.
        ids: Ids of pieces.
    """
    merges, names = _Merges.of(inventory), {number: piece for piece, number in inventory.ids.items()}
    return [(number, inventory.ids[step]) for number in ids for step in merges.on_the_way(names[number], inventory)]


@dataclass(frozen=True, slots=True)
class _Merges:
    """The merges of BPE.

    Attributes:
        outcomes: Rank and outcome by pair; of pairs that are listed twice, the last counts.
        origins: The pairs that give a piece.
    """

    outcomes: Mapping[_Pair, tuple[int, str]]
    origins: Mapping[str, Sequence[_Pair]]

    @classmethod
    def of(cls, inventory: Inventory) -> "_Merges":
        inner = len(inventory.prefix)
        outcomes = {(a, b): (rank, a + b[inner:]) for rank, (a, b) in enumerate(inventory.merges)}
        origins: dict[str, list[_Pair]] = {}
        for pair, (_, outcome) in outcomes.items():
            origins.setdefault(outcome, []).append(pair)
        return cls(outcomes, origins)

    def on_the_way(self, piece: str, inventory: Inventory) -> set[str]:
        """All pieces that come up while BPE makes one, that one too.

        Within a token, the merges are those of the token alone. Where these do not lead to it, as for words that
        ``ignore_merges`` takes whole or for joined bytes, every pair that can give it counts.
        """
        met = {piece}
        for symbols in _spelled_out(piece, inventory):
            left, seen = self.applied(symbols)
            met |= seen if left == [piece] else set()
        if len(met) > 1:
            return met
        waiting = [piece]
        while waiting:
            parts = {part for pair in self.origins.get(waiting.pop(), ()) for part in pair} - met
            met |= parts
            waiting += parts
        return met

    def applied(self, symbols: Sequence[str]) -> tuple[list[str], set[str]]:
        """Join symbols as the library does: the pair of lowest rank first, of equals the leftmost.

        An entry of the queue is stale when another merge has changed what stands at its place.

        Returns:
            What is left, and all that came up.
        """
        now, met = dict(enumerate(symbols)), set(symbols)
        after = {place: place + 1 for place in range(len(symbols) - 1)}
        before = {place + 1: place for place in after}
        queue = [entry for place in after for entry in self._entry(now, place, after)]
        heapify(queue)
        while queue:
            _, place, outcome = heappop(queue)
            current = self._entry(now, place, after) if place in now else []
            if not current or current[0][2] != outcome:
                continue
            right = after.pop(place)
            now[place] = outcome
            met.add(outcome)
            del now[right], before[right]
            if right in after:
                after[place] = after.pop(right)
                before[after[place]] = place
            for start in (before.get(place), place):
                for entry in [] if start is None else self._entry(now, start, after):
                    heappush(queue, entry)
        return list(now.values()), met

    def _entry(self, now: Mapping[int, str], place: int, after: Mapping[int, int]) -> list[tuple[int, int, str]]:
        """Rank, place and outcome of the merge at a place, where there is one."""
        found = self.outcomes.get((now[place], now[after[place]])) if place in after else None
        return [] if found is None else [(found[0], place, found[1])]


def _spelled_out(piece: str, inventory: Inventory) -> Iterator[list[str]]:
    """The characters of a piece as BPE starts from them, at each place in a word where it can stand."""
    for first in {True, not inventory.prefix}:
        for last in {True, not inventory.suffix}:
            prefix, suffix = "" if first else inventory.prefix, inventory.suffix if last else ""
            body = piece.removeprefix(prefix).removesuffix(suffix)
            if f"{prefix}{body}{suffix}" == piece and len(body) > 1:
                end = len(body) - 1
                yield [
                    f"{prefix if place == 0 else inventory.prefix}{character}{suffix if place == end else ''}"
                    for place, character in enumerate(body)
                ]
