"""The records of the serving benchmark: what each server did with one client and with many."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peer_records import Goal, Spread

from leanglot.results.records import Environment

ADDED_MS: Final = 1.5
"""Goal: what leanglot's p50 may be above ONNX Runtime called bare, with one client."""
TIMES: Final = 3.0
"""Goal: times the pipeline's throughput, with many clients."""
ENOUGH: Final[Mapping[int, int]] = {50: 5, 95: 130, 99: 662}
"""Samples that a percentile needs."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Percentiles in milliseconds, by percentile; None where there are too few samples.

    Attributes:
        n: Number of samples, of all rounds.
        value: Over all of them.
        spread: Of the rounds' own percentiles; None where one of them has too few.
    """

    n: int
    value: Mapping[int, float | None]
    spread: Mapping[int, Spread | None]


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether answers are right.

    Attributes:
        sent: Requests.
        answered: Answers, one each.
        refused: Those with another status than 200.
        repeated: Identifiers that came more than once.
        other: Those with another class than ONNX Runtime called bare gives to the same text alone.
        accuracy: Share of right answers; None where there are none.
        bare_accuracy: The same of bare's answers to the same texts.
    """

    sent: int
    answered: int
    refused: int
    repeated: int
    other: int
    accuracy: float | None
    bare_accuracy: float | None


@dataclass(frozen=True, slots=True)
class Batched:
    """What batches do to the answers of ONNX Runtime called bare.

    Attributes:
        size: Texts in a batch.
        texts: All texts.
        other: Those that get another class than alone.
        widest: Largest margin between the two best classes, alone, among those; None where there are none.
    """

    size: int
    texts: int
    other: int
    widest: float | None


@dataclass(frozen=True, slots=True)
class Alone:
    """A server with one client, or ONNX Runtime called bare.

    Attributes:
        latency: Of one text.
        added: Milliseconds of its p50 above that of ONNX Runtime called bare with the same weights, by round.
        session: The session's part; None for a server.
        checked: Its answers; None for what they are compared with.
    """

    latency: Latencies
    added: Spread | None = None
    session: Latencies | None = None
    checked: Checked | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A server with many clients.

    Attributes:
        rate: Texts per second, median over the rounds.
        against: Times the throughput of each pipeline server, by its name.
        tail: Its p99 divided by that of each pipeline server, by its name; None where a round has too few samples.
        latency: Of one text.
        checked: Its answers.
        client_us: Processor time of the client for each answer, microseconds.
        client_share: The same as a share of the machine's processor time.
        busy: Share of the machine's processor time that the server took.
    """

    rate: float
    against: Mapping[str, Spread]
    tail: Mapping[str, Spread | None]
    latency: Latencies
    checked: Checked
    client_us: float
    client_share: float
    busy: float


@dataclass(frozen=True, slots=True)
class Row:
    """One server.

    Attributes:
        name: Its name.
        how: How it is used.
        alone: With one client.
        loaded: With many.
        rss_bytes: Resident memory at the end.
    """

    name: str
    how: str
    alone: Alone
    loaded: Loaded
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Results:
    """A whole run.

    Attributes:
        created_at: When it ended.
        environment: The machine; its threads are those of ONNX Runtime, served and bare.
        about: The texts.
        rounds: How often all took turns.
        clients: Number of them under load.
        servers: One row each.
        bare: ONNX Runtime called bare, by name.
        batched: What batches do to its answers, by name.
        goals: How they stand.
        warnings: What disturbed the measuring.
        neighbours: Share of the processor that other processes took.
        seconds: How long it took.
    """

    created_at: datetime
    environment: Environment
    about: str
    rounds: int
    clients: int
    servers: tuple[Row, ...]
    bare: Mapping[str, Alone]
    batched: Mapping[str, Batched]
    goals: tuple[Goal, ...]
    warnings: tuple[str, ...]
    neighbours: float
    seconds: float
