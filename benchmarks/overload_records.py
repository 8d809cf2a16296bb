"""The records of the overload benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from peer_records import Goal

from leanglot.results.records import Environment

KEPT: Final = 0.8
"""Goal: share of the capacity that is still answered under overload."""
AT_ONCE_MS: Final = 100.0
"""Goal: p99 of refusals, from when the request was due."""
MEMORY: Final = 0.05
"""Goal: what resident memory at rest may be above that before, as a share of it."""
SLOWER: Final = 1.25
"""Goal: times the p50 with one client before, afterwards."""

Ranks = tuple[float | None, float | None, float | None]
"""p50, p95 and p99 in milliseconds; None where there are too few samples."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What came back, in the order it came; arrays of equal length.

    Attributes:
        due_s: When each request was due, seconds since the arrivals began.
        latency_ms: From when it was due to the answer's last byte.
        late_ms: From when it was due to when the client sent it.
        status: Status code.
        texts: Number of its texts.
        retry_after: Values of that header in answers with 503, and how often each came; ``-`` where it is absent.
        ids: Identifiers of accepted texts, and how often each came.
        miscounted: Accepted requests with another number of answers than texts.
        labels: Accepted texts with another class than expected.
        others: The first answers that are neither 200 nor 503.
    """

    due_s: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    late_ms: NDArray[np.float64]
    status: NDArray[np.int64]
    texts: NDArray[np.int64]
    retry_after: Mapping[str, int]
    ids: Mapping[str, int]
    miscounted: int
    labels: int
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the load, by when requests were due.

    Attributes:
        start_s: Its beginning.
        seconds: Its length.
        arrived: Requests answered at all.
        accepted: Those answered with 200.
        refused: Those answered with 503.
        texts: Texts of accepted ones.
        accepted_ms: Latency of accepted ones.
        refused_ms: The same of refused ones.
        rss_bytes: Largest memory of the server; None where it was not read.
    """

    start_s: float
    seconds: float
    arrived: int
    accepted: int
    refused: int
    texts: int
    accepted_ms: Ranks
    refused_ms: Ranks
    rss_bytes: int | None


@dataclass(frozen=True, slots=True)
class Logged:
    """The prediction log beside the answers.

    Attributes:
        lines: Predictions in it.
        given: Identifiers that clients were given.
        missing: Those that are not in it.
        repeated: Identifiers that are in it more than once.
        unknown: Identifiers in it that nobody was given.
        broken: Lines that are no JSON.
    """

    lines: int
    given: int
    missing: int
    repeated: int
    unknown: int
    broken: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of the server.

    Attributes:
        ready: When it had just become ready.
        before: At rest after a short load of the same kind; median.
        most: Under load.
        after: At rest again; median.
        per_hour: Slope over the second half of the load, bytes per hour; None where it has fewer than 120 readings.
        samples: Readings, seconds since the arrivals began and bytes.
    """

    ready: int
    before: int
    most: int
    after: int
    per_hour: float | None
    samples: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class Load:
    """What was sent.

    Attributes:
        capacity: Texts per second that the server answers to clients which wait for it.
        requests: Per second, that arrived.
        texts: Per second, that arrived.
        counts: Of the client: ``sent``, ``broken``, ``no connection``, ``unanswered``, ``connections``.
        late_ms: p99 of the client's own lateness.
        client_share: What the client took of the machine's processor time.
        drained_s: From the last arrival to the last answer.
    """

    capacity: float
    requests: float
    texts: float
    counts: Mapping[str, int]
    late_ms: float
    client_share: float
    drained_s: float


@dataclass(frozen=True, slots=True)
class Results:
    """A whole run.

    Attributes:
        created_at: When it ended.
        environment: The machine.
        served: How the server was started.
        load: What was sent.
        whole: The whole load.
        minutes: Parts of it.
        answers: Counts of all answers.
        alone_ms: p50 with one client, before and after.
        memory: Of the server.
        logged: The prediction log; None where there was none.
        ended_with: The server's exit code.
        goals: How they stand.
        warnings: What disturbed the measuring.
    """

    created_at: datetime
    environment: Environment
    served: str
    load: Load
    whole: Stretch
    minutes: tuple[Stretch, ...]
    answers: Answers
    alone_ms: tuple[float, float]
    memory: Memory
    logged: Logged | None
    ended_with: int | None
    goals: tuple[Goal, ...]
    warnings: tuple[str, ...]
