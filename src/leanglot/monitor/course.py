"""A stream, the tests that look at its blocks, and the findings that are open."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from leanglot.errors import RunError
from leanglot.monitor.events import Floats, Ints
from leanglot.monitor.findings import Finding, Hit, OpenFinding, Test
from leanglot.monitor.stored import Count
from leanglot.monitor.stream import Look, Stream, StreamState
from leanglot.results.monitoring import Signal


class CourseState(BaseModel):
    """Stored form of a course.

    Attributes:
        stream: The stream.
        open: Findings that are open, by signal.
        earliest: First block from which a window may begin, by signal: after a finding ended, what was before it is
            not looked at again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stream: StreamState
    open: dict[Signal, OpenFinding] = Field(default={})
    earliest: dict[Signal, Count] = Field(default={})


class Course:
    """Adds to a stream and keeps its findings.

    Args:
        stream: The stream.
        tests: Its tests, each for signals of its own.
        state: Where to go on; None begins. The stream has been restored already.

    Raises:
        RunError: A stored finding is of a share that no test has.
    """

    def __init__(self, stream: Stream, tests: Sequence[Test], state: CourseState | None = None) -> None:
        self.stream = stream
        self._tests = tests
        self._open: dict[Signal, OpenFinding] = {} if state is None else dict(state.open)
        self._earliest: dict[Signal, int] = {} if state is None else dict(state.earliest)
        for signal, opened in self._open.items():
            if not any(test.has(signal, opened.cell) for test in tests):
                raise RunError(
                    f"A stored finding is of the share {opened.cell} of the signal {signal}, which is not tested.",
                    "It belongs to other rules or another baseline, or is damaged: begin anew without it.",
                )

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """Those that are open, in the order they opened."""
        return tuple(each.finding for each in self._open.values())

    def add(self, time: Floats, places: list[Ints]) -> tuple[Finding, ...]:
        """Count rows and look at the blocks that became full.

        Args:
            time: Seconds since 1970, shape ``(n,)``.
            places: Places in the vector at which each row counts.

        Returns:
            Findings that opened, and those that ended, in order.
        """
        return tuple(
            finding
            for look in self.stream.add(time, places)
            for test in self._tests
            for finding in self._run(test, look)
        )

    def has_open(self, signal: Signal) -> bool:
        """Whether a finding of a signal is open."""
        return signal in self._open

    def end(self, signal: Signal, time: float) -> tuple[Finding, ...]:
        """End an open finding whose ground is gone; nothing where none is open."""
        opened = self._open.pop(signal, None)
        if opened is None:
            return ()
        self._earliest[signal] = self.stream.windows.blocks
        return (opened.finding.model_copy(update={"ended_at": max(time, opened.finding.found_at)}),)

    def _run(self, test: Test, look: Look) -> list[Finding]:
        signals = test.signals()
        ended = [finding for signal in signals for finding in self._ended(signal, test, look)]
        tested = {signal: self._earliest.get(signal, 0) for signal in signals if signal not in self._open}
        best: dict[Signal, Hit] = {}
        for hit in test.look(look, tested):
            if hit.signal not in best or hit.strength < best[hit.signal].strength:
                best[hit.signal] = hit
        return ended + [self._opened(test, hit, look) for hit in best.values()]

    def _opened(self, test: Test, hit: Hit, look: Look) -> Finding:
        told = test.told(hit)
        finding = Finding(
            signal=hit.signal,
            since=hit.window.began,
            found_at=look.time,
            n=told.n,
            baseline=told.baseline,
            now=told.now,
            low=told.low,
            high=told.high,
            chance=told.chance,
            what=told.what,
        )
        self._open[hit.signal] = OpenFinding(
            finding=finding,
            cell=hit.cell,
            after=hit.window.first + hit.window.blocks,
            halfway=(told.limit + told.now) / 2,
        )
        return finding

    def _ended(self, signal: Signal, test: Test, look: Look) -> list[Finding]:
        opened = self._open.get(signal)
        window = opened.ended_by(test, look.windows) if opened else None
        if opened is None or window is None:
            return []
        del self._open[signal]
        self._earliest[signal] = window.first
        return [opened.finding.model_copy(update={"ended_at": look.time})]

    def state(self) -> CourseState:
        """What was counted and found."""
        return CourseState(stream=self.stream.state(), open=dict(self._open), earliest=dict(self._earliest))
