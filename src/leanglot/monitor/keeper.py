"""Keeps a watch over growing logs: reads them, remembers how far, and goes on after a restart."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Final, Self

from leanglot.errors import RunError, StorageError
from leanglot.monitor.following import STEP_BYTES, Follower, Look
from leanglot.monitor.kept_state import KeptState, StateFile
from leanglot.monitor.log_fields import FAULT_WORDS, Fault
from leanglot.monitor.rules import Rules
from leanglot.monitor.watch import Watch
from leanglot.results.monitor_baseline import MonitorBaseline
from leanglot.results.monitoring import Alert, Snapshot

FAILED_SAVES: Final = "failed_saves"
_AHEAD_S: Final = 86_400
_MOST_NOTES: Final = 20


class Keeper:
    """A `Watch` over the files of a log, with its state in a file.

    The state file holds what was learned and how far was read, and is replaced as a whole: whenever the process is
    killed, the next one goes on from the last state and reads again what came after it, so nothing is counted twice
    and nothing is left out, as long as the logs still have it. All methods may be called from any thread.

    Args:
        places: The log: files in JSON Lines or Parquet, and folders of them. What is not there yet is waited for.
        baseline: What is compared with; None counts, and tests nothing.
        rules: How it is tested; None takes the usual ones.
        state: The state file; None keeps everything in memory.
        reset: Begin anew where there is a state.
        save_every_s: Seconds between two savings; the first look and an alert that opens are saved at once.
        clock: Gives seconds since 1970; entries of more than a day later are broken.

    Raises:
        RunError: The state is damaged, in use, or was begun with another baseline or other rules.
        StorageError: The state's folder cannot be written to.
    """

    def __init__(
        self,
        places: Sequence[Path],
        baseline: MonitorBaseline | None = None,
        rules: Rules | None = None,
        state: Path | None = None,
        *,
        reset: bool = False,
        save_every_s: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._guard = RLock()
        self._save_every_s, self._clock = save_every_s, clock
        self._saved_at, self._unsaved = time.monotonic(), False
        self._failed_saves, self._save_fault = 0, ""
        self._faults: dict[Fault, str] = {}
        self._notes: dict[str, None] = {}
        self.behind, self._torn = True, False
        self._file = None if state is None else StateFile(state)
        try:
            kept = self._kept(reset=reset)
            if kept is None:
                self._watch, self._follower = Watch(baseline, rules), Follower(places)
                self._saved_at = -math.inf  # at the first look, so that a log that is rotated soon is found again
            else:
                self._watch = _restored(kept, baseline, rules)
                self._follower = Follower(places, kept.files)
                self._faults, self._notes = dict(kept.faults), dict.fromkeys(kept.notes)
        except BaseException:
            self._release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._release()

    def step(self, limit: int = STEP_BYTES, *, final: bool = False) -> tuple[Alert, ...]:
        """Read what is new, a bounded part of it, and save the state when it is time; quick where nothing is new.

        A failed saving is told in the snapshot and tried again; the watch goes on.

        Args:
            limit: About how many bytes are read; `behind` says afterwards whether there is more.
            final: The log is complete: take its last line also without an end.

        Returns:
            The alerts that opened.
        """
        with self._guard:
            before = self._follower.states()
            # What was read and what was learned belong together: if one of the two fails, neither may be saved.
            self._torn = True
            look = self._follower.look(self._clock() + _AHEAD_S, limit, final=final)
            opened = self._watch.add(look.reading)
            self._torn = False
            self._remember(look)
            self.behind = look.behind
            self._unsaved = self._unsaved or self._follower.states() != before
            if opened or (self._unsaved and time.monotonic() - self._saved_at >= self._save_every_s):
                with suppress(StorageError):
                    self.save()
            return opened

    def snapshot(self, now: datetime | None = None) -> Snapshot:
        """Everything that is known.

        Args:
            now: The end of the last hour; None takes the time of the newest prediction.
        """
        with self._guard:
            found = self._watch.snapshot(now)
            counters = dict(found.counters)
            if self._failed_saves:
                counters[FAILED_SAVES] = self._failed_saves
            notes = (*found.notes, *self._own_notes(counters))
            return found.model_copy(update={"counters": counters, "notes": notes})

    def troubles(self) -> tuple[str, ...]:
        """What was noticed about the logs and the state, one sentence each."""
        with self._guard:
            return tuple(self._own_notes(self._watch.snapshot().counters))

    def save(self) -> None:
        """Save the state now; does nothing without a state file.

        Raises:
            StorageError: When the disk is full or the place not writable; the former state is left as it was.
        """
        with self._guard:
            if self._file is None or self._torn:
                return
            self._saved_at = time.monotonic()
            kept = KeptState(
                files=self._follower.states(),
                watch=self._watch.state(),
                faults=self._faults,
                notes=tuple(self._notes),
            )
            try:
                self._file.write(kept)
            except StorageError as error:
                self._failed_saves += 1
                self._save_fault = error.message
                raise
            self._unsaved, self._save_fault = False, ""

    def close(self) -> None:
        """Save the state and let others use it.

        Raises:
            StorageError: As `save` does; the state file is let go all the same.
        """
        with self._guard:
            try:
                if self._file is not None and (self._unsaved or not self._file.path.exists()):
                    self.save()
            finally:
                self._release()

    def _kept(self, *, reset: bool) -> KeptState | None:
        if self._file is None:
            return None
        if reset:
            self._file.check_replaceable()
            self._unsaved = True
            return None
        return self._file.read()

    def _release(self) -> None:
        if self._file is not None:
            self._file.release()
            self._file = None

    def _remember(self, look: Look) -> None:
        for note in look.faults:
            self._faults.setdefault(note.fault, note.where)
        for text in look.notes:
            self._notes.pop(text, None)
            self._notes[text] = None
        while len(self._notes) > _MOST_NOTES:
            del self._notes[next(iter(self._notes))]

    def _own_notes(self, counters: Mapping[str, int]) -> list[str]:
        found = []
        for fault, where in self._faults.items():
            count = counters.get(f"broken_{fault}", 0)
            lines = "1 entry was" if count == 1 else f"{count:,} entries were"
            found.append(f"{lines} skipped: {FAULT_WORDS[fault]} (first: {where}).")
        found += self._notes
        if self._save_fault:
            found.append(f"The state cannot be saved, and the monitor goes on without: {self._save_fault}")
        return found


def _restored(kept: KeptState, baseline: MonitorBaseline | None, rules: Rules | None) -> Watch:
    try:
        return Watch.restored(kept.watch, baseline, rules)
    except RunError as error:
        hint = "Go on with those, or begin anew with --reset-state, which counts the logs from their beginning again."
        raise RunError(error.message, hint) from error
