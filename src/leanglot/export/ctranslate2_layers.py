"""The weights of an encoder-decoder of transformers under CTranslate2's names: one specification for all families."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from leanglot.errors import RecipeError
from leanglot.extras import require

ACTIVATIONS: Final = {
    "gelu": "GELU",
    "gelu_fast": "GELUTanh",
    "gelu_new": "GELUTanh",
    "gelu_python": "GELU",
    "gelu_pytorch_tanh": "GELUTanh",
    "quick_gelu": "GELUSigmoid",
    "relu": "RELU",
    "silu": "SWISH",
    "swish": "SWISH",
}
"""CTranslate2's name of each activation that it computes."""

PRE_NORM: Final = {"marian": False, "m2m_100": True, "mbart": True, "t5": True, "mt5": True}
"""The families that can be written, and whether their layers normalize before they compute."""

NEVER: Final = -1e9
"""Logit of a token that must not be generated; its probability is 0 in every type of number."""

Tensor = torch.Tensor
Spec = Any
"""Of CTranslate2, which has no types."""
Part = Any
"""A layer whose parts depend on the family."""


@dataclass(frozen=True, slots=True)
class _Attention:
    """One attention's projections, whatever the family calls them.

    Attributes:
        query: Shape (heads × dim, width); so are the next two.
        key: See `query`.
        value: See `query`.
        out: Shape (width, heads × dim).
        dim: Width of a head.
    """

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    out: nn.Linear
    dim: int

    @property
    def heads(self) -> int:
        """Heads that are left."""
        return int(self.query.weight.shape[0]) // self.dim


def specify(module: PreTrainedModel, family: str, never: Sequence[int]) -> Spec:
    """CTranslate2's specification of a model, its weights not yet quantized.

    Args:
        module: Left as it is; the specification shares its tensors where it can.
        family: Its model type.
        never: Ids that must not be generated.

    Returns:
        A ``TransformerSpec``, without vocabularies and config.

    Raises:
        RecipeError: CTranslate2 does not know the family, or the activation.
    """
    if family not in PRE_NORM:
        raise RecipeError(
            f"CTranslate2 does not run models of the type {family} here.",
            f"Allowed are {', '.join(PRE_NORM)}; take runtime onnxruntime for others.",
        )
    with torch.no_grad():
        return _t5(module, never) if family in {"t5", "mt5"} else _bart(module, family, never)


def uneven_heads(module: PreTrainedModel) -> tuple[str, ...]:
    """What is told where the attentions of a side differ in their number of heads, which CTranslate2's do not."""
    lacking = total = 0
    for attentions in map(_attentions, (module.get_encoder(), module.get_decoder())):
        heads = [attention.heads for attention in attentions]
        lacking += sum(max(heads) - own for own in heads)
        total += sum(heads)
    if not lacking:
        return ()
    zeros = f"{lacking:,} heads of zeros were added to the {total:,} that are left; they cost time and answer nothing"
    return (f"CTranslate2 has one number of heads per side: {zeros}.",)


def _attentions(side: nn.Module) -> list[_Attention]:
    """All attentions of an encoder or a decoder."""
    parts: Iterable[Any] = side.modules()
    return [
        _of_bart(part) if hasattr(part, "q_proj") else _of_t5(part)
        for part in parts
        if hasattr(part, "q_proj") or (hasattr(part, "key_value_proj_dim") and hasattr(part, "q"))
    ]


