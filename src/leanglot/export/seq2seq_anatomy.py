"""An encoder-decoder model taken apart: what every family is made of, so that one exporter writes them all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel

from leanglot.errors import ModelError

Floats = NDArray[np.float32]

_BART_LIKE: Final = {"marian", "m2m_100", "mbart"}
_T5_LIKE: Final = {"t5", "mt5"}
_BART_PARTS: Final = ("q_proj", "k_proj", "v_proj", "out_proj")
_POSITIONS: Final = "embed_positions"


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A linear layer: its name, weight of shape (outputs, inputs), and bias."""

    name: str
    weight: Floats
    bias: Floats | None


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """A layer normalization; without a bias it is T5's, by the root mean square alone (Zhang & Sennrich, 2019)."""

    name: str
    weight: Floats
    bias: Floats | None
    epsilon: float


@dataclass(frozen=True, slots=True, eq=False)
class RelativeBias:
    """T5's bias of each head by the distance of two tokens (Raffel et al., 2020); `table` is (buckets, heads)."""

    name: str
    table: Floats
    farthest: int


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """Multi-head attention whose products of queries and keys are multiplied by `scaling`."""

    name: str
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    heads: int
    scaling: float
    bias: RelativeBias | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FeedForward:
    """Two linear layers with an activation between; `gate` multiplies the first one's result."""

    inner: Linear
    gate: Linear | None
    outer: Linear
    activation: str


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer of a side; the cross-attention is the decoder's alone."""

    attention: Attention
    attention_norm: Norm
    cross: Attention | None
    cross_norm: Norm | None
    feed_forward: FeedForward
    feed_forward_norm: Norm


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The encoder or the decoder.

    Attributes:
        name: ``encoder`` or ``decoder``.
        table_name: Name of the word table.
        table: Shape (pieces, width).
        scale: What its rows are multiplied by.
        positions: Rows added by position, from the first token's on, shape (longest, width); None without.
        embedding_norm: Of the sum of both, where the family has it.
        layers: In order.
        final_norm: Behind the last layer, where the family has it.
        normed_before: Whether each part normalizes what it reads, instead of the sum it leaves.
    """

    name: str
    table_name: str
    table: Floats
    scale: float
    positions: Floats | None
    embedding_norm: Norm | None
    layers: tuple[Layer, ...]
    final_norm: Norm | None
    normed_before: bool


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """Both sides and the projection to the vocabulary.

    Attributes:
        encoder: Reads the source.
        decoder: Writes the translation.
        output_name: Name of the projection's weight; the decoder's table's where they are one.
        output: Shape (pieces, width).
        output_bias: Shape (pieces,).
        output_scale: What the last hidden state is multiplied by before.
    """

    encoder: Side
    decoder: Side
    output_name: str
    output: Floats
    output_bias: Floats | None
    output_scale: float


def take_apart(module: PreTrainedModel) -> Anatomy:
    """The parts of a model; its weights are views of the module's own, which must be FP32.

    Raises:
        ModelError: The family is none that is known here.
    """
    family = str(module.config.model_type)
    if family in _BART_LIKE:
        return _bart_like(module, family)
    if family in _T5_LIKE:
        return _t5_like(module)
    allowed = ", ".join(sorted(_BART_LIKE | _T5_LIKE))
    raise ModelError(f"Models of type {family!r} cannot be exported.", f"Known are {allowed}.")


def _bart_like(module: PreTrainedModel, family: str) -> Anatomy:
    core, config = module.get_submodule("model"), module.config
    names = _names(module)
    act = str(config.activation_function)
    sides: list[Side] = []
    for name in ("encoder", "decoder"):
        side = core.get_submodule(name)
        table = _child(side, "embed_tokens")
        layers = [_bart_layer(layer, names, act) for layer in side.get_submodule("layers").children()]
        sides.append(
            Side(
                name=name,
                table_name=names.weight(table),
                table=_array(table.weight),
                scale=_scale(side, table),
                positions=_positions(_child(side, _POSITIONS), family, int(config.pad_token_id or 0)),
                embedding_norm=_norm_or_none(side, "layernorm_embedding", names),
                layers=tuple(layers),
                final_norm=_norm_or_none(side, "layer_norm", names),
                normed_before=family != "marian",
            )
        )
    head = module.get_submodule("lm_head")
    bias = getattr(module, "final_logits_bias", None)
    encoder, decoder = sides
    read, written = encoder.positions, decoder.positions
    if read is not None and written is not None and np.array_equal(read, written):
        decoder = replace(decoder, positions=read)  # sines are equal: the same memory is stored once
    return Anatomy(
        encoder=encoder,
        decoder=decoder,
        output_name=names.weight(head),
        output=_array(head.weight),
        output_bias=_array(bias).reshape(-1) if bias is not None and bool(bias.any()) else None,
        output_scale=1.0,
    )


def _bart_layer(layer: nn.Module, names: "_Names", activation: str) -> Layer:
    def attention(block: Any) -> Attention:  # noqa: ANN401 - a module of transformers
        query, key, value, output = (names.linear(_child(block, part)) for part in _BART_PARTS)
        scaling = float(block.scaling)
        return Attention(names.module(block), query, key, value, output, heads=int(block.num_heads), scaling=scaling)

    return Layer(
        attention=attention(_child(layer, "self_attn")),
        attention_norm=names.norm(_child(layer, "self_attn_layer_norm")),
        cross=attention(_child(layer, "encoder_attn")) if hasattr(layer, "encoder_attn") else None,
        cross_norm=_norm_or_none(layer, "encoder_attn_layer_norm", names),
        feed_forward=FeedForward(
            names.linear(_child(layer, "fc1")), None, names.linear(_child(layer, "fc2")), activation
        ),
        feed_forward_norm=names.norm(_child(layer, "final_layer_norm")),
    )


def _t5_like(module: PreTrainedModel) -> Anatomy:
    names, config = _names(module), module.config
    act = str(config.dense_act_fn)
    sides = []
    for name in ("encoder", "decoder"):
        stack = module.get_submodule(name)
        table = _child(stack, "embed_tokens")
        blocks = [block.get_submodule("layer") for block in stack.get_submodule("block").children()]
        first = _t5_bias(blocks[0][0].SelfAttention, names)  # type: ignore[index]
        sides.append(
            Side(
                name=name,
                table_name=names.weight(table),
                table=_array(table.weight),
                scale=1.0,
                positions=None,
                embedding_norm=None,
                layers=tuple(_t5_layer(list(block.children()), names, act, first) for block in blocks),
                final_norm=names.norm(_child(stack, "final_layer_norm")),
                normed_before=True,
            )
        )
    head = module.get_submodule("lm_head")
    scaled = bool(getattr(config, "scale_decoder_outputs", False))
    return Anatomy(
        encoder=sides[0],
        decoder=sides[1],
        output_name=names.weight(head),
        output=_array(head.weight),
        output_bias=None,
        output_scale=float(config.d_model) ** -0.5 if scaled else 1.0,
    )


def _t5_layer(parts: Sequence[nn.Module], names: "_Names", activation: str, first: RelativeBias | None) -> Layer:
    """One block: self-attention, in the decoder cross-attention, and the feed-forward part."""

    def attention(block: Any, bias: RelativeBias | None) -> Attention:  # noqa: ANN401 - a module of transformers
        query, key, value, output = (names.linear(_child(block, part)) for part in ("q", "k", "v", "o"))
        scaling, heads = float(getattr(block, "scaling", 1.0)), int(block.n_heads)
        return Attention(names.module(block), query, key, value, output, heads=heads, scaling=scaling, bias=bias)

    own, last = parts[0], parts[-1]
    cross = parts[1] if len(parts) == 3 else None
    dense = _child(last, "DenseReluDense")
    gated = hasattr(dense, "wi_0")
    block = _child(own, "SelfAttention")
    return Layer(
        attention=attention(block, _t5_bias(block, names) or first),
        attention_norm=names.norm(_child(own, "layer_norm")),
        cross=attention(_child(cross, "EncDecAttention"), None) if cross is not None else None,
        cross_norm=names.norm(_child(cross, "layer_norm")) if cross is not None else None,
        feed_forward=FeedForward(
            names.linear(_child(dense, "wi_0" if gated else "wi")),
            names.linear(_child(dense, "wi_1")) if gated else None,
            names.linear(_child(dense, "wo")),
            activation,
        ),
        feed_forward_norm=names.norm(_child(last, "layer_norm")),
    )


def _t5_bias(block: Any, names: "_Names") -> RelativeBias | None:  # noqa: ANN401 - a module of transformers
    table = getattr(block, "relative_attention_bias", None)
    if table is None:
        return None
    return RelativeBias(names.weight(table), _array(table.weight), int(block.relative_attention_max_distance))


def _positions(table: Any, family: str, pad: int) -> Floats:  # noqa: ANN401 - a module of transformers
    """Rows from the first token's position on: M2M counts behind the padding's id, mBART from 2."""
    if family == "m2m_100":
        return _array(table.weights)[pad + 1 :]
    return _array(table.weight)[int(getattr(table, "offset", 0)) if family == "mbart" else 0 :]


def _scale(side: nn.Module, table: Any) -> float:  # noqa: ANN401 - a module of transformers
    """What the embeddings are multiplied by: the table itself does it in some families, the side in others."""
    return float(getattr(table, "embed_scale", None) or getattr(side, "embed_scale", None) or 1.0)


@dataclass(frozen=True, slots=True)
class _Names:
    """The names that PyTorch gives the modules."""

    by_module: dict[int, str]
    by_memory: dict[int, str]

    def module(self, module: nn.Module) -> str:
        return self.by_module[id(module)]

    def weight(self, module: Any) -> str:  # noqa: ANN401 - a module of transformers
        """The first name of what may be tied to others."""
        return self.by_memory[module.weight.data_ptr()]

    def linear(self, module: Any) -> Linear:  # noqa: ANN401 - a module of transformers
        bias = getattr(module, "bias", None)
        return Linear(self.module(module), _array(module.weight), None if bias is None else _array(bias))

    def norm(self, module: Any) -> Norm:  # noqa: ANN401 - a module of transformers
        bias = getattr(module, "bias", None)
        epsilon = float(getattr(module, "eps", None) or module.variance_epsilon)
        return Norm(self.module(module), _array(module.weight), None if bias is None else _array(bias), epsilon=epsilon)


def _names(module: nn.Module) -> _Names:
    weights = reversed([*module.named_parameters(remove_duplicate=False)])
    modules = module.named_modules(remove_duplicate=False)
    return _Names({id(part): name for name, part in modules}, {weight.data_ptr(): name for name, weight in weights})


def _norm_or_none(parent: nn.Module, name: str, names: _Names) -> Norm | None:
    part = getattr(parent, name, None)
    return None if part is None else names.norm(part)


def _child(parent: Any, name: str) -> Any:  # noqa: ANN401 - modules of transformers
    return getattr(parent, name)


def _array(weight: Any) -> Floats:  # noqa: ANN401 - transformers' modules know no types of their own
    if not isinstance(weight, torch.Tensor) or weight.dtype != torch.float32:
        raise ModelError(f"A weight is {getattr(weight, 'dtype', type(weight))}, not FP32.", "Load the model in FP32.")
    return np.asarray(weight.detach().numpy())
