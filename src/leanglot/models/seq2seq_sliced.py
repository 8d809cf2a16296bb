"""Encoder-decoder models whose layers differ in shape: what config.json says of it, and how they are loaded from it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn
from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedModel
from transformers.initialization import no_init_weights

from leanglot.errors import ModelError
from leanglot.models.seq2seq_structure import (
    PLACES,
    Place,
    Side,
    Units,
    attentions_of,
    count_of,
    cut,
    feed_forwards_of,
    heads_key,
    heads_tell_width,
    neurons_key,
)
from leanglot.models.sliced import STRUCTURE_KEY, read_tensors
from leanglot.quiet import quiet_transformers

_Count = Annotated[int, Field(strict=True, ge=1)]
_P = TypeVar("_P", Place, Side)
_SIDES: Final[tuple[Side, ...]] = ("encoder", "decoder")


class Seq2SeqStructure(BaseModel):
    """What transformers' own configs cannot say of both sides: the key ``leanglot_structure`` in config.json.

    Attributes:
        heads: Attention heads of each layer, by place; a place whose layers all have the config's number is missing.
        neurons: Neurons of each layer's feed-forward block, by side; a side whose layers all have the config's number
            is missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    heads: dict[Place, tuple[_Count, ...]] = {}
    neurons: dict[Side, tuple[_Count, ...]] = {}


def record_structure(module: PreTrainedModel) -> None:
    """Have a module's config describe the heads and neurons that it has now, so that it can be loaded again.

    Numbers that transformers' own settings can tell are told there, so that plain transformers loads such a model. The
    number of heads stays where it also tells a head's width.

    Args:
        module: Its config is changed.
    """
    config = module.config
    heads = _by_place(module, attentions_of(module), PLACES)
    neurons = _by_place(module, feed_forwards_of(module), _SIDES)
    for side in _SIDES:
        key = neurons_key(module, side)
        alike = [neurons[other] for other in _SIDES if neurons_key(module, other) == key]
        setattr(config, key, max(max(counts) for counts in alike))
    if not heads_tell_width(module):
        setattr(config, heads_key(module, "encoder"), max(max(counts) for counts in heads.values()))
    structure = Seq2SeqStructure(
        heads={
            place: some for place, some in heads.items() if set(some) != {getattr(config, heads_key(module, place))}
        },
        neurons={
            side: some for side, some in neurons.items() if set(some) != {getattr(config, neurons_key(module, side))}
        },
    )
    if structure != Seq2SeqStructure():
        setattr(config, STRUCTURE_KEY, structure.model_dump(mode="json"))
    elif hasattr(config, STRUCTURE_KEY):
        delattr(config, STRUCTURE_KEY)


def build_seq2seq(folder: Path) -> PreTrainedModel:
    """The model that a folder's config describes, its parameters without values: that takes neither time nor memory.

    Raises:
        ModelError: The config is damaged, or its structure does not fit the rest of it.
    """
    path = folder / "config.json"
    try:
        with quiet_transformers(), no_init_weights():
            config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
            module = AutoModelForSeq2SeqLM.from_config(config, dtype=torch.float32, trust_remote_code=False)
    except Exception as error:  # transformers raises many types for a config it cannot read
        raise ModelError(
            f"transformers cannot build a model from {path}: {str(error)[:300]}",
            "The file may be damaged: make the artifact again.",
        ) from error
    if (stored := getattr(module.config, STRUCTURE_KEY, None)) is not None:
        structure = _structure(stored, path)
        _shape(module, attentions_of(module), structure.heads.items(), "heads", path)
        _shape(module, feed_forwards_of(module), structure.neurons.items(), "neurons", path)
    built: PreTrainedModel = module
    return built


