"""The layers of a transformer encoder by the names of their linear layers: what structured pruning cuts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from leanglot.errors import ModelError


@dataclass(frozen=True, slots=True)
class Block:
    """One layer of an encoder; all names are dotted, from the whole module on.

    Attributes:
        name: The layer, such as ``bert.encoder.layer.0``.
        query: Linear layer of the queries; its outputs are the heads', one after the other.
        key: Of the keys.
        value: Of the values. Where one layer computes all three, as in ModernBERT, each has its name, and its outputs
            are the queries of all heads, then the keys, then the values.
        attention_output: Linear layer behind the attention; its inputs are the heads'.
        ffn_input: Linear layer into the feed-forward block; its outputs are the neurons, in a gated block twice: the
            neurons, then their gates.
        ffn_output: Linear layer out of it; its inputs are the neurons.
        head_size: Width of a head.
        removable: Whether the model can do without the layer; ModernBERT's first has no norm before its attention, as
            all others have, so that none of them can take its place.
    """

    name: str
    query: str
    key: str
    value: str
    attention_output: str
    ffn_input: str
    ffn_output: str
    head_size: int
    removable: bool = True


@dataclass(frozen=True, slots=True)
class _Family:
    """Names inside a layer, of the attributes that tell a head's width, and of the config's number of neurons."""

    query: str
    key: str
    value: str
    attention_output: str
    ffn_input: str
    ffn_output: str
    head_size: str = "attention_head_size"
    neurons: str = "intermediate_size"
    first_removable: bool = True

    @property
    def parts(self) -> tuple[str, ...]:
        names = (self.query, self.key, self.value, self.attention_output, self.ffn_input, self.ffn_output)
        return tuple(dict.fromkeys(names))


_BERT: Final = _Family(
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
_DISTILBERT: Final = _Family(
    "attention.q_lin",
    "attention.k_lin",
    "attention.v_lin",
    "attention.out_lin",
    "ffn.lin1",
    "ffn.lin2",
    neurons="hidden_dim",
)
_MODERNBERT: Final = _Family(
    "attn.Wqkv",
    "attn.Wqkv",
    "attn.Wqkv",
    "attn.Wo",
    "mlp.Wi",
    "mlp.Wo",
    head_size="head_dim",
    first_removable=False,
)
# By model_type, not by names alone: others have the same names and compute with a fixed number of heads.
_FAMILIES: Final = {
    "bert": _BERT,
    "camembert": _BERT,
    "data2vec-text": _BERT,
    "distilbert": _DISTILBERT,
    "electra": _BERT,
    "ernie": _BERT,
    "modernbert": _MODERNBERT,
    "rembert": _BERT,
    "roberta": _BERT,
    "roberta-prelayernorm": _BERT,
    "xlm-roberta": _BERT,
    "xlm-roberta-xl": _BERT,
    "xmod": _BERT,
}
_PER_HEAD: Final = "its attention adds relative positions with parameters per head, which the cut would tear apart"
_REFUSED: Final = {
    "albert": "all of its layers share one set of weights, so that none can be cut alone",
    "deberta": _PER_HEAD,
    "deberta-v2": _PER_HEAD,
    "mpnet": _PER_HEAD,
}


def blocks_of(module: nn.Module) -> tuple[Block, ...]:
    """The layers of an encoder, in order.

    Raises:
        ModelError: It has none of a known form; says what was looked for.
    """
    family = _family(module)
    modules = dict(module.named_modules())
    names = [name for name in modules if all(type(modules.get(f"{name}.{part}")) is nn.Linear for part in family.parts)]
    told = int(getattr(module.config, "num_hidden_layers", 0))
    if not names or len(names) != told:
        raise ModelError(
            f"{len(names)} of the {told} layers of {type(module).__name__} have the linear layers "
            f"{', '.join(family.parts)}.",
            "Start from the model as it was trained: not quantized, without adapters.",
        )
    blocks = tuple(
        Block(
            name=name,
            query=f"{name}.{family.query}",
            key=f"{name}.{family.key}",
            value=f"{name}.{family.value}",
            attention_output=f"{name}.{family.attention_output}",
            ffn_input=f"{name}.{family.ffn_input}",
            ffn_output=f"{name}.{family.ffn_output}",
            head_size=int(getattr(modules[_parent(f"{name}.{family.query}")], family.head_size)),
            removable=place > 0 or family.first_removable,
        )
        for place, name in enumerate(names)
    )
    if any(block.head_size < 1 for block in blocks):
        raise ModelError(
            f"The heads of {type(module).__name__} have no width.", "Check hidden_size in its config.json."
        )
    return blocks


def heads_of(module: nn.Module, block: Block) -> int:
    """Number of attention heads that a layer has now."""
    return linear_at(module, block.attention_output).in_features // block.head_size


def neurons_of(module: nn.Module, block: Block) -> int:
    """Number of neurons that a layer's feed-forward block has now."""
    return linear_at(module, block.ffn_output).in_features


