"""Profiles of engines that execute a graph: ONNX Runtime's trace of every node, OpenVINO's performance counters."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import onnx

from leanglot.errors import ModelError
from leanglot.measure.profile_rows import (
    Executed,
    Holding,
    ModuleNames,
    TimedCall,
    module_of_weight,
    placed,
)
from leanglot.models.graph import load_skeleton
from leanglot.models.openvino_graph import weight_arrays

_KERNEL: Final = "_kernel_time"
_RUN: Final = "model_run"
_WIDENING: Final = frozenset({"DequantizeLinear", "Cast", "Transpose", "Reshape", "Identity"})
User = tuple[str, str]
"""An operator's name, which may be empty, and its type."""
Run = tuple[float, tuple[Executed, ...]]
"""Milliseconds of a run, and what it executed, in order; modules not yet told."""


@dataclass(frozen=True, slots=True)
class GraphWeights:
    """The weights of a graph.

    Attributes:
        sizes: Type of number and bytes by the weight's name.
        users: The operators of the stored graph that work with a weight, by its name.
    """

    sizes: Mapping[str, tuple[str, int]]
    users: Mapping[str, Sequence[User]]

    @property
    def names(self) -> ModuleNames:
        """Tells the modules of operators."""
        return ModuleNames(self.sizes)


def read_trace(path: Path) -> list[Run]:
    """Reads what ONNX Runtime's profiling wrote.

    Args:
        path: A JSON file of Chrome's trace events.

    Raises:
        ModelError: The file is no such trace.
    """
    try:
        events = json.loads(path.read_text(encoding="utf-8"))
        runs = sorted((float(event["ts"]), float(event["dur"])) for event in events if event["name"] == _RUN)
        nodes = [
            (float(event["ts"]), _node(event))
            for event in events
            if event["cat"] == "Node" and event["name"].endswith(_KERNEL)
        ]
        return list(_by_run(runs, sorted(nodes, key=lambda node: node[0])))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is no trace of ONNX Runtime: {error!r:.200}", "Profile again.") from error


def _node(event: Mapping[str, Any]) -> Executed:
    about = event["args"]
    return Executed(
        operator=str(about["op_name"]),
        module="",
        ms=float(event["dur"]) / 1e3,
        name=event["name"].removesuffix(_KERNEL),
        weight_bytes=int(about.get("parameter_size", 0)),
    )


def _by_run(runs: Sequence[tuple[float, float]], nodes: Sequence[tuple[float, Executed]]) -> Iterator[Run]:
    """Shares the nodes out over the runs that they began in."""
    place = 0
    for start, took in runs:
        own = []
        while place < len(nodes) and nodes[place][0] <= start + took:
            when, node = nodes[place]
            if when >= start:
                own.append(node)
            place += 1
        yield took / 1e3, tuple(own)


def timed_calls(runs: Iterable[Run], names: ModuleNames) -> list[TimedCall]:
    """Runs of a graph with the modules that their operators came from."""
    return [TimedCall(total, placed(operators, names)) for total, operators in runs]


def onnx_weights(folder: Path) -> GraphWeights:
    """The weights of an artifact for ONNX Runtime, and the nodes that work with each.

    Args:
        folder: Holds ``model.onnx``.

    Raises:
        ModelError: The graph is damaged.
    """
    graph, arrays = load_skeleton(folder)
    readers: dict[str, list[int]] = {}
    for place, node in enumerate(graph.graph.node):
        for name in node.input:
            readers.setdefault(name, []).append(place)
    nodes = list(graph.graph.node)
    return GraphWeights(
        sizes={name: (array.dtype.name, array.nbytes) for name, array in arrays.items()},
        users={name: _users(name, nodes, readers) for name in arrays},
    )


def _users(name: str, nodes: Sequence[onnx.NodeProto], readers: Mapping[str, Sequence[int]]) -> list[User]:
    """The nodes behind a weight, past those that only change its form, which a session does once."""
    found = []
    for place in readers.get(name, ()):
        node = nodes[place]
        found.append((node.name, node.op_type))
        if node.op_type in _WIDENING:
            found += [user for output in node.output for user in _users(output, nodes, readers)]
    return found


def openvino_weights(folder: Path) -> GraphWeights:
    """The weights of an artifact for OpenVINO; its graph names operators by module, so that no users are needed."""
    return GraphWeights(sizes=weight_arrays(folder), users={})


def holdings(weights: GraphWeights, calls: Sequence[TimedCall]) -> tuple[Holding, ...]:
    """Finds the operator that works with each weight among those that were executed.

    An engine fuses operators and renames them. Where no executed operator has the name of one that the stored graph
    gives the weight to, or begins with it, the slowest one of the same module stands for it, else the slowest of the
    nearest module around it. One without a name is known by its type and the bytes of its weights.

    Args:
        weights: The stored graph's.
        calls: At least one.
    """
    executed = calls[0].executed
    slowest: dict[str, Executed] = {}
    for each in executed:
        if each.module not in slowest or each.ms > slowest[each.module].ms:
            slowest[each.module] = each
    found = []
    for name, (dtype, size) in weights.sizes.items():
        users = weights.users.get(name, ())
        user = _by_name(users, executed) or _by_size(users, size, executed)
        user = user or _by_module(module_of_weight(name), slowest)
        operator, module = (None, None) if user is None else (user.operator, user.module)
        found.append(Holding(name, dtype, size, operator, module))
    return tuple(found)


def _by_name(users: Iterable[User], executed: Sequence[Executed]) -> Executed | None:
    for name, _ in users:
        for each in executed if name else ():
            own = each.name.removeprefix("fused ")
            if own == name or own.startswith(f"{name}/"):
                return each
    return None


def _by_size(users: Iterable[User], size: int, executed: Sequence[Executed]) -> Executed | None:
    kinds = {kind for name, kind in users if not name}
    return next((each for each in executed if each.operator in kinds and each.weight_bytes == size), None)


def _by_module(module: str, slowest: Mapping[str, Executed]) -> Executed | None:
    while module:
        if module in slowest:
            return slowest[module]
        module = module.rpartition(".")[0]
    return None
