"""The layers of encoder-decoder models by the names of their linear layers: what pruning cuts on either side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import nn

from leanglot.errors import ModelError
from leanglot.models.structure import cut_units, linear_at, update_known

Side = Literal["encoder", "decoder"]
Place = Literal["encoder", "decoder", "cross"]


@dataclass(frozen=True, slots=True)
class Units:
    """The heads of one attention, or the neurons of one feed-forward block; all names are dotted.

    Attributes:
        place: Where: self-attention or feed-forward block of the ``encoder`` or the ``decoder``, or the decoder's
            ``cross`` attention to the encoder.
        layer: Which layer of its side, counted from 0.
        name: The attention or the block, such as ``model.decoder.layers.0.encoder_attn``.
        before: Linear layers whose outputs are the units', one unit after the other.
        behind: Linear layer whose inputs they are.
        width: Values per unit: the width of a head; 1 for neurons.
        tied: Whether all layers of the place must have the same units: T5's heads share one table of position biases.
    """

    place: Place
    layer: int
    name: str
    before: tuple[str, ...]
    behind: str
    width: int
    tied: bool = False

    @property
    def told(self) -> str:
        """How messages name it."""
        return f"layer {self.layer} of the {self.place}" if self.place != "cross" else f"cross-attention {self.layer}"


@dataclass(frozen=True, slots=True)
class _Family:
    """Names inside a model and of its config's settings."""

    stacks: Mapping[Side, str]
    layers: str
    attentions: Mapping[Place, str]
    inner: tuple[str, str, str]
    outer: str
    head_size: str
    blocks: Mapping[Side, str]
    ffn_inner: tuple[tuple[str, ...], ...]
    ffn_outer: str
    depth: Mapping[Side, str]
    heads: Mapping[Place, str]
    neurons: Mapping[Side, str]
    tied: bool = False


_BART: Final = _Family(
    stacks={"encoder": "model.encoder", "decoder": "model.decoder"},
    layers="layers",
    attentions={"encoder": "self_attn", "decoder": "self_attn", "cross": "encoder_attn"},
    inner=("q_proj", "k_proj", "v_proj"),
    outer="out_proj",
    head_size="head_dim",
    blocks={"encoder": "", "decoder": ""},
    ffn_inner=(("fc1",),),
    ffn_outer="fc2",
    depth={"encoder": "encoder_layers", "decoder": "decoder_layers"},
    heads={
        "encoder": "encoder_attention_heads",
        "decoder": "decoder_attention_heads",
        "cross": "decoder_attention_heads",
    },
    neurons={"encoder": "encoder_ffn_dim", "decoder": "decoder_ffn_dim"},
)
_T5: Final = _Family(
    stacks={"encoder": "encoder", "decoder": "decoder"},
    layers="block",
    attentions={
        "encoder": "layer.0.SelfAttention",
        "decoder": "layer.0.SelfAttention",
        "cross": "layer.1.EncDecAttention",
    },
    inner=("q", "k", "v"),
    outer="o",
    head_size="key_value_proj_dim",
    blocks={"encoder": "layer.1.DenseReluDense", "decoder": "layer.2.DenseReluDense"},
    ffn_inner=(("wi",), ("wi_0", "wi_1")),
    ffn_outer="wo",
    depth={"encoder": "num_layers", "decoder": "num_decoder_layers"},
    heads={"encoder": "num_heads", "decoder": "num_heads", "cross": "num_heads"},
    neurons={"encoder": "d_ff", "decoder": "d_ff"},
    tied=True,
)
# By model_type, not by names alone: others have the same names and compute with a fixed number of heads.
_FAMILIES: Final = {"marian": _BART, "m2m_100": _BART, "mbart": _BART, "t5": _T5, "mt5": _T5}
_SIDES: Final[tuple[Side, ...]] = ("encoder", "decoder")
PLACES: Final[tuple[Place, ...]] = ("encoder", "decoder", "cross")
"""The order in which heads are counted: the encoder's layers, the decoder's, then the decoder's cross-attentions."""


