"""What profilers of all engines give, as rows: time and bytes by operator, module, layer and part of the model."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from leanglot.measure.ledger import part_of
from leanglot.results.profile import Part, ProfileRow

_LAYER: Final = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)(?=\.|$)")
_PARAMETER: Final = re.compile(r"\.(?:weight|bias)(?![a-zA-Z]).*$")
_PARTS: Final[tuple[Part, ...]] = get_args(Part)


@dataclass(frozen=True, slots=True)
class Executed:
    """One execution of an operator or a module.

    Attributes:
        operator: The operator's type.
        module: Dotted path of the module that it belongs to; empty for the whole model.
        ms: What it took, without what it calls.
        name: The operator's own name; empty where it has none.
        adopted: Whether the name tells no module, so that it is that of the operator before it.
        weight_bytes: Bytes of the weights that the engine says it reads; 0 where it does not tell.
    """

    operator: str
    module: str
    ms: float
    name: str = ""
    adopted: bool = False
    weight_bytes: int = 0


@dataclass(frozen=True, slots=True)
class TimedCall:
    """One call of an engine, with all that it executed, in order."""

    total_ms: float
    executed: tuple[Executed, ...]

    @property
    def outside_ms(self) -> float:
        """What nothing that was executed accounts for."""
        return max(0.0, self.total_ms - sum(each.ms for each in self.executed))


@dataclass(frozen=True, slots=True)
class Holding:
    """A weight's bytes, and what works with it.

    Attributes:
        name: The weight's name.
        dtype: Its type of number, such as ``float32``.
        size_bytes: Its bytes.
        operator: Type of the operator that works with it; None where none was found.
        module: Module of that operator; None where none was found.
    """

    name: str
    dtype: str
    size_bytes: int
    operator: str | None
    module: str | None


def fastest_calls(rounds: Sequence[Sequence[TimedCall]]) -> tuple[TimedCall, ...]:
    """Of the rounds of each call, the fastest: what made the others slower is not the model.

    Args:
        rounds: The same calls in each round, in the same order.
    """
    return tuple(min(same, key=lambda call: call.total_ms) for same in zip(*rounds, strict=True))


def tally(
    calls: Sequence[TimedCall],
    key: Callable[[Executed], str],
    sizes: Mapping[str, int],
    total_bytes: int,
    part: Callable[[str], Part | None] = lambda _: None,
) -> tuple[ProfileRow, ...]:
    """Sums time and bytes by a key, the slowest first.

    Args:
        calls: At least one call.
        key: What an execution is counted for.
        sizes: Bytes by the same keys.
        total_bytes: Bytes of all weights.
        part: Part of the model that a key belongs to.

    Returns:
        One row for each key that was executed or holds bytes.
    """
    totals = np.asarray([call.total_ms for call in calls])
    times: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(len(calls)))
    runs: dict[str, int] = defaultdict(int)
    for place, call in enumerate(calls):
        for each in call.executed:
            times[key(each)][place] += each.ms
            runs[key(each)] += 1
    zeros = np.zeros(len(calls))
    rows = [
        ProfileRow(
            name=name,
            part=part(name),
            runs=runs.get(name, 0) / len(calls),
            time_ms=float(times.get(name, zeros).mean()),
            share=float(times.get(name, zeros).sum() / totals.sum()),
            share_error=share_error(times.get(name, zeros), totals),
            size_bytes=sizes.get(name, 0),
            size_share=sizes.get(name, 0) / total_bytes if total_bytes else None,
        )
        for name in dict.fromkeys([*times, *sorted(sizes)])
    ]
    return tuple(sorted(rows, key=lambda row: (-row.time_ms, -row.size_bytes, row.name)))


def share_error(times: NDArray[np.float64], totals: NDArray[np.float64]) -> float | None:
    """Standard error of a share of the time over the calls, as of a ratio (Cochran, Sampling Techniques, 1977, 2.11).

    Args:
        times: Milliseconds of one row, shape (calls,).
        totals: Milliseconds of the calls, shape (calls,).

    Returns:
        None for a single call, which tells nothing of the others.
    """
    n = len(totals)
    if n < 2:
        return None
    residuals = times - times.sum() / totals.sum() * totals
    return float(np.sqrt(np.sum(residuals**2) * n / (n - 1)) / totals.sum())


def rows_by_place(
    calls: Sequence[TimedCall], holdings: Iterable[Holding], total_bytes: int
) -> tuple[tuple[ProfileRow, ...], tuple[ProfileRow, ...]]:
    """Rows by layer and part, and by part, both from the input to the head.

    Bytes count for the part that a weight's own name tells, as in the size ledger.
    """
    held = list(holdings)
    places = tally(
        calls, lambda each: place_of(each.module), summed(held, _place_of_weight), total_bytes, _part_of_place
    )
    parts = tally(
        calls, lambda each: part_of(each.module), summed(held, lambda own: part_of(own.name)), total_bytes, part_of_name
    )
    return tuple(sorted(places, key=_place_order)), tuple(
        sorted(parts, key=lambda row: _PARTS.index(row.part or "other"))
    )


def summed(holdings: Iterable[Holding], key: Callable[[Holding], str | None]) -> dict[str, int]:
    """Bytes by a key; those without one are left out."""
    sizes: dict[str, int] = defaultdict(int)
    for own in holdings:
        if (name := key(own)) is not None:
            sizes[name] += own.size_bytes
    return dict(sizes)


def fp32_by_part(holdings: Iterable[Holding]) -> dict[Part, int]:
    """Bytes of the weights in FP32 by part of the model."""
    sizes: dict[Part, int] = defaultdict(int)
    for own in holdings:
        if own.dtype == "float32":
            sizes[part_of(own.name)] += own.size_bytes
    return {part: sizes[part] for part in _PARTS if sizes.get(part)}


def place_of(module: str) -> str:
    """Layer and part of a module, such as ``layer 3 attention``; the part alone outside of the layers."""
    found = _LAYER.search(module)
    return part_of(module) if found is None else f"layer {found.group(1)} {part_of(module)}"


def kind_of(module: str) -> str:
    """The same module of all layers, such as ``encoder.layer.*.output.dense``."""
    return _LAYER.sub(lambda found: found.group().removesuffix(found.group(1)) + "*", module)


def module_of_weight(name: str) -> str:
    """The module that a weight belongs to by its name, whatever a quantizer added at its end."""
    return _PARAMETER.sub("", name)


class ModuleNames:
    """Finds the module that an engine's operator came from, by the operator's name.

    Args:
        weights: Names of all weights; every beginning of them, up to a dot, names a module.
    """

    def __init__(self, weights: Iterable[str]) -> None:
        self._known: set[str] = set()
        for name in weights:
            pieces = module_of_weight(name).split(".")
            self._known |= {".".join(pieces[:end]) for end in range(1, len(pieces) + 1)}

    def of(self, operator: str) -> str:
        """Dotted path of the module; empty where the name tells none.

        Args:
            operator: Such as ``/module/bert/encoder/layer.0/attention/self/query/MatMul`` of an ONNX graph, or
                ``bert.encoder.layer.0.attention.self.query/aten::linear/MatMul`` of OpenVINO's.
        """
        name = operator.strip().removeprefix("fused ").removeprefix("/module")
        path = name.strip("/").replace("/", ".") if name.startswith("/") else name.partition("/")[0]
        pieces = path.split(".")
        for end in range(len(pieces), 0, -1):
            if (module := ".".join(pieces[:end])) in self._known:
                return module
        return ""


def placed(operators: Iterable[Executed], names: ModuleNames) -> tuple[Executed, ...]:
    """Executed operators with their modules; one whose name tells none belongs where the one before it does.

    Args:
        operators: In the order of execution.
        names: Tells the modules.
    """
    done: list[Executed] = []
    for each in operators:
        module = names.of(each.name)
        if module or not done:
            done.append(replace(each, module=module))
        else:
            done.append(replace(each, module=done[-1].module, adopted=True))
    return tuple(done)


def adopted_share(calls: Sequence[TimedCall]) -> float:
    """Share of the time whose operators' names tell no module."""
    adopted = sum(each.ms for call in calls for each in call.executed if each.adopted)
    return adopted / sum(call.total_ms for call in calls)


def part_of_name(name: str) -> Part:
    """The part that a part's own name stands for."""
    return next((part for part in _PARTS if part == name), "other")


def _place_of_weight(own: Holding) -> str:
    return place_of(own.name)


def _part_of_place(place: str) -> Part:
    return part_of_name(place.rpartition(" ")[2])


def _place_order(row: ProfileRow) -> tuple[int, int, int]:
    words = row.name.split()
    kind = _PARTS.index(_part_of_place(row.name))
    if words[0] == "layer":
        return 1, int(words[1]), kind
    return (0, 0, 0) if row.name == "embeddings" else (2, 0, kind)