def _bart(module: PreTrainedModel, family: str, never: Sequence[int]) -> Spec:
    """Marian, M2M-100 with NLLB, and mBART, which share the layers of BART."""
    sides = (module.model.encoder, module.model.decoder)
    activation = _activation(module.config.activation_function)
    embedding_norm = hasattr(sides[0], "layernorm_embedding")
    options = {"pre_norm": PRE_NORM[family], "activation": activation, "layernorm_embedding": embedding_norm}
    spec = _empty(sides, [len(side.layers) for side in sides], options)
    for own, side in zip((spec.encoder, spec.decoder), sides, strict=True):
        own.scale_embeddings = _scale(side)
        own.position_encodings.encodings = _positions(side.embed_positions)
        _embeddings(own).weight = side.embed_tokens.weight
        if hasattr(side, "layer_norm"):
            _norm(own.layer_norm, side.layer_norm)
        if embedding_norm:
            _norm(own.layernorm_embedding, side.layernorm_embedding)
        for layer_spec, layer in zip(own.layer, side.layers, strict=True):
            _self_attention(layer_spec.self_attention, _of_bart(layer.self_attn), int(own.num_heads))
            _norm(layer_spec.self_attention.layer_norm, layer.self_attn_layer_norm)
            if hasattr(layer, "encoder_attn"):
                _cross_attention(layer_spec.attention, _of_bart(layer.encoder_attn), int(own.num_heads))
                _norm(layer_spec.attention.layer_norm, layer.encoder_attn_layer_norm)
            _linear(layer_spec.ffn.linear_0, layer.fc1)
            _linear(layer_spec.ffn.linear_1, layer.fc2)
            _norm(layer_spec.ffn.layer_norm, layer.final_layer_norm)
    _projection(spec.decoder.projection, module, never)
    return spec


def _t5(module: PreTrainedModel, never: Sequence[int]) -> Spec:
    """T5 and mT5."""
    config = module.config
    options = {
        "pre_norm": True,
        "activation": _activation(config.dense_act_fn),
        "ffn_glu": config.is_gated_act,
        "relative_attention_bias": True,
        "rms_norm": True,
    }
    sides: tuple[Part, Part] = (module.encoder, module.decoder)
    spec = _empty(sides, [len(side.block) for side in sides], options)
    for own, side in zip((spec.encoder, spec.decoder), sides, strict=True):
        own.scale_embeddings = False
        _embeddings(own).weight = side.embed_tokens.weight
        own.layer_norm.gamma = side.final_layer_norm.weight
        heads, first = int(own.num_heads), side.block[0].layer[0].SelfAttention
        for layer_spec, block in zip(own.layer, side.block, strict=True):
            attention = block.layer[0].SelfAttention
            _check_whole(attention, first)
            _self_attention(layer_spec.self_attention, _of_t5(attention), heads)
            _relative(layer_spec.self_attention, first, heads)
            layer_spec.self_attention.layer_norm.gamma = block.layer[0].layer_norm.weight
            if len(block.layer) == 3:  # with a cross-attention between self-attention and feed-forward
                _cross_attention(layer_spec.attention, _of_t5(block.layer[1].EncDecAttention), heads)
                layer_spec.attention.queries_scale = 1.0
                layer_spec.attention.layer_norm.gamma = block.layer[1].layer_norm.weight
            _t5_ffn(layer_spec.ffn, block.layer[-1])
    if getattr(config, "scale_decoder_outputs", False):
        spec.decoder.scale_outputs = float(config.d_model) ** -0.5
    _projection(spec.decoder.projection, module, never)
    return spec


def _t5_ffn(spec: Spec, layer: Part) -> None:
    dense = layer.DenseReluDense
    if hasattr(spec, "linear_0_noact"):
        _linear(spec.linear_0, dense.wi_0)
        _linear(spec.linear_0_noact, dense.wi_1)
    else:
        _linear(spec.linear_0, dense.wi)
    _linear(spec.linear_1, dense.wo)
    spec.layer_norm.gamma = layer.layer_norm.weight


def _check_whole(attention: Part, first: Part) -> None:
    """T5 computes the bias of positions once, for the heads of the first layer."""
    if _of_t5(attention).heads != _of_t5(first).heads:
        raise RecipeError(
            "The self-attentions of this T5 have different numbers of heads, which CTranslate2 cannot share a "
            "position bias among.",
            "Leave head pruning out, or take runtime onnxruntime.",
        )


def _relative(spec: Spec, first: Part, heads: int) -> None:
    table = first.relative_attention_bias.weight  # (buckets, heads)
    spec.queries_scale = 1.0
    spec.relative_attention_bias = nn.functional.pad(table, (0, heads - table.shape[1]))
    spec.relative_attention_max_distance = np.int32(first.relative_attention_max_distance)


