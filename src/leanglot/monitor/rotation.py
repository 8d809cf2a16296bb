"""Finds the files of a log again after they were renamed, copied, truncated or replaced."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leanglot.monitor.log_files import FileState, identity, is_continuation, is_same, log_files, siblings, stat_of

_MOST_GONE: Final = 1000

Stats = dict[Path, os.stat_result]


@dataclass(slots=True)
class Settled:
    """Where the files are now.

    Attributes:
        states: By place, those of which something was read before.
        stats: What the file system says of every file, read before or not.
        named: Those that the log consists of now.
        gone: Those that were not found; they may come back.
        notes: What was noticed, one sentence each.
    """

    states: dict[Path, FileState] = field(default_factory=dict)
    stats: Stats = field(default_factory=dict)
    gone: list[FileState] = field(default_factory=list)
    named: frozenset[Path] = frozenset()
    notes: list[str] = field(default_factory=list)


def settle(states: Iterable[FileState], places: Iterable[Path]) -> Settled:
    """Find each file again.

    A file that was renamed is known by its number on the disk, a copy by the bytes that were read of it. Where a file
    was rotated more than once since, those between are read as well.

    Args:
        states: What was read of each.
        places: The log's files and folders.
    """
    named = log_files(places)
    identities = set(map(identity, named.values()))
    settled, lost = Settled(stats=dict(named), named=frozenset(named)), []
    for state in states:
        known = settled.stats.get(state.path) or stat_of(state.path)
        renamed = state.path not in named and known is not None and identity(known) in identities
        if known is not None and not renamed and is_same(state, state.path, known):
            settled.states[state.path], settled.stats[state.path] = state, known
        else:
            lost.append(state)
    for state in lost:
        _find(state, named, settled)
    del settled.gone[:-_MOST_GONE]
    return settled


def _find(state: FileState, named: Mapping[Path, os.stat_result], settled: Settled) -> None:
    beside = siblings(state.path)
    candidates = {path: found for path, found in {**named, **beside}.items() if path not in settled.states}
    place = _place(state, candidates)
    if place is not None:
        found = settled.stats[place] = candidates[place]
        update = {"path": place, "device": found.st_dev, "inode": found.st_ino}
        settled.states[place] = state.model_copy(update=update)
        if place in beside and place != state.path:
            _add_later(place, beside, settled)
            settled.notes.append(f"{state.path} was rotated; it is read on in {place}.")
    elif state.path in named:
        if state.offset or state.head_bytes:
            settled.notes.append(_replaced(state, named[state.path]))
    else:
        settled.gone.append(state)


def _place(state: FileState, candidates: Mapping[Path, os.stat_result]) -> Path | None:
    """Where a file is now: under another name, else where a copy of it is."""
    for test in (is_same, is_continuation):
        for path, found in candidates.items():
            if (state.head_bytes or test is is_same) and test(state, path, found):
                return path
    return None


def _add_later(place: Path, beside: Stats, settled: Settled) -> None:
    """Take in what was rotated after the file at ``place``."""
    since = beside[place].st_mtime_ns
    for path, found in beside.items():
        if path != place and found.st_mtime_ns >= since:
            settled.stats.setdefault(path, found)


def _replaced(state: FileState, found: os.stat_result) -> str:
    if state.kind == "table":
        return f"{state.path} was written anew; it is read as a new file."
    what = "truncated" if (state.device, state.inode) == identity(found) else "replaced"
    return f"{state.path} was {what}; what was logged between the last look and that moment, if anything, is lost."
