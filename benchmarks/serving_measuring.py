"""The course of the serving benchmark: all take turns, first with one client each, then with many."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from serving_peers import BARE, Peer, Weights
from serving_processes import Server, Worker

_PAUSE_S: Final = 0.3  # engines keep their threads spinning for some time after a call
_RAMP: Final = 10
BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: How often all take turns.
        alone: Answers per round with one client.
        loaded: Answers per round with many, at least.
        seconds: Time per round with many, at least.
        clients: Number of them.
        per_language: Texts.
    """

    rounds: int
    alone: int
    loaded: int
    seconds: float
    clients: int
    per_language: int


FULL: Final = Effort(rounds=5, alone=140, loaded=700, seconds=5.0, clients=32, per_language=35)
QUICK: Final = Effort(rounds=2, alone=40, loaded=150, seconds=1.0, clients=32, per_language=10)


@dataclass(frozen=True, slots=True)
class Texts:
    """What is asked.

    Attributes:
        texts: In the order they are taken.
        languages: Of each.
        gold: The right class of each.
        labels: Names of the classes.
    """

    texts: Sequence[str]
    languages: Sequence[str]
    gold: Sequence[str]
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Right:
    """What ONNX Runtime called bare answers to each text.

    Attributes:
        labels: The class.
        margins: By how much it is more probable than the second.
        batched: The class in batches of `BATCH` texts, in their order.
        gold: The right class.
    """

    labels: Sequence[str]
    margins: Sequence[float]
    batched: Sequence[str]
    gold: Sequence[str]


@dataclass(frozen=True, slots=True)
class Run:
    """One burst on a server.

    Attributes:
        latencies_ms: Of the answers that count.
        seconds: In which they came.
        cpu_s: Processor time of the client meanwhile.
        server_cpu_s: The same of the server, for the whole burst.
        whole_s: Time of the whole burst.
        sent: Requests.
        answers: Place of the text, status and body of all answers.
    """

    latencies_ms: Sequence[float]
    seconds: float
    cpu_s: float
    server_cpu_s: float
    whole_s: float
    sent: int
    answers: Sequence[tuple[int, int, str]]


@dataclass(slots=True)
class Measured:
    """What the rounds gave, by name; a list has one entry per round."""

    alone: dict[str, list[Run]] = field(default_factory=dict)
    loaded: dict[str, list[Run]] = field(default_factory=dict)
    bare: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage:
    """All that runs.

    Attributes:
        peers: Descriptions of the servers.
        servers: They themselves, by name.
        bare: ONNX Runtime called bare, by weights.
        load: The client.
        texts: What is asked.
        effort: How much is measured.
        tell: Told what is being done.
    """

    peers: Sequence[Peer]
    servers: Mapping[str, Server]
    bare: Mapping[Weights, Worker]
    load: Worker
    texts: Texts
    effort: Effort
    tell: Callable[[str], None]


def right_answers(stage: Stage) -> dict[Weights, Right]:
    """What each model answers to each text, alone and in batches."""
    found, texts = {}, stage.texts
    for weights, worker in stage.bare.items():
        answer = worker.ask({"texts": texts.texts, "size": 1})
        batched = worker.ask({"texts": texts.texts, "size": BATCH})
        alone, together = ([texts.labels[place] for place in each["places"]] for each in (answer, batched))
        found[weights] = Right(alone, answer["margins"], together, texts.gold)
    return found


def measure(stage: Stage) -> Measured:
    """All rounds. Within one, all have the same texts, and who begins moves on from round to round."""
    measured, effort = Measured(), stage.effort
    for turn in range(effort.rounds):
        stage.tell(f"round {turn + 1} of {effort.rounds}: one client")
        names = [*BARE.values(), *(peer.name for peer in stage.peers)]
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            time.sleep(_PAUSE_S)
            _alone(stage, measured, name, turn)
        stage.tell(f"round {turn + 1} of {effort.rounds}: {effort.clients} clients")
        start = turn % len(stage.peers)
        for peer in [*stage.peers[start:], *stage.peers[:start]]:
            time.sleep(_PAUSE_S)
            run = _burst(stage, peer, turn * effort.loaded, effort.clients)
            measured.loaded.setdefault(peer.name, []).append(run)
    return measured


def _alone(stage: Stage, measured: Measured, name: str, turn: int) -> None:
    """One of them with one client; bare takes the same texts, the warm-up included."""
    effort, texts = stage.effort, stage.texts.texts
    first = turn * effort.alone
    for weights, worker in stage.bare.items():
        if name == BARE[weights]:
            chosen = [texts[(first + number) % len(texts)] for number in range(_RAMP + effort.alone)]
            answer = worker.ask({"texts": chosen, "size": 1})
            timed = {key: answer[key][_RAMP:] for key in ("call_ms", "session_ms")}
            measured.bare.setdefault(name, []).append(timed)
    for peer in stage.peers:
        if name == peer.name:
            measured.alone.setdefault(name, []).append(_burst(stage, peer, first, 1))


def _burst(stage: Stage, peer: Peer, first: int, clients: int) -> Run:
    texts, languages, effort = stage.texts.texts, stage.texts.languages, stage.effort
    places = [(first + number) % len(texts) for number in range(len(texts))]
    server = stage.servers[peer.name]
    before, started = server.cpu_s, time.monotonic()
    answer = stage.load.ask(
        {
            "port": server.port,
            "path": "/predict",
            "bodies": [peer.body(texts[place], languages[place]) for place in places],
            "clients": clients,
            "ramp": _RAMP if clients == 1 else 2 * clients,
            "count": effort.alone if clients == 1 else effort.loaded,
            "seconds": 0.0 if clients == 1 else effort.seconds,
        }
    )
    return Run(
        latencies_ms=answer["latencies_ms"],
        seconds=answer["seconds"],
        cpu_s=answer["cpu_s"],
        server_cpu_s=server.cpu_s - before,
        whole_s=time.monotonic() - started,
        sent=answer["sent"],
        answers=[(places[number % len(places)], status, body) for number, status, body in answer["answers"]],
    )
