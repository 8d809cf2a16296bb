"""OpenVINO graphs on disk: ``model.xml`` for the graph, ``model.bin`` beside it for the weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from leanglot.errors import ModelError

GRAPH_NAME: Final = "model.xml"
DATA_NAME: Final = "model.bin"

# As NumPy calls them; what is missing here keeps OpenVINO's name.
_DTYPES: Final = {
    "f64": "float64",
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "i64": "int64",
    "i32": "int32",
    "i8": "int8",
    "u8": "uint8",
    "i4": "int4",
    "u4": "uint4",
}


@dataclass(frozen=True, slots=True)
class StoredConstant:
    """A constant of a graph on disk.

    Attributes:
        name: Its name as PyTorch would give it; see `weight_arrays`.
        dtype: The type of its numbers, such as ``float32``, ``int8`` or ``uint4``.
        shape: Of the array.
        offset: Where its bytes begin in the file of weights; equal constants share them.
        size_bytes: How many they are.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Graph:
    """Layers by id, and the ids of those that use each one's result."""

    layers: dict[str, ET.Element]
    users: dict[str, list[str]]


def module_of(operator: str) -> str:
    """The PyTorch module that an operator or constant belongs to; empty where it belongs to none.

    Args:
        operator: A name in an exported graph, such as ``bert.pooler.dense/aten::linear/MatMul``.
    """
    module, slash, _ = operator.partition("/")
    return module if slash else ""


def weight_arrays(folder: Path) -> dict[str, tuple[str, int]]:
    """What is stored of each weight, read from the graph alone.

    The exporter's names survive in most constants. Where quantization or folding made new ones without a name, it
    comes from the operator that uses them: ``bert.pooler.dense.weight``, ``bert.pooler.dense.bias``, and
    ``bert.pooler.dense.weight/scale`` and ``/zero_point`` for what belongs to a quantized weight. What is no parameter
    keeps the operator's name, which starts with its module's.

    Args:
        folder: Holds an exported ``model.xml``.

    Returns:
        By name: the type of number, such as ``float32``, ``int8`` or ``uint4``, and the bytes in ``model.bin``. Equal
        constants share their bytes there, which count for the first.

    Raises:
        ModelError: The graph is missing or damaged.
    """
    seen: set[int] = set()
    arrays: dict[str, tuple[str, int]] = {}
    for constant in stored_constants(folder / GRAPH_NAME):
        arrays[constant.name] = (constant.dtype, 0 if constant.offset in seen else constant.size_bytes)
        seen.add(constant.offset)
    return arrays


def stored_constants(path: Path) -> list[StoredConstant]:
    """The constants of a graph, each under a name of its own; see `weight_arrays` for the names.

    Args:
        path: The graph, such as ``model.xml``.

    Raises:
        ModelError: The graph is missing or damaged.
    """
    try:
        return list(_constants(_read(path)))
    except (OSError, ET.ParseError, KeyError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error!r}", "Make the artifact again.") from error


def _read(path: Path) -> _Graph:
    root = ET.parse(path).getroot()  # noqa: S314 - expat bounds how far entities expand
    layers = {layer.attrib["id"]: layer for layer in root.iterfind("layers/layer")}
    users: dict[str, list[str]] = {}
    for edge in root.iterfind("edges/edge"):
        users.setdefault(edge.attrib["from-layer"], []).append(edge.attrib["to-layer"])
    return _Graph(layers, users)


def _constants(graph: _Graph) -> Iterator[StoredConstant]:
    named: set[str] = set()
    for key, layer in graph.layers.items():
        if layer.attrib["type"] != "Const":
            continue
        stored = {name: value for data in layer.iterfind("data") for name, value in data.attrib.items()}
        kind = stored["element_type"]
        name = _parameter(graph, key, kind)
        if name in named:
            name = f"{name}/{layer.attrib['name']}"
        named.add(name)
        shape = tuple(int(count) for count in stored["shape"].split(",") if count.strip())
        yield StoredConstant(name, _DTYPES.get(kind, kind), shape, int(stored["offset"]), int(stored["size"]))


def _parameter(graph: _Graph, key: str, kind: str) -> str:
    """A constant's name as PyTorch would give it."""
    own = graph.layers[key].attrib["name"].removesuffix("_compressed")
    if "." in own or "/" in own:
        return own
    used = next((name for name in _names_behind(graph, key) if module_of(name)), "")
    if "fq_weights_" in used:
        part = "weight" if kind in {"i8", "u8", "i4", "u4"} else "weight/scale"
        return f"{module_of(used)}.{part}"
    if "aten::linear/" in used or "aten::layer_norm/" in used:
        return f"{module_of(used)}.{'bias' if used.rpartition('/')[2].startswith('Add') else 'weight'}"
    return f"{used}/{own}" if used else own


def _names_behind(graph: _Graph, key: str) -> Iterator[str]:
    """Names of the layers that use a constant, in turn."""
    while users := graph.users.get(key):
        key = users[0]
        yield graph.layers[key].attrib["name"]