def neurons_key(module: nn.Module) -> str:
    """What the config of the module's family calls the number of neurons.

    Raises:
        ModelError: The family is not known.
    """
    return _family(module).neurons


def cut_heads(module: nn.Module, block: Block, keep: Sequence[int]) -> None:
    """Leave a layer some of its heads, in place: its linear layers get smaller weights of their own.

    Args:
        module: Changed; the tensors that it had before are not.
        block: The layer.
        keep: The heads that stay, counted from 0, ascending.
    """
    columns = (torch.tensor(keep)[:, None] * block.head_size + torch.arange(block.head_size)).flatten()
    cut_units(module, (block.query, block.key, block.value), block.attention_output, columns)
    counts = {"num_attention_heads": len(keep), "n_heads": len(keep), "all_head_size": len(columns)}
    update_known(module.get_submodule(_parent(block.query)), counts)


def cut_neurons(module: nn.Module, block: Block, keep: Sequence[int]) -> None:
    """Leave a layer's feed-forward block some of its neurons, in place; see `cut_heads`."""
    cut_units(module, (block.ffn_input,), block.ffn_output, torch.tensor(keep))


def cut_layers(module: nn.Module, keep: Sequence[int]) -> None:
    """Leave a module some of its layers, in place; the layers know their new places.

    Args:
        module: Changed, and its config; the tensors of its layers are not.
        keep: The layers that stay, counted from 0, ascending.
    """
    blocks = blocks_of(module)
    place = _parent(blocks[0].name)
    encoder = module.get_submodule(_parent(place))
    layers = [module.get_submodule(blocks[index].name) for index in keep]
    setattr(encoder, place.rpartition(".")[2], nn.ModuleList(layers))
    update_known(encoder, {"n_layers": len(keep)})
    for number, layer in enumerate(layers):
        for part in layer.modules():
            update_known(part, {"layer_idx": number})
    update_known(module.config, {"num_hidden_layers": len(keep)})
    if types := getattr(module.config, "layer_types", None):
        update_known(module.config, {"layer_types": [types[index] for index in keep]})


def update_known(owner: object, values: Mapping[str, object]) -> None:
    """Set those of some attributes that an object has."""
    for name, value in values.items():
        if hasattr(owner, name):
            setattr(owner, name, value)


def cut_units(module: nn.Module, before: Iterable[str], behind: str, columns: Tensor) -> None:
    """Leave some of the values that linear layers hand to the one behind them, in place; see `cut_heads`.

    Args:
        module: Changed; the tensors that it had before are not.
        before: Names of the layers whose outputs the values are.
        behind: Name of the layer whose inputs they are.
        columns: Places of those that stay, ascending, shape (inputs that stay,).
    """
    output = linear_at(module, behind)
    width = output.in_features
    for name in dict.fromkeys(before):
        layer = linear_at(module, name)
        # One layer may compute several values per unit, each value for all of the units.
        rows = torch.cat([columns + start for start in range(0, layer.out_features, width)])
        bias = None if layer.bias is None else layer.bias.detach()[rows]
        _replace(layer, layer.weight.detach().index_select(0, rows.to(layer.weight.device)), bias)
    weight = output.weight.detach()
    _replace(output, weight.index_select(1, columns.to(weight.device)), None)


def _replace(layer: nn.Linear, weight: Tensor, bias: Tensor | None) -> None:
    """Give a linear layer another weight, and another bias where there is one."""
    layer.weight = nn.Parameter(weight, requires_grad=layer.weight.requires_grad)
    if bias is not None:
        layer.bias = nn.Parameter(bias, requires_grad=layer.bias.requires_grad)
    layer.out_features, layer.in_features = weight.shape


def _family(module: nn.Module) -> _Family:
    kind = str(getattr(getattr(module, "config", None), "model_type", ""))
    name = type(module).__name__
    if kind in _REFUSED:
        raise ModelError(f"{name} cannot be cut: {_REFUSED[kind]}.", f"Allowed are {', '.join(_FAMILIES)}.")
    if kind not in _FAMILIES:
        forms = {family.parts: None for family in _FAMILIES.values()}
        raise ModelError(
            f"The layers of {name} are not of a known form: {', or '.join(' + '.join(parts) for parts in forms)}.",
            f"Allowed are {', '.join(_FAMILIES)}.",
        )
    return _FAMILIES[kind]


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def linear_at(module: nn.Module, name: str) -> nn.Linear:
    """The linear layer of that name.

    Raises:
        ModelError: It is something else.
    """
    layer = module.get_submodule(name)
    if not isinstance(layer, nn.Linear):
        raise ModelError(f"{name} is a {type(layer).__name__}, not a linear layer.", "Start from the model itself.")
    return layer
