"""Removes heads and neurons of an encoder-decoder model by cutting its weights, or only silences them."""

from collections.abc import Mapping, Sequence
from typing import Literal

from transformers import PreTrainedModel

from leanglot.compress.choosing import NAMES
from leanglot.compress.seq2seq_importance import units_of
from leanglot.compress.slicing import Activations, bias_for, checked_places, gone_units
from leanglot.errors import RecipeError
from leanglot.models.seq2seq_sliced import record_structure
from leanglot.models.seq2seq_structure import Units, count_of, cut
from leanglot.models.structure import linear_at
from leanglot.models.text_classifier import sharing_copy
from leanglot.models.translation_model import TranslationModel

Kind = Literal["heads", "ffn"]
Keep = Sequence[Sequence[int]]


def slice_units(
    model: TranslationModel, kind: Kind, keep: Keep, instead: Sequence[Activations] | None = None
) -> PreTrainedModel:
    """Remove heads or neurons: rows of the weights before them, and columns of the weight behind them.

    Args:
        model: Left as it is; the weights of other layers are shared with it.
        kind: Heads, in the order of `attentions_of`, or neurons, in that of `feed_forwards_of`.
        keep: For each attention or block, the units that stay, counted from 0, ascending.
        instead: For each, what stands for the outputs of those that go, shape (inputs of the layer behind,): their part
            in what is computed joins the bias behind them. None, and a layer without a bias, as in T5, takes 0 for it.

    Returns:
        A new, smaller module. It answers as that of `mask_units` does with the same units, but for rounding.

    Raises:
        RecipeError: A layer would lose all of them, layers that must be alike are not, or `keep` does not fit.
        ModelError: The model's family is not known.
    """
    chosen = _checked(model, kind, keep)
    module = sharing_copy(model.module)
    for place, (units, some) in enumerate(chosen.items()):
        total = count_of(module, units)
        if len(some) == total:
            continue
        behind = linear_at(module, units.behind)
        bias = None if instead is None else bias_for(behind, some, total, instead[place])
        cut(module, units, some)
        if bias is not None:
            behind.bias = bias
    record_structure(module)
    return module


def mask_units(
    model: TranslationModel, kind: Kind, keep: Keep, instead: Sequence[Activations] | None = None
) -> PreTrainedModel:
    """Silence heads or neurons, without making anything smaller: the columns that read them become zero.

    Args:
        model: Left as it is; all other weights are shared with it.
        kind: See `slice_units`.
        keep: See `slice_units`.
        instead: See `slice_units`.

    Raises:
        RecipeError: See `slice_units`.
        ModelError: The model's family is not known.
    """
    chosen = _checked(model, kind, keep)
    layers = [linear_at(model.module, units.behind) for units in chosen]
    module = sharing_copy(model.module, {id(weight) for layer in layers for weight in layer.parameters()})
    for place, (units, some) in enumerate(chosen.items()):
        behind = linear_at(module, units.behind)
        total = count_of(module, units)
        bias = None if instead is None else bias_for(behind, some, total, instead[place])
        weight = behind.weight.detach()
        weight.view(len(weight), total, units.width)[:, gone_units(some, total)] = 0
        if bias is not None:
            behind.bias = bias
    return module


def _checked(model: TranslationModel, kind: Kind, keep: Keep) -> Mapping[Units, tuple[int, ...]]:
    """What stays, by attention or block."""
    all_units, name = units_of(model.module, kind), NAMES[kind]
    if len(keep) != len(all_units):
        raise RecipeError(
            f"The {name} that stay are given for {len(keep)} layers, and {model.name} has {len(all_units)}.",
            "Give a list for each: the encoder's layers, the decoder's, for heads then its cross-attentions.",
        )
    chosen: dict[Units, tuple[int, ...]] = {}
    for units, some in zip(all_units, keep, strict=True):
        total = count_of(model.module, units)
        if len(some) == 0:
            raise RecipeError(
                f"{units.name} ({units.told}) of {model.name} would lose all of its {total} {name}.",
                "Keep at least one in each layer, or leave the whole layer out with side-layers.",
            )
        chosen[units] = checked_places(some, total, f"{units.name} ({units.told}) has {total} {name}")
    for units, some in chosen.items():
        alike = next(other for other in chosen if other.place == units.place)
        if units.tied and some != chosen[alike]:
            raise RecipeError(
                f"{units.name} would keep other heads than {alike.name}: the layers of a side of {model.name} "
                "share one table of position biases per head.",
                "Keep the same heads in all of them.",
            )
    return chosen
