"""Profiles a PyTorch model: operators by torch.profiler, modules by hooks, weights by who reads them."""

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from torch import Tensor, nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode

from leanglot.measure.neighbours import NeighbourWatch
from leanglot.measure.profile_engines import timed
from leanglot.measure.profile_observed import Batch, Drill, Observed, fastest_times, take_turns, warm_up
from leanglot.measure.profile_rows import Executed, Holding, TimedCall, module_of_weight
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.pytorch import TorchPredictor

_MARK: Final = "leanglot call"
_QUIET: Final = "6"  # above all levels at which the profiler's library writes to the terminal
_LEVEL: Final = "KINETO_LOG_LEVEL"


def profile_pytorch(classifier: Classifier, predictor: TorchPredictor, drill: Drill) -> Observed:
    """Time a model's calls without profiling, with its operators profiled, and with its modules timed, in turns.

    Args:
        classifier: What answers.
        predictor: Its predictor; the module is left as it is.
        drill: What it answers.
    """
    plain: list[float] = []
    profiles: list[tuple[float, profile]] = []
    watches: list[_ModuleWatch] = []

    def time_modules(batch: Batch) -> None:
        with watched_modules(predictor.module) as watch:
            predictor.logits(*batch)
        watches.append(watch)

    ways = [
        lambda batch: plain.append(timed(classifier, batch)),
        lambda batch: profiles.append(_profiled(predictor, batch)),
        time_modules,
    ]
    warm_up(classifier, drill.batches)
    _profiled(predictor, drill.batches[0])
    with NeighbourWatch() as watch:
        take_turns([classifier] * len(ways), drill, ways)
    count = len(drill.batches)
    chunks = [slice(start * count, (start + 1) * count) for start in range(drill.rounds)]
    events = [_events(each) for each in _fastest_profiles([profiles[chunk] for chunk in chunks])]
    operator_calls = tuple(_timed_call(each) for each in events)
    chosen = _fastest_watches([watches[chunk] for chunk in chunks])
    return Observed(
        threads=predictor.threads,
        unprofiled_ms=fastest_times([plain[chunk] for chunk in chunks]),
        operator_calls=operator_calls,
        module_calls=[each.call() for each in chosen],
        holdings=torch_holdings(predictor, drill.batches[0], events[0]),
        inclusive_ms=_mean_inclusive(chosen),
        warnings=watch.warnings(),
    )


def _profiled(predictor: TorchPredictor, batch: Batch) -> tuple[float, profile]:
    started = time.perf_counter_ns()
    with _quiet_profiler(), profile(activities=[ProfilerActivity.CPU]) as found, record_function(_MARK):
        predictor.logits(*batch)
    return float(time.perf_counter_ns() - started), found


def _fastest_profiles(rounds: Sequence[Sequence[tuple[float, profile]]]) -> list[profile]:
    """Of the rounds of each call, the fastest; reading the events of all would take long."""
    return [min(same, key=lambda each: each[0])[1] for same in zip(*rounds, strict=True)]


@contextmanager
def _quiet_profiler() -> Iterator[None]:
    """The profiler's library tells the terminal each start and stop, unless a variable asks for less."""
    before = os.environ.get(_LEVEL)
    os.environ.setdefault(_LEVEL, _QUIET)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_LEVEL]


def _events(found: profile) -> list[FunctionEvent]:
    events: list[FunctionEvent] = list(found.events() or ())  # type: ignore[no-untyped-call]
    return sorted(events, key=lambda event: float(event.time_range.start))


def _timed_call(events: Iterable[FunctionEvent]) -> TimedCall:
    """One profiled call: its outermost operators, each with all that it calls."""
    total, executed = 0.0, []
    for event in events:
        if event.name == _MARK:
            total = _milliseconds(event)
        elif event.cpu_parent is not None and event.cpu_parent.name == _MARK:
            executed.append(Executed(event.name, "", _milliseconds(event)))
    return TimedCall(total, tuple(executed))


def _milliseconds(event: FunctionEvent) -> float:
    return float(event.time_range.elapsed_us()) / 1e3  # type: ignore[no-untyped-call]


