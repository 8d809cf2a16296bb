"""The texts that wait for an engine: requests take turns, and each variant of a router has a line of its own."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from leanglot.serve.engine import Prepared

_TURN_TEXTS: Final = 8
_TURN_CHARS: Final = 4_000


@dataclass(slots=True, eq=False)
class Work:
    """The texts of one request on their way through the queue.

    Attributes:
        texts: None of them empty.
        languages: Canonical tag of each, or None.
        arrived: When it came, by the monotonic clock, in seconds.
        begun: Texts that were taken out to be prepared.
        waiting: Texts that no batch has taken yet.
        gone: Whether nobody waits for it any more.
    """

    texts: Sequence[str]
    languages: Sequence[str | None]
    arrived: float
    begun: int = 0
    waiting: int = field(init=False)
    gone: bool = False

    def __post_init__(self) -> None:
        self.waiting = len(self.texts)

    def turn(self) -> range:
        """Positions of the next few texts: at most 8, and about 4,000 characters."""
        characters, end = 0, self.begun
        while end < min(len(self.texts), self.begun + _TURN_TEXTS) and characters < _TURN_CHARS:
            characters += len(self.texts[end])
            end += 1
        positions = range(self.begun, end)
        self.begun = end
        return positions


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A prepared text of a request."""

    work: Work
    position: int
    prepared: Prepared


@dataclass(slots=True)
class Backlog:
    """Requests that wait, and prepared texts by variant. It is not safe to share between threads without a lock.

    Requests take turns of a few texts, so that one of hundreds of texts does not keep a small one waiting; the variants
    take turns of a batch.

    Attributes:
        requests: Requests with texts that no batch has taken.
        texts: Their texts that no batch has taken.
        ready_tokens: Tokens of the texts that are prepared.
    """

    requests: int = 0
    texts: int = 0
    ready_tokens: int = 0
    _waiting: deque[Work] = field(default_factory=deque)
    _lanes: dict[str, deque[Item]] = field(default_factory=dict)

    def add(self, work: Work) -> None:
        """Put a request at the end of the queue."""
        self._waiting.append(work)
        self.requests += 1
        self.texts += work.waiting

    def drop(self, work: Work) -> None:
        """Take a request out that nobody waits for any more, whatever is left of it."""
        if work.gone:
            return
        work.gone = True
        if work.waiting:
            self.requests -= 1
            self.texts -= work.waiting
            work.waiting = 0
        if work.begun < len(work.texts) and work in self._waiting:
            self._waiting.remove(work)

    def turn(self) -> tuple[Work, range] | None:
        """The next few texts to prepare, of the request whose turn it is; None where none waits."""
        while self._waiting:
            work = self._waiting.popleft()
            if work.gone:
                continue
            positions = work.turn()
            if work.begun < len(work.texts):
                self._waiting.append(work)
            return work, positions
        return None

    def put(self, items: Sequence[Item]) -> None:
        """Add prepared texts, each to the line of its variant."""
        for item in items:
            self._lanes.setdefault(item.prepared.variant, deque()).append(item)
            self.ready_tokens += item.prepared.tokens

    def take(self, budget: int) -> list[Item]:
        """A batch: the oldest texts of the variant whose turn it is, up to so many tokens, one text at least."""
        for variant in list(self._lanes):
            lane = self._lanes.pop(variant)
            items = list(self._from(lane, budget))
            if lane:
                self._lanes[variant] = lane
            if items:
                return items
        return []

    def _from(self, lane: deque[Item], budget: int) -> Iterator[Item]:
        taken = 0
        while lane:
            item = lane[0]
            tokens = item.prepared.tokens
            if not item.work.gone and taken and taken + tokens > budget:
                return
            lane.popleft()
            self.ready_tokens -= tokens
            if item.work.gone:
                continue
            taken += tokens
            item.work.waiting -= 1
            self.texts -= 1
            self.requests -= item.work.waiting == 0
            yield item
