"""The order in which training examples are met: balanced over the languages, and the same for every process."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leanglot.data.calibration import traffic_shares
from leanglot.errors import DataError
from leanglot.techniques import Balance

# Every so many steps the state is kept, so that a look back replays less than this.
_KEPT_EVERY: Final = 256
_ORDINALS: Final = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def make_schedule(
    languages: Sequence[str],
    batch_size: int,
    balance: Balance,
    *,
    temperature: float = 3.0,
    traffic: Mapping[str, float] | None = None,
    seed: int = 0,
) -> "Schedule":
    """Lays down which examples each batch of a training holds.

    Args:
        languages: Canonical tag of each training example, by its position.
        batch_size: Examples per optimizer step, over all processes.
        balance: ``uniform`` gives each language the same share of the slots, ``proportional`` its share of the
            examples, ``temperature`` a share proportional to n^(1/temperature), ``traffic`` the shares given.
        temperature: For ``temperature``: 1 is proportional, and the larger, the more even.
        traffic: For ``traffic``: shares by language, of any positive sum, taken as the decimal numbers that they are
            written as. Languages without a share, and shares without examples, are left out with a note.
        seed: Decides the order of the examples in a language, and which languages come first where they take turns.

    Raises:
        DataError: When the batch is empty, there are no examples, one has no language, the temperature is below 1,
            a share is no positive number, or no language of the traffic has examples.
    """
    positions = _by_language(languages)
    if batch_size < 1:
        raise DataError(f"A batch of {batch_size} examples is empty.", "Allowed are 1 and more.")
    sizes = {tag: len(members) for tag, members in positions.items()}
    weights, notes = _weights(sizes, balance, temperature, traffic)
    if batch_size < len(weights):
        notes.append(_turns_note(batch_size, len(weights), even=balance == "uniform"))
    total = sum(weights.values(), Fraction())
    shares = {tag: weight / total for tag, weight in weights.items()}
    return Schedule(positions, shares, batch_size, seed, tuple(notes))


def part(batch: NDArray[np.int64], rank: int, world: int) -> NDArray[np.int64]:
    """The examples of a batch that one of several processes computes: every ``world``-th, from ``rank`` on.

    As batches are sorted by language, each process gets its part of every language, within one example. Of a batch of
    shape (n,) the part has shape (ceil((n - rank) / world),), or none where there are more processes than examples.

    Raises:
        DataError: When there is no such process.
    """
    if not 0 <= rank < world:
        raise DataError(f"There is no process {rank} among {world}.", "Processes are numbered from 0.")
    return batch[rank::world]


class Schedule:
    """Which examples each batch holds: a pure function of the data, the settings, the seed and the step.

    After any number of steps each language has had its share of all slots within one, strictly, and every batch gives
    it the floor or the ceiling of share × batch size. So a language with a whole slot or more is in every batch, and
    with even shares and small batches every language has its turn before any has two. A language with less than one
    slot per batch is not in every batch: one slot each would bend the shares.

    In a language, all examples come once before any repeats. They come in a seeded order of the language's own,
    and each pass is shuffled anew. A batch holds an example twice only where the language has fewer examples than slots
    in it. For that, a language with less than two batches' worth of examples is shuffled only within blocks of its
    first order, and one with no more examples than the largest number of its slots keeps that order.

    In ascending order a batch costs time in proportion to its size and the languages. A jump ahead replays the shares,
    not the examples, from the last step known.

    Attributes:
        batch_size: Examples per step.
        languages: Tags of those that take part, sorted.
        notes: What to know about the schedule, one sentence each.
    """

    def __init__(
        self,
        positions: Mapping[str, NDArray[np.int64]],
        shares: Mapping[str, Fraction],
        batch_size: int,
        seed: int,
        notes: tuple[str, ...],
    ) -> None:
        self.batch_size, self.languages, self.notes = batch_size, tuple(shares), notes
        self._shares = dict(shares)
        rates = [share * batch_size for share in shares.values()]
        self._slots = _Slots(rates, np.random.default_rng(seed).permutation(len(rates)).tolist())
        self._streams = [
            _Stream(tag, positions[tag], seed, most=math.ceil(rate)) for tag, rate in zip(shares, rates, strict=True)
        ]

    def batch(self, step: int) -> NDArray[np.int64]:
        """The examples of step ``step`` (from 0): positions, of shape (batch_size,), sorted by language.

        A step below 0 is a DataError, here and in the other methods.
        """
        before, after = self._slots.until(step), self._slots.until(step + 1)
        pieces = itertools.chain.from_iterable(map(_Stream.between, self._streams, before, after))
        return np.concatenate(list(pieces))

    def batches(self, start: int = 0) -> Iterator[NDArray[np.int64]]:
        """The batches of step ``start`` (from 0) and of all steps after it, without end."""
        self._slots.until(start)
        return map(self.batch, itertools.count(start))

    def share(self, tag: str) -> float:
        """The share of all slots that a language gets; 0 for one that takes no part."""
        return float(self._shares.get(tag, 0))

    def counts(self, steps: int) -> dict[str, int]:
        """How many examples of each language the first ``steps`` batches hold, repeats included."""
        return dict(zip(self.languages, self._slots.until(steps), strict=True))

    def passes(self, steps: int) -> dict[str, float]:
        """How often the first ``steps`` batches go through each language's examples."""
        counts = self.counts(steps).values()
        return {stream.tag: count / stream.size for stream, count in zip(self._streams, counts, strict=True)}