class _ModuleWatch:
    """Takes the time of every module that runs, its own and with what it calls."""

    def __init__(self) -> None:
        self.executed: list[Executed] = []
        self.inclusive_ms: dict[str, float] = defaultdict(float)
        self._open: list[list[int]] = []

    def enter(self) -> None:
        self._open.append([time.perf_counter_ns(), 0])

    def leave(self, name: str, kind: str) -> None:
        started, inside = self._open.pop()
        took = time.perf_counter_ns() - started
        if self._open:
            self._open[-1][1] += took
        self.executed.append(Executed(kind, name, (took - inside) / 1e6))
        self.inclusive_ms[name] += took / 1e6

    def call(self) -> TimedCall:
        return TimedCall(self.inclusive_ms[""], tuple(self.executed))


@contextmanager
def watched_modules(module: nn.Module) -> Iterator[_ModuleWatch]:
    """Times every module inside one while it runs; the hooks are gone afterwards.

    Args:
        module: The root; its own name is empty.
    """
    watch, handles = _ModuleWatch(), []
    for name, part in module.named_modules():
        handles.append(part.register_forward_pre_hook(lambda *_: watch.enter()))
        handles.append(part.register_forward_hook(_leaving(watch, name, type(part).__name__)))
    try:
        yield watch
    finally:
        for handle in handles:
            handle.remove()


def _leaving(watch: _ModuleWatch, name: str, kind: str) -> Any:  # noqa: ANN401 - a hook returns None or a new output
    return lambda *_: watch.leave(name, kind)


def _fastest_watches(rounds: Sequence[Sequence[_ModuleWatch]]) -> list[_ModuleWatch]:
    return [min(same, key=lambda each: each.inclusive_ms[""]) for same in zip(*rounds, strict=True)]


def _mean_inclusive(watches: Sequence[_ModuleWatch]) -> dict[str, float]:
    names = {name for watch in watches for name in watch.inclusive_ms if name}
    return {name: sum(watch.inclusive_ms.get(name, 0.0) for watch in watches) / len(watches) for name in names}


class _Readers(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes which operator is the first to compute with each weight; views of it do not compute."""

    def __init__(self, weights: Mapping[int, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: dict[str, str] = {}
        self._weights = weights

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        if not func.is_view:
            for tensor in _tensors([*args, *(kwargs or {}).values()]):
                if (name := self._weights.get(tensor.untyped_storage().data_ptr())) is not None:
                    self.found.setdefault(name, str(func._schema.name))  # noqa: SLF001 - the operator without overload
        return func(*args, **(kwargs or {}))


def _tensors(values: Iterable[object]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def torch_holdings(predictor: TorchPredictor, batch: Batch, events: Iterable[FunctionEvent]) -> tuple[Holding, ...]:
    """The weights of a module, each once, with the outermost operator that works with it.

    Args:
        predictor: The module.
        batch: A call, which is made once more to see who reads what.
        events: Of one profiled call: tell which operators are called by which.
    """
    weights: dict[int, tuple[str, Tensor]] = {}
    for name, weight in predictor.module.state_dict().items():
        weights.setdefault(weight.untyped_storage().data_ptr(), (name, weight))
    readers = _Readers({place: name for place, (name, _) in weights.items()})
    with readers:
        predictor.logits(*batch)
    outermost = _outermost(events)
    return tuple(
        Holding(
            name=name,
            dtype=str(weight.dtype).removeprefix("torch."),
            size_bytes=weight.nbytes,
            operator=outermost.get(readers.found.get(name, "")),
            module=module_of_weight(name),
        )
        for name, weight in weights.values()
    )


def _outermost(events: Iterable[FunctionEvent]) -> dict[str, str]:
    """For each operator the outermost one that most often calls it."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        own, top = event.name, event
        while top.cpu_parent is not None and top.cpu_parent.name != _MARK:
            top = top.cpu_parent
        if own != _MARK and top.cpu_parent is not None:
            found[own][top.name] += 1
    return {own: tops.most_common(1)[0][0] for own, tops in found.items()}