def load_sliced_seq2seq(folder: Path) -> PreTrainedModel:
    """Load an encoder-decoder model of which `is_sliced` is true; its outputs are those of the model that was saved.

    Returns:
        The model, float32, in evaluation mode.

    Raises:
        ModelError: The config or the weights are damaged, or do not belong together.
    """
    path = folder / "model.safetensors"
    module = build_seq2seq(folder)
    tensors = read_tensors(path)
    try:
        missing, unexpected = module.load_state_dict(tensors, strict=False, assign=True)
    except RuntimeError as error:
        raise _misfit(path, " ".join(str(error).split())[:300]) from error
    left = set(missing)
    with quiet_transformers():
        module.tie_weights(missing_keys=left, recompute_mapping=False)
    left -= _computed(module, left)
    if left or unexpected:
        told = [f"it lacks {', '.join(sorted(left)[:4])}"] if left else []
        told += [f"it has {', '.join(sorted(unexpected)[:4])} too many"] if unexpected else []
        raise _misfit(path, " and ".join(told))
    _read_generation(module, folder)
    loaded: PreTrainedModel = module.eval()
    return loaded


def _computed(module: PreTrainedModel, missing: set[str]) -> set[str]:
    """Names of the missing tables that are computed, not learned: Marian's sinusoidal positions; they are filled in."""
    filled = set()
    for name in missing:
        owner = module.get_submodule(name.rpartition(".")[0])
        make = getattr(owner, "create_weight", None)
        if callable(make):
            owner.weight = nn.Parameter(make(), requires_grad=False)
            filled.add(name)
    return filled


def _read_generation(module: PreTrainedModel, folder: Path) -> None:
    if not (folder / "generation_config.json").is_file():
        return
    try:
        with quiet_transformers():
            module.generation_config = type(module.generation_config).from_pretrained(
                str(folder), local_files_only=True
            )
    except Exception as error:  # transformers raises many types for a config it cannot read
        raise ModelError(
            f"{folder / 'generation_config.json'} cannot be read: {str(error)[:300]}", "Save the model again."
        ) from error


def _misfit(path: Path, what: str) -> ModelError:
    return ModelError(
        f"{path} does not fit config.json: {what}.",
        "The files may be damaged, or of two models: save the model again.",
    )


def _structure(stored: object, path: Path) -> Seq2SeqStructure:
    try:
        return Seq2SeqStructure.model_validate(stored)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in (STRUCTURE_KEY, *first["loc"]))
        raise ModelError(
            f"{path}: {where}: {first['msg']}", "The file may be damaged: save or make the model again."
        ) from error


def _by_place(module: nn.Module, all_units: Sequence[Units], places: Sequence[_P]) -> dict[_P, tuple[int, ...]]:
    counts: dict[str, list[int]] = {}
    for units in all_units:
        counts.setdefault(units.place, []).append(count_of(module, units))
    return {place: tuple(counts[place]) for place in places}


def _shape(
    module: PreTrainedModel,
    all_units: Sequence[Units],
    asked: Iterable[tuple[str, tuple[int, ...]]],
    kind: str,
    path: Path,
) -> None:
    """Cut the units of a module that has no values yet, to how many the config gives, which are no more than it has."""
    for place, counts in asked:
        own = [units for units in all_units if units.place == place]
        if len(counts) != len(own):
            raise _wrong(path, f"{kind}.{place} gives {len(counts):,} layers, and the model has {len(own)}")
        for units, count in zip(own, counts, strict=True):
            if count > (whole := count_of(module, units)):
                raise _wrong(path, f"{kind}.{place} gives {count:,} in a layer, and the config allows {whole:,}")
            for name in (*units.before, units.behind):
                _forget_values(module.get_submodule(name))
            cut(module, units, range(count))


def _wrong(path: Path, what: str) -> ModelError:
    return ModelError(f"{path}: {STRUCTURE_KEY}.{what}.", "The file may be damaged: save or make the model again.")


def _forget_values(layer: nn.Module) -> None:
    """Leave a linear layer its shapes alone, so that cutting it costs nothing."""
    for name, weight in list(layer.named_parameters()):
        setattr(layer, name, nn.Parameter(weight.detach().to("meta"), requires_grad=weight.requires_grad))
