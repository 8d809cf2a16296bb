"""The layers of a transformer encoder by the names of their linear layers: what structured pruning cuts."""

from dataclasses import dataclass
from typing import Final

from torch import nn

from leanglot.errors import ModelError


@dataclass(frozen=True, slots=True)
class Block:
    """One layer of an encoder; all names are dotted, from the whole module on.

    Attributes:
        name: The layer, such as ``bert.encoder.layer.0``.
        query: Linear layer of the queries; its outputs are the heads', one after the other.
        key: Of the keys.
        value: Of the values.
        attention_output: Linear layer behind the attention; its inputs are the heads'.
        ffn_input: Linear layer into the feed-forward block; its outputs are the neurons.
        ffn_output: Linear layer out of it; its inputs are the neurons.
        head_size: Width of a head.
    """

    name: str
    query: str
    key: str
    value: str
    attention_output: str
    ffn_input: str
    ffn_output: str
    head_size: int


@dataclass(frozen=True, slots=True)
class _Family:
    attention: str
    query: str
    key: str
    value: str
    attention_output: str
    ffn_input: str
    ffn_output: str


_FAMILIES: Final = (
    _Family(
        "attention.self",
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    ),
    _Family(
        "attention",
        "attention.q_lin",
        "attention.k_lin",
        "attention.v_lin",
        "attention.out_lin",
        "ffn.lin1",
        "ffn.lin2",
    ),
)


def blocks_of(module: nn.Module) -> tuple[Block, ...]:
    """The layers of an encoder, in order.

    Raises:
        ModelError: It has none of a known form; says what was looked for.
    """
    modules = dict(module.named_modules())
    found = [
        Block(
            name=name,
            query=f"{name}.{family.query}",
            key=f"{name}.{family.key}",
            value=f"{name}.{family.value}",
            attention_output=f"{name}.{family.attention_output}",
            ffn_input=f"{name}.{family.ffn_input}",
            ffn_output=f"{name}.{family.ffn_output}",
            head_size=int(modules[f"{name}.{family.attention}"].attention_head_size),
        )
        for name in modules
        for family in _FAMILIES
        if all(
            isinstance(modules.get(f"{name}.{part}"), nn.Linear)
            for part in (family.query, family.key, family.value, family.attention_output)
        )
    ]
    if not found:
        raise ModelError(f"{type(module).__name__} has no layers of a known form.", "")
    return tuple(found)


def heads_of(module: nn.Module, block: Block) -> int:
    """Number of attention heads that a layer has now."""
    return _linear(module, block.query).out_features // block.head_size


def neurons_of(module: nn.Module, block: Block) -> int:
    """Number of neurons that a layer's feed-forward block has now."""
    return _linear(module, block.ffn_input).out_features


def _linear(module: nn.Module, name: str) -> nn.Linear:
    layer = module.get_submodule(name)
    if not isinstance(layer, nn.Linear):
        raise ModelError(f"{name} is a {type(layer).__name__}, not a linear layer.", "")
    return layer