def _empty(sides: Sequence[nn.Module], layers: Sequence[int], options: dict[str, Any]) -> Spec:
    """A specification with the layers and heads of a model, to be filled.

    CTranslate2 has one number of heads per side, so that each attention gets as many as the one with the most.
    """
    specs = require("ctranslate2.specs.transformer_spec", "translation")
    made = []
    for make, side, depth in zip(
        (specs.TransformerEncoderSpec, specs.TransformerDecoderSpec), sides, layers, strict=True
    ):
        attentions = _attentions(side)
        heads, dim = max(attention.heads for attention in attentions), attentions[0].dim
        width = attentions[0].query.weight.shape[1]
        own = {} if heads * dim == width else {"head_dim": dim}
        made.append(make(depth, heads, **options, **own))
    return specs.TransformerSpec(*made)


def _of_bart(attention: Part) -> _Attention:
    return _Attention(attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj, attention.head_dim)


def _of_t5(attention: Part) -> _Attention:
    return _Attention(attention.q, attention.k, attention.v, attention.o, attention.key_value_proj_dim)


def _self_attention(spec: Spec, own: _Attention, heads: int) -> None:
    _fused(spec.linear[0], (own.query, own.key, own.value), heads * own.dim)
    _out(spec.linear[1], own, heads)


def _cross_attention(spec: Spec, own: _Attention, heads: int) -> None:
    _fused(spec.linear[0], (own.query,), heads * own.dim)
    _fused(spec.linear[1], (own.key, own.value), heads * own.dim)
    _out(spec.linear[2], own, heads)


def _fused(spec: Spec, layers: Iterable[nn.Linear], rows: int) -> None:
    """Several projections below each other; heads that a layer lacks are zero, and so is what they answer."""
    layers = tuple(layers)
    spec.weight = _joined([_with_rows(layer.weight, rows) for layer in layers])
    if any(layer.bias is not None for layer in layers):
        spec.bias = _joined(
            [layer.weight.new_zeros(rows) if layer.bias is None else _with_rows(layer.bias, rows) for layer in layers]
        )


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _with_rows(values: Tensor, rows: int) -> Tensor:
    lacking = rows - values.shape[0]
    return torch.cat([values, values.new_zeros((lacking, *values.shape[1:]))]) if lacking else values


def _out(spec: Spec, own: _Attention, heads: int) -> None:
    spec.weight = nn.functional.pad(own.out.weight, (0, heads * own.dim - own.out.weight.shape[1]))
    if own.out.bias is not None:
        spec.bias = own.out.bias


def _linear(spec: Spec, layer: nn.Linear) -> None:
    spec.weight = layer.weight
    if layer.bias is not None:
        spec.bias = layer.bias


def _norm(spec: Spec, layer: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = layer.weight, layer.bias


def _embeddings(side: Spec) -> Spec:
    return side.embeddings[0] if isinstance(side.embeddings, list) else side.embeddings


def _scale(side: Part) -> float:
    """What a side multiplies its embeddings by, on its own or in the table's own layer."""
    return float(getattr(side, "embed_scale", getattr(side.embed_tokens, "embed_scale", 1.0)))


def _positions(layer: Part) -> Tensor:
    """The vectors of the positions from the first one that a token gets."""
    if hasattr(layer, "weights"):  # M2M-100: sinusoids whose rows up to the padding's are never used
        weights: Tensor = layer.weights
        return weights[int(layer.padding_idx) + 1 :]
    weight: Tensor = layer.weight
    return weight[int(getattr(layer, "offset", 0)) :]


def _projection(spec: Spec, module: PreTrainedModel, never: Sequence[int]) -> None:
    """The output layer; what must not be generated gets a bias that rules it out."""
    head: Any = module.lm_head
    spec.weight = head.weight
    bias = head.weight.new_zeros(head.weight.shape[0]) if head.bias is None else head.bias.clone()
    if (more := getattr(module, "final_logits_bias", None)) is not None:
        bias += more.flatten()
    if never:
        bias[list(never)] = NEVER
    if bool((bias != 0).any()):
        spec.bias = bias


def _activation(name: str) -> Spec:
    common: ModuleType = require("ctranslate2.specs.common_spec", "translation")
    if name not in ACTIVATIONS:
        raise RecipeError(
            f"CTranslate2 does not compute the activation {name}.",
            f"Allowed are {', '.join(ACTIVATIONS)}; take runtime onnxruntime for others.",
        )
    return getattr(common.Activation, ACTIVATIONS[name])