def depths_of(module: nn.Module) -> dict[Side, int]:
    """Number of layers of each side.

    Raises:
        ModelError: The family is not known, or the layers are not those that the config tells of.
    """
    return {side: len(layers) for side, layers in _layers_of(module).items()}


def attentions_of(module: nn.Module) -> tuple[Units, ...]:
    """The heads of every attention, in the order of `PLACES`.

    Raises:
        ModelError: See `depths_of`.
    """
    family = _family(module)
    names = _layers_of(module)
    found = []
    for place in PLACES:
        side: Side = "encoder" if place == "encoder" else "decoder"
        for layer, name in enumerate(names[side]):
            attention = f"{name}.{family.attentions[place]}"
            width = int(getattr(module.get_submodule(attention), family.head_size))
            before = tuple(f"{attention}.{part}" for part in family.inner)
            found.append(Units(place, layer, attention, before, f"{attention}.{family.outer}", width, family.tied))
    return tuple(found)


def feed_forwards_of(module: nn.Module) -> tuple[Units, ...]:
    """The neurons of every feed-forward block: the encoder's layers, then the decoder's.

    Raises:
        ModelError: See `depths_of`.
    """
    family = _family(module)
    found = []
    for side, names in _layers_of(module).items():
        for layer, name in enumerate(names):
            block = ".".join(filter(None, (name, family.blocks[side])))
            inner = _inner_of(module, block, family)
            found.append(
                Units(side, layer, block, tuple(f"{block}.{part}" for part in inner), f"{block}.{family.ffn_outer}", 1)
            )
    return tuple(found)


