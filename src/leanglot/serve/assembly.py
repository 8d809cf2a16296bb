"""Puts a server's parts together: the engine, and whoever watches it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from fastapi import APIRouter

from leanglot.errors import ConfigError, LeanglotError
from leanglot.monitor.keeper import Keeper
from leanglot.monitor.rules import Rules
from leanglot.monitor.watch import Watch
from leanglot.results.monitor_baseline import MonitorBaseline, read_monitor_baseline
from leanglot.serve.dashboard import dashboard_router
from leanglot.serve.journal import Journal
from leanglot.serve.memory_log import MemoryLog
from leanglot.serve.metrics import DEFAULT_LANGUAGES_LIMIT, Metrics, metrics_router
from leanglot.serve.opening import ServedEngine, open_engine, with_beam
from leanglot.serve.shadow import DEFAULT_SHARE, Shadow
from leanglot.serve.telemetry import Desk, Recorder
from leanglot.serve.translator_engine import KnowsPairs
from leanglot.serve.watching import Watched, Watching

_SHADOW_THREADS: Final = 1  # it shares the machine with the served model


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """Who watches a server, and where that is kept.

    Attributes:
        log: File that predictions are appended to; None keeps them in memory for the monitor alone.
        state: File of the monitor's state; needs a log. None begins anew with every start.
        reset_state: Begin anew where there is a state.
        monitor: Whether the server watches itself; without, others read its log and its metrics.
        shadow: Artifact or router of the baseline model that answers a share of the traffic too.
        shadow_share: That share.
        languages_limit: Languages told apart, those the model was judged in included; others are ``other``.
        latency_budget_ms: Milliseconds that 95% of the answers must keep within; None watches no latency.

    Raises:
        ConfigError: The options contradict each other.
    """

    log: Path | None = None
    state: Path | None = None
    reset_state: bool = False
    monitor: bool = True
    shadow: Path | None = None
    shadow_share: float = DEFAULT_SHARE
    languages_limit: int = DEFAULT_LANGUAGES_LIMIT
    latency_budget_ms: float | None = None

    def __post_init__(self) -> None:
        if self.state is not None and self.log is None:
            raise ConfigError(
                "A state is kept of how far a log was read, and there is no log.",
                "Add --log FILE, or leave out --state.",
            )
        if self.state is not None and not self.monitor:
            raise ConfigError("Without the monitor there is no state to keep.", "Leave out --no-monitor or --state.")
        if self.reset_state and self.state is None:
            raise ConfigError("There is no state to reset.", "Add --state FILE, or leave out --reset-state.")
        if self.state is not None and self.log is not None and self.state.resolve() == self.log.resolve():
            raise ConfigError(f"Log and state are the same file, {self.log}.", "Choose another --state.")
        if not 0 < self.shadow_share <= 1:
            raise ConfigError(
                f"The share of shadowed traffic is {self.shadow_share:g}.", "It is above 0 and at most 1, such as 0.1."
            )


@dataclass(frozen=True, slots=True)
class Assembly:
    """A server's parts, running; see `leanglot.serve.server.Parts`.

    Attributes:
        engine: Answers.
        telemetry: Is told of everything.
        routers: ``/metrics``, and ``/dashboard`` where there is a monitor.
    """

    engine: ServedEngine
    telemetry: Desk
    routers: tuple[APIRouter, ...]


@contextmanager
def assembled(
    artifact: Path,
    options: WatchOptions,
    tell: Callable[[str], None],
    threads: int | None = None,
    beam: int | None = None,
) -> Iterator[Assembly]:
    """Load an artifact or a router and start whoever watches it; at the end all is finished and saved.

    Args:
        artifact: Its folder; its files are compared with the hashes of its manifest.
        options: Who watches.
        tell: Shows a message to whoever runs the server.
        threads: Threads of the engine; None takes what suits it.
        beam: Beam of a translation artifact; None takes what it is meant to be used with.

    Yields:
        The parts.

    Raises:
        ModelError: An artifact is missing or damaged, or was changed since it was written.
        ConfigError: The options cannot be used.
        RunError: The state is damaged, in use, or was begun with another baseline.
        StorageError: Log or state cannot be written.
    """
    engine = open_engine(artifact, threads)
    if beam is not None:
        engine = with_beam(engine, beam)
    engine.warm()
    baseline = read_monitor_baseline(artifact)
    rules = Rules(max_languages=options.languages_limit, latency_budget_ms=options.latency_budget_ms)
    metrics = Metrics(
        engine.name, version("leanglot"), () if baseline is None else baseline.languages, options.languages_limit
    )
    shadowing = None if options.shadow is None else _baseline_model(options.shadow, engine)
    recorder, watched = _record(options, metrics, baseline, rules, tell)
    watching = None if watched is None else Watching(watched, tell)
    shadow = None if shadowing is None else Shadow(shadowing, options.shadow_share, recorder, metrics, tell)
    routers = [metrics_router(metrics)]
    if watching is not None:
        metrics.watch(watching.snapshot)
        routers.append(dashboard_router(watching.snapshot, translates=isinstance(engine, KnowsPairs)))
    desk = Desk(metrics, recorder, watching, shadow)
    desk.start()
    try:
        yield Assembly(engine, desk, tuple(routers))
    finally:
        desk.stop()


def _record(
    options: WatchOptions,
    metrics: Metrics,
    baseline: MonitorBaseline | None,
    rules: Rules,
    tell: Callable[[str], None],
) -> tuple[Recorder | None, Watched | None]:
    """Who records, and who reads that."""
    if options.log is None:
        memory = MemoryLog(Watch(baseline, rules)) if options.monitor else None
        return memory, memory
    journal = Journal(options.log, metrics, tell)
    if not options.monitor:
        return journal, None
    try:
        return journal, Keeper([options.log], baseline, rules, options.state, reset=options.reset_state)
    except LeanglotError:
        journal.stop()
        raise


def _baseline_model(artifact: Path, served: ServedEngine) -> ServedEngine:
    """The baseline model, which must do the same and know the same labels."""
    engine = open_engine(artifact, _SHADOW_THREADS)
    if isinstance(engine, KnowsPairs) != isinstance(served, KnowsPairs):
        raise ConfigError(
            f"{artifact} cannot shadow {served.name}: one of them translates, the other does not.",
            "Shadow with the model that the served one was made from.",
        )
    if set(engine.labels) != set(served.labels):
        other = sorted(set(engine.labels) ^ set(served.labels))
        raise ConfigError(
            f"{artifact} cannot shadow {served.name}: their labels differ in {', '.join(other[:5])}.",
            "Shadow with the model that the served one was made from.",
        )
    return engine
