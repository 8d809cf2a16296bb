"""From what the load wrote down, the readings of memory and the prediction log to counts, percentiles and goals."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from overload_records import AT_ONCE_MS, KEPT, MEMORY, SLOWER, Answers, Load, Logged, Memory, Ranks, Stretch
from peer_records import Goal
from serving_peers import read_answers
from serving_records import ENOUGH

_MOST_TOLD: Final = 5
_READINGS: Final = 120


def read_replies(file: Path, started_ns: int, expected: Sequence[Sequence[str]]) -> Answers:
    """What the load wrote down.

    Args:
        file: See `overload_arrivals`.
        started_ns: When the arrivals began.
        expected: The classes of each request's texts; requests are taken in turns.
    """
    columns: list[tuple[int, int, int, int, int]] = []
    retry_after: Counter[str] = Counter()
    ids: Counter[str] = Counter()
    miscounted = labels = 0
    others: list[str] = []
    with file.open("rb") as lines:
        for line in lines:
            number, due, sent, received, status, retry, body = line.rstrip(b"\n").split(b" ", 6)
            right = expected[int(number) % len(expected)]
            columns.append((int(due), int(sent), int(received), int(status), len(right)))
            if status == b"503":
                retry_after[retry.decode()] += 1
            elif status == b"200":
                said = read_answers(body.decode())
                ids.update(one.id for one in said if one.id is not None)
                miscounted += len(said) != len(right)
                labels += sum(one.label != label for one, label in zip(said, right, strict=False))
            elif len(others) < _MOST_TOLD:
                others.append(f"{status.decode()} {body.decode()[:200]}")
    due_ns, sent_ns, received_ns, codes, texts = np.asarray(columns, dtype=np.int64).reshape(-1, 5).T
    return Answers(
        due_s=(due_ns - started_ns) / 1e9,
        latency_ms=(received_ns - due_ns) / 1e6,
        late_ms=(sent_ns - due_ns) / 1e6,
        status=codes,
        texts=texts,
        retry_after=dict(retry_after),
        ids=dict(ids),
        miscounted=miscounted,
        labels=labels,
        others=tuple(others),
    )


def read_log(file: Path, given: Mapping[str, int]) -> Logged:
    """Compare the prediction log with the identifiers that clients were given."""
    found: Counter[str] = Counter()
    broken = 0
    with file.open("rb") as lines:
        for line in lines:
            try:
                entry: dict[str, Any] = json.loads(line)
            except ValueError:
                broken += 1
                continue
            if "prediction" in entry:
                found[entry["id"]] += 1
    return Logged(
        lines=sum(found.values()),
        given=len(given),
        missing=sum(1 for each in given if each not in found),
        repeated=sum(1 for count in found.values() if count > 1),
        unknown=sum(1 for each in found if each not in given),
        broken=broken,
    )


def stretch(answers: Answers, start: float, seconds: float, samples: Sequence[tuple[float, int]]) -> Stretch:
    """The requests that were due in a part of the load."""
    inside = (answers.due_s >= start) & (answers.due_s < start + seconds)
    accepted, refused = inside & (answers.status == 200), inside & (answers.status == 503)
    memory = [size for second, size in samples if start <= second < start + seconds]
    return Stretch(
        start_s=start,
        seconds=seconds,
        arrived=int(inside.sum()),
        accepted=int(accepted.sum()),
        refused=int(refused.sum()),
        texts=int(answers.texts[accepted].sum()),
        accepted_ms=_ranks(answers.latency_ms[accepted]),
        refused_ms=_ranks(answers.latency_ms[refused]),
        rss_bytes=max(memory, default=None),
    )


def sum_memory(
    ready: int, before: Sequence[int], during: Sequence[tuple[float, int]], after: Sequence[int], seconds: float
) -> Memory:
    """The readings at the start, and before, during and after a load of so many seconds."""
    half = np.asarray([reading for reading in during if reading[0] >= seconds / 2], dtype=np.float64)
    slope = float(np.polyfit(half[:, 0], half[:, 1], 1)[0]) * 3600 if len(half) >= _READINGS else None
    most = max((size for _, size in during), default=max(before))
    return Memory(ready, int(np.median(before)), most, int(np.median(after)), slope, tuple(during))


@dataclass(frozen=True, slots=True)
class Case:
    """What the goals are judged by; see `overload_records.Results`."""

    load: Load
    whole: Stretch
    answers: Answers
    memory: Memory
    alone_ms: tuple[float, float]
    logged: Logged | None
    ended_with: int | None


def judge_goals(case: Case) -> tuple[Goal, ...]:
    """How the goals stand."""
    goals = [_answered(case), _refused(case), _kept(case), _memory(case.memory), _recovered(case)]
    if case.logged is not None:
        goals.append(_logged(case.logged))
    told = f"exit code {case.ended_with}"
    return (*goals, Goal(goal="SIGTERM ends it in order", met=case.ended_with == 0, detail=told))


def _answered(case: Case) -> Goal:
    counts, statuses = case.load.counts, case.answers.status
    other = int(((statuses != 200) & (statuses != 503)).sum())
    repeated = sum(count - 1 for count in case.answers.ids.values())
    faults = {
        "without an answer": counts.get("unanswered", 0),
        "connections broken": counts.get("broken", 0),
        "without a connection": counts.get("no connection", 0),
        "with another status": other,
        "with too many or too few answers": case.answers.miscounted,
        "identifiers repeated": repeated,
    }
    told = f"{counts.get('sent', 0):,} sent, {len(statuses):,} answered; "
    told += ", ".join(f"{count} {words}" for words, count in faults.items())
    met = counts.get("sent", 0) == len(statuses) and not any(faults.values())
    return Goal(goal="every request has one answer, 200 or 503", met=met, detail=told)


def _refused(case: Case) -> Goal:
    bare, p99 = case.answers.retry_after.get("-", 0), case.whole.refused_ms[2]
    told = f"{case.whole.refused:,} refused, {bare} without Retry-After"
    told += "" if p99 is None else f", p99 {p99:.1f} ms"
    goal = f"503 comes with Retry-After and within {AT_ONCE_MS:.0f} ms (p99)"
    return Goal(goal=goal, met=None if p99 is None else bare == 0 and p99 <= AT_ONCE_MS, detail=told)


def _kept(case: Case) -> Goal:
    rate = case.whole.texts / case.whole.seconds
    share = rate / case.load.capacity
    told = f"{rate:.0f} of {case.load.capacity:.0f} texts/s, {share:.0%}"
    return Goal(goal=f"at least {KEPT:.0%} of the capacity is still answered", met=share >= KEPT, detail=told)


def _memory(memory: Memory) -> Goal:
    rise = memory.after / memory.before - 1
    stages = {"when ready": memory.ready, "before": memory.before, "most": memory.most, "after": memory.after}
    told = ", ".join(f"{size / 1e6:.0f} MB {words}" for words, size in stages.items()) + f": {rise:+.1%}"
    if memory.per_hour is not None:
        told += f"; {memory.per_hour / 1e6:+.1f} MB per hour in the second half"
    return Goal(goal=f"memory is back within {MEMORY:.0%}", met=rise <= MEMORY, detail=told)


def _recovered(case: Case) -> Goal:
    before, after = case.alone_ms
    told = (
        f"p50 {before:.2f} ms before, {after:.2f} after; the queue was empty {case.load.drained_s:.1f} s after the end"
    )
    goal = f"one client is answered at no more than {SLOWER} times the p50 before"
    return Goal(goal=goal, met=after <= before * SLOWER, detail=told)


def _logged(logged: Logged) -> Goal:
    faults = (logged.missing, logged.repeated, logged.unknown, logged.broken)
    told = (
        f"{logged.given:,} identifiers, {logged.lines:,} lines; {logged.missing} missing, {logged.repeated} repeated, "
        f"{logged.unknown} that nobody was given, {logged.broken} broken lines"
    )
    return Goal(goal="every accepted text is in the log, once", met=not any(faults), detail=told)


def _ranks(values: NDArray[np.float64]) -> Ranks:
    p50, p95, p99 = (
        float(np.percentile(values, rank)) if len(values) >= enough else None for rank, enough in ENOUGH.items()
    )
    return p50, p95, p99