def linear_layers_of(module: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers of both sides by name, without the output projection, whose table is the vocabulary's.

    Raises:
        ModelError: See `depths_of`.
    """
    stacks = tuple(_family(module).stacks.values())
    return {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear) and name.startswith(tuple(f"{stack}." for stack in stacks))
    }


def count_of(module: nn.Module, units: Units) -> int:
    """How many of the units there are now."""
    return linear_at(module, units.behind).in_features // units.width


def heads_key(module: nn.Module, place: Place) -> str:
    """What the family's config calls the number of heads."""
    return _family(module).heads[place]


def neurons_key(module: nn.Module, side: Side) -> str:
    """What the family's config calls the number of neurons."""
    return _family(module).neurons[side]


def heads_tell_width(module: nn.Module) -> bool:
    """Whether the config's number of heads also tells how wide one is, so that it must stay as it is."""
    return not _family(module).tied


def cache_follows_decoder(module: nn.Module) -> bool:
    """Whether transformers gives the decoder's cache the decoder's layers; T5's gets as many as the encoder has."""
    return not _family(module).tied


def cut(module: nn.Module, units: Units, keep: Sequence[int]) -> None:
    """Leave some of the units, in place: the linear layers get smaller weights of their own.

    Args:
        module: Changed; the tensors that it had before are not.
        units: The heads or the neurons.
        keep: Those that stay, counted from 0, ascending.
    """
    columns = (torch.tensor(keep)[:, None] * units.width + torch.arange(units.width)).flatten()
    cut_units(module, units.before, units.behind, columns)
    owner = module.get_submodule(units.name)
    if units.name != units.behind.rpartition(".")[0] or units.width == 1:
        return
    update_known(owner, {"num_heads": len(keep), "n_heads": len(keep), "inner_dim": len(columns)})
    biases = getattr(owner, "relative_attention_bias", None)
    if isinstance(biases, nn.Embedding):
        kept = torch.tensor(keep, device=biases.weight.device)
        weight = biases.weight.detach().index_select(1, kept)
        biases.weight = nn.Parameter(weight, requires_grad=biases.weight.requires_grad)
        biases.embedding_dim = len(keep)


def cut_layers(module: nn.Module, keep: Mapping[Side, Sequence[int]]) -> None:
    """Leave each side some of its layers, in place; the layers know their new places.

    Where T5's first layer goes, the next one takes over the position biases that it keeps for all.

    Args:
        module: Changed, and its config; the tensors of its layers are not.
        keep: By side, the layers that stay, counted from 0, ascending.
    """
    family = _family(module)
    names = _layers_of(module)
    for side, chosen in keep.items():
        stack = module.get_submodule(family.stacks[side])
        layers = [module.get_submodule(names[side][index]) for index in chosen]
        _hand_on_biases(module.get_submodule(names[side][0]), layers[0], family.attentions[side])
        setattr(stack, family.layers, nn.ModuleList(layers))
        for number, layer in enumerate(layers):
            for part in layer.modules():
                update_known(part, {"layer_idx": number})
    depths = {family.depth[side]: len(chosen) for side, chosen in keep.items()}
    update_known(module.config, depths)
    if family.tied:  # each side of T5 has a config of its own, which counts its layers under the encoder's name
        for side, chosen in keep.items():
            own = module.get_submodule(family.stacks[side]).config
            update_known(own, {**depths, family.depth["encoder"]: len(chosen)})


def _hand_on_biases(first: nn.Module, heir: nn.Module, attention: str) -> None:
    owner, taker = first.get_submodule(attention), heir.get_submodule(attention)
    biases = getattr(owner, "relative_attention_bias", None)
    if biases is not None and taker is not owner:
        update_known(taker, {"has_relative_attention_bias": True})
        taker.relative_attention_bias = biases


def _layers_of(module: nn.Module) -> dict[Side, list[str]]:
    """Names of the layers of each side, checked."""
    family = _family(module)
    found: dict[Side, list[str]] = {}
    for side in _SIDES:
        place = f"{family.stacks[side]}.{family.layers}"
        layers = module.get_submodule(place)
        names = [f"{place}.{name}" for name, _ in layers.named_children()]
        told = int(getattr(module.config, family.depth[side]))
        sound = [name for name in names if _is_whole(module, name, side, family)]
        if not names or len(sound) != told:
            raise ModelError(
                f"{len(sound)} of the {told} layers of the {side} of {type(module).__name__} have the linear layers "
                f"{', '.join((*family.inner, family.outer, family.ffn_outer))}.",
                "Start from the model as it was trained: not quantized, without adapters.",
            )
        found[side] = sound
    return found


def _is_whole(module: nn.Module, name: str, side: Side, family: _Family) -> bool:
    places: tuple[Place, ...] = ("encoder",) if side == "encoder" else ("decoder", "cross")
    parts = [f"{family.attentions[place]}.{part}" for place in places for part in (*family.inner, family.outer)]
    block = ".".join(filter(None, (family.blocks[side], family.ffn_outer)))
    layers = dict(module.get_submodule(name).named_modules())
    return all(type(layers.get(part)) is nn.Linear for part in (*parts, block))


def _inner_of(module: nn.Module, block: str, family: _Family) -> tuple[str, ...]:
    own = module.get_submodule(block)
    for names in family.ffn_inner:
        if all(isinstance(getattr(own, name, None), nn.Linear) for name in names):
            return names
    raise ModelError(
        f"{block} of {type(module).__name__} has none of the linear layers "
        f"{' or '.join('+'.join(names) for names in family.ffn_inner)}.",
        "Start from the model as it was trained: not quantized, without adapters.",
    )


def _family(module: nn.Module) -> _Family:
    kind = str(getattr(getattr(module, "config", None), "model_type", ""))
    if kind not in _FAMILIES:
        raise ModelError(
            f"The layers of {type(module).__name__} (model type {kind or 'unknown'}) are not of a known form.",
            f"Allowed are {', '.join(_FAMILIES)}.",
        )
    return _FAMILIES[kind]
