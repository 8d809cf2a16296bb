"""The size ledger: where the bytes of an artifact's weights are, by part of the model and type of number."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

import onnx

from leanglot.errors import ModelError
from leanglot.measure.seq2seq_ledger import stored_weights
from leanglot.models.graph import load_skeleton
from leanglot.results.manifest import Manifest
from leanglot.results.records import LedgerRow

Part = Literal["embeddings", "attention", "ffn", "head", "other"]
Stored = tuple[str, str, int]
"""A tensor's name, its type of number, its bytes."""

# One part of a dotted name each, in lower case. The first part from the left that is known decides: BERT's
# "attention.output" is attention, its "output" alone closes the feed-forward block.
_PARTS: Final[tuple[tuple[Part, str], ...]] = (
    ("head", r"(pre_)?classifier|pooler|((classification|lm|logits)_)?head|score|logits_proj|sequence_summary"),
    ("attention", r".*(attention|attn).*|[qkv]_lin|out_lin|c_attn|sa_layer_norm|layer_norm1|ln_1|input_layernorm"),
    ("embeddings", r".*embeddings?(_.*)?|embed_\w+|\w+_emb|layer_?norm_emb\w*|wte|wpe|shared"),
    ("ffn", r"ff|ffns?(_.*)?|mlp(_.*)?|intermediate|output|(lin|linear|fc)[12]|\w*feed_?forward\w*|densereludense"),
    ("ffn", r"c_fc|(output|final|full_layer)_layer_norm|layer_norm2|ln_2"),
)
_PATTERNS: Final = tuple((part, re.compile(pattern)) for part, pattern in _PARTS)
_ORDER: Final[tuple[Part, ...]] = ("embeddings", "attention", "ffn", "head", "other")
_DTYPES: Final = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8", "F8_E5M2": "float8",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
_PACKED_INPUTS: Final = (1, 3)  # of MatMulNBits: the weights and the zero points, several numbers to a byte
_PACKED_CODES: Final = ".codes"  # of leanglot.models.packed: uint8 where each byte holds two numbers, int8 else
_MOST_HEADER_BYTES: Final = 100_000_000  # the limit of the safetensors format


def size_ledger(folder: Path, manifest: Manifest) -> tuple[LedgerRow, ...]:
    """Sums the bytes of all weights of an artifact or model folder.

    Args:
        folder: The folder.
        manifest: Its manifest, which says what executes it.

    Returns:
        Rows by part, in the order from the input to the head, and by type of number. Their sum is what the weights
        take on disk, without the padding that aligns them. Empty where the weights are pickled: nothing
        is read then.

    Raises:
        ModelError: The weights are damaged.
    """
    sums: Counter[tuple[Part, str]] = Counter()
    for name, dtype, size in _stored(folder, manifest):
        sums[part_of(name), dtype] += size
    order = sorted((key for key, size in sums.items() if size), key=lambda key: (_ORDER.index(key[0]), key[1]))
    return tuple(LedgerRow(part=part, dtype=dtype, size_bytes=sums[part, dtype]) for part, dtype in order)


def part_of(name: str) -> Part:
    """The part of the model that a tensor belongs to, by the names of BERT, XLM-R, GPT-2, BART and their relatives.

    Args:
        name: A tensor's name: PyTorch's, with whatever a quantizer added at its end.
    """
    for piece in re.split(r"[./]", name.lower()):
        for part, pattern in _PATTERNS:
            if pattern.fullmatch(piece):
                return part
    return "other"


def _stored(folder: Path, manifest: Manifest) -> Iterable[Stored]:
    if manifest.task == "translation" and manifest.runtime != "pytorch":
        return [(weight.name, weight.dtype, weight.size_bytes) for weight in stored_weights(folder, manifest)]
    match manifest.runtime:
        case "onnxruntime":
            return _in_graph(folder)
        case "openvino":
            from leanglot.models.openvino_graph import weight_arrays

            return [(name, dtype, size) for name, (dtype, size) in weight_arrays(folder).items()]
        case "ctranslate2":
            return ()
        case "pytorch":
            return [tensor for path in sorted(folder.glob("*.safetensors")) for tensor in _in_safetensors(path)]


def _in_graph(folder: Path) -> Iterator[Stored]:
    model, arrays = load_skeleton(folder)
    packed = _packed(model.graph)
    for name, array in arrays.items():
        yield name, packed.get(name, array.dtype.name), array.nbytes


def _packed(graph: onnx.GraphProto) -> dict[str, str]:
    """What bytes of ``MatMulNBits`` stand for, by the name of the tensor."""
    found: dict[str, str] = {}
    for node in graph.node:
        bits = next((attribute.i for attribute in node.attribute if attribute.name == "bits"), None)
        if node.op_type == "MatMulNBits" and bits is not None:
            found |= {node.input[index]: f"int{bits}" for index in _PACKED_INPUTS if index < len(node.input)}
    return found


def _in_safetensors(path: Path) -> Iterator[Stored]:
    """The tensors by the file's header alone: eight bytes with its length, then JSON."""
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, _MOST_HEADER_BYTES)))
        header.pop("__metadata__", None)
        for name, tensor in header.items():
            start, end = tensor["data_offsets"]
            dtype = _DTYPES.get(tensor["dtype"], str(tensor["dtype"]).lower())
            halves = name.endswith(_PACKED_CODES) and dtype == "uint8"
            yield name, "int4" if halves else dtype, int(end) - int(start)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is no sound safetensors file: {error!r:.200}", "Make the artifact again.") from error