class _Turn(NamedTuple):
    """A language's next slot beyond those that every batch gives it; the most urgent turn sorts first."""

    deadline: int  # step before which it must have the slot
    no_overlap: bool  # whether the turn after it has to wait for the deadline
    minus_group: int  # minus the step up to which a delay would force the turns after it; 0 for rates below 1/2
    rank: int  # decides between equals
    start: int  # first step that may give the slot
    taken: int  # how many such slots there were before


class _Slots:
    """How many slots of the first batches each language has had.

    Every batch gives a language the whole part of its rate (share × batch size). What is left of the rates is below 1
    each and adds up to a whole number, and is scheduled like tasks on that many processors, one turn each per step, by
    the rule PD² of Anderson and Srinivasan ("Mixed Pfair/ERfair scheduling of asynchronous periodic tasks", JCSS 68,
    2004). It gives turn k (from 0) of a language with rest w in a step from floor(k / w) to ceil((k + 1) / w) - 1, and
    with that keeps the number of turns strictly within one of steps × w: proportionate progress, after Baruah, Cohen,
    Plaxton and Varvel (Algorithmica 15, 1996). Numbers are whole throughout, so nothing drifts.
    """

    def __init__(self, rates: Sequence[Fraction], ranks: Sequence[int]) -> None:
        self._whole = [math.floor(rate) for rate in rates]
        self._rests = [rate - whole for rate, whole in zip(rates, self._whole, strict=True)]
        self._ranks = ranks
        self._left = int(sum(self._rests, Fraction()))
        # After a period every language has had exactly its share, and the turns begin again.
        self._period = math.lcm(*(rest.denominator for rest in self._rests))
        self._per_period = [int(self._period * rate) for rate in rates]
        first = {place: self._turn(place, 0) for place, rest in enumerate(self._rests) if rest}
        self._kept = {0: first}
        self._last = (0, first)

    def until(self, step: int) -> list[int]:
        """Slots that each language has had before ``step``; they sum to step × batch size."""
        if step < 0:
            raise DataError(f"There is no step {step}.", "Steps are numbered from 0.")
        periods, within = divmod(step, self._period)
        had = [periods * many + within * whole for many, whole in zip(self._per_period, self._whole, strict=True)]
        for place, turn in self._at(within).items():
            had[place] += turn.taken
        return had

    def _at(self, step: int) -> dict[int, _Turn]:
        """The turns due before ``step``, a step of the first period; by place of the language."""
        near = step - step % _KEPT_EVERY
        near = near if near in self._kept else max(self._kept)
        at, turns = self._last if near <= self._last[0] <= step else (near, self._kept[near])
        for now in range(at, step):
            open_ = sorted((turn, place) for place, turn in turns.items() if turn.start <= now)
            turns = turns | {place: self._turn(place, turn.taken + 1) for turn, place in open_[: self._left]}
            if (now + 1) % _KEPT_EVERY == 0:
                self._kept[now + 1] = turns
        self._last = (step, turns)
        return turns

    def _turn(self, place: int, taken: int) -> _Turn:
        up, down = self._rests[place].as_integer_ratio()
        spare = down - up
        # Division of a negative number rounds away from 0, as is needed here.
        deadline = -(-(taken + 1) * down // up)
        minus_group = (-deadline * spare // down) * down // spare if 2 * up >= down else 0
        exact = deadline * up == (taken + 1) * down
        return _Turn(deadline, exact, minus_group, self._ranks[place], taken * down // up, taken)


class _Stream:
    """One language's examples, pass after pass without end; any ``most`` in a row differ where there are as many."""

    def __init__(self, tag: str, positions: NDArray[np.int64], seed: int, most: int) -> None:
        self.tag, self.size = tag, len(positions)
        self._positions, self._seed, self._most = positions, seed, most
        self._recent = (0, self._order(0))

    def between(self, start: int, stop: int) -> Iterator[NDArray[np.int64]]:
        """Positions from place ``start`` of the stream to before ``stop``, in pieces of shape (n,)."""
        while start < stop:
            number, first = divmod(start, self.size)
            known, order = self._recent
            if known != number:
                order = self._order(number)
                self._recent = (number, order)
            piece = order[first : first + stop - start]
            start += len(piece)
            yield piece

    def _order(self, number: int) -> NDArray[np.int64]:
        free = self.size - self._most + 1
        if free >= self._most:
            order = self._shuffled(number)
            # The end of a pass is never rearranged, so the pass before need not be known any further.
            return _kept_apart(self._shuffled(number - 1)[free:], order) if number and self._most > 1 else order
        # Few examples: those of a block change places among themselves, which brings none nearer than ``most``.
        order = self._shuffled(0)
        if free < 2 or number == 0:
            return order
        rng = self._rng(number)
        return np.concatenate([rng.permutation(order[at : at + free]) for at in range(0, self.size, free)])

    def _shuffled(self, number: int) -> NDArray[np.int64]:
        return self._rng(number).permutation(self._positions)

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, *self.tag.encode(), number])


def _kept_apart(end: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The next pass of shape (n,), n > 2k, with no example within k places of where it stands in ``end``.

    ``end`` is the end of the pass before, of shape (k,). The last k of the next pass stay where they are.
    """
    late = {int(position): place for place, position in enumerate(end)}
    # At place p no more than k - p are too near, and k + 1 - p of the first k + 1 are left to choose from.
    open_ = order[: len(end) + 1].tolist()
    begin = []
    for place in range(len(end)):
        begin.append(next(position for position in open_ if late.get(position, -1) < place))
        open_.remove(begin[-1])
    return np.concatenate([begin, open_, order[len(end) + 1 :]])


def _by_language(languages: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """The positions of each language's examples, by sorted tag."""
    grouped: dict[str, list[int]] = {}
    for position, tag in enumerate(languages):
        grouped.setdefault(tag, []).append(position)
    if not grouped:
        raise DataError("There are no examples to learn from.", "Give one at least, with its language.")
    if blank := [tag for tag in grouped if not tag.strip()]:
        raise DataError(f"Example {grouped[blank[0]][0]} has no language.", "Every example needs a language tag.")
    return {tag: np.array(members, dtype=np.int64) for tag, members in sorted(grouped.items())}


def _weights(
    sizes: Mapping[str, int], balance: Balance, temperature: float, traffic: Mapping[str, float] | None
) -> tuple[dict[str, Fraction], list[str]]:
    """What the languages' shares are proportional to, and notes on the traffic."""
    if balance == "uniform":
        return dict.fromkeys(sizes, Fraction(1)), []
    if balance == "proportional":
        return {tag: Fraction(size) for tag, size in sizes.items()}, []
    if balance == "temperature":
        if not temperature >= 1:
            raise DataError(f"The temperature is {temperature:g}.", "Allowed are 1 and more.")
        return {tag: Fraction(size ** (1 / temperature)) for tag, size in sizes.items()}, []
    given = traffic or {}
    if wrong := [tag for tag, share in given.items() if not (share > 0 and math.isfinite(share))]:
        raise DataError(f"The share of {wrong[0]} is {given[wrong[0]]}.", "Allowed are numbers above 0.")
    shares, notes = traffic_shares(given, sizes, "Training")
    if not shares or not sizes.keys() & shares:
        named, met = ", ".join(sorted(shares or ())) or "none", ", ".join(sizes)
        raise DataError(f"No language of the traffic ({named}) has examples.", f"There are examples in {met}.")
    return {tag: Fraction(repr(float(shares[tag]))) for tag in sizes if tag in shares}, notes


def _turns_note(batch_size: int, languages: int, *, even: bool) -> str:
    up, down = Fraction(batch_size, languages).as_integer_ratio()
    often = f"{up} of every {down} batches" if up > 1 or down > 10 else f"every {_ORDINALS[down - 2]} batch"
    examples = f"{batch_size} example{'s' if batch_size > 1 else ''}"
    turns = f"each in {often}" if even else "each by its share"
    return f"A batch of {examples} holds fewer than the {languages} languages: they take turns, {turns}."
