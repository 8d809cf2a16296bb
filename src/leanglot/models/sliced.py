"""Models whose layers differ in shape: what their config.json says of it, and how they are built and loaded from it."""

import json
from pathlib import Path
from typing import Annotated, Final

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel
from transformers.initialization import no_init_weights

from leanglot.errors import ModelError
from leanglot.models.structure import Block, blocks_of, cut_heads, cut_neurons, heads_of, neurons_key, neurons_of
from leanglot.quiet import quiet_transformers

STRUCTURE_KEY: Final = "leanglot_structure"

_LEGACY: Final = {".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"}
_Count = Annotated[int, Field(strict=True, ge=1)]


class Structure(BaseModel):
    """What transformers' own configs cannot say of an encoder: the key ``leanglot_structure`` in config.json.

    Attributes:
        heads: Attention heads of each layer; None where all have the config's number.
        neurons: Neurons of each layer's feed-forward block; None where all have the config's number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    heads: tuple[_Count, ...] | None = None
    neurons: tuple[_Count, ...] | None = None


def record_structure(module: PreTrainedModel) -> None:
    """Have a module's config describe the heads and neurons that it has now, so that it can be loaded again.

    The number of neurons is a key of transformers' own: a model with as many in each layer, and all of its heads, is
    loaded by plain transformers. The config's number of heads stays the one that tells a head's width.

    Args:
        module: Its config is changed.
    """
    blocks = blocks_of(module)
    config = module.config
    heads = tuple(heads_of(module, block) for block in blocks)
    neurons = tuple(neurons_of(module, block) for block in blocks)
    setattr(config, neurons_key(module), max(neurons))
    structure = Structure(
        heads=heads if set(heads) != {config.num_attention_heads} else None,
        neurons=neurons if len(set(neurons)) > 1 else None,
    )
    if structure != Structure():
        setattr(config, STRUCTURE_KEY, structure.model_dump(mode="json", exclude_none=True))
    elif hasattr(config, STRUCTURE_KEY):
        delattr(config, STRUCTURE_KEY)


def is_sliced(folder: Path) -> bool:
    """Whether a folder's config describes a model that plain transformers cannot build."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False  # who reads the folder next says what is wrong with it
    return isinstance(config, dict) and config.get(STRUCTURE_KEY) is not None


def build_module(folder: Path) -> PreTrainedModel:
    """The model that a folder's config describes, its parameters without values: that takes neither time nor memory.

    Raises:
        ModelError: The config is damaged, or its structure does not fit the rest of it.
    """
    path = folder / "config.json"
    try:
        with quiet_transformers(), no_init_weights():
            config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
            module = AutoModelForSequenceClassification.from_config(
                config, dtype=torch.float32, trust_remote_code=False
            )
    except Exception as error:  # transformers raises many types for a config it cannot read
        raise ModelError(
            f"transformers cannot build a model from {path}: {str(error)[:300]}",
            "The file may be damaged: make the artifact again.",
        ) from error
    if (stored := getattr(module.config, STRUCTURE_KEY, None)) is not None:
        _shape(module, _structure(stored, path), path)
    built: PreTrainedModel = module
    return built


def load_sliced(folder: Path) -> PreTrainedModel:
    """Load a model of which `is_sliced` is true; its outputs are those of the model that was saved.

    Returns:
        The model, float32, in evaluation mode.

    Raises:
        ModelError: The config or the weights are damaged, or do not belong together.
    """
    path = folder / "model.safetensors"
    module = build_module(folder)
    tensors = read_tensors(path)
    try:
        module.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        raise ModelError(
            f"{path} does not fit config.json: {' '.join(str(error).split())[:300]}",
            "The files may be damaged, or of two models: save the model again.",
        ) from error
    loaded: PreTrainedModel = module.eval()
    return loaded


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file by name, in FP32.

    Raises:
        ModelError: There is none, or it cannot be read.
    """
    if not path.is_file():
        raise ModelError(
            f"{path.parent} has no {path.name}, and a sliced model is read from no other file.",
            "Save it again, in one safetensors file.",
        )
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(str(path), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                tensor = file.get_tensor(name)
                tensors[_renamed(name)] = tensor.float() if tensor.is_floating_point() else tensor
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read: {str(error)[:300]}", "Copy it again, or save it again.") from error
    return tensors


def _renamed(name: str) -> str:
    """The module's name of a tensor: transformers saves a model under the older names that it was once loaded from."""
    for old, new in _LEGACY.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _structure(stored: object, path: Path) -> Structure:
    try:
        return Structure.model_validate(stored)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in (STRUCTURE_KEY, *first["loc"]))
        raise ModelError(
            f"{path}: {where}: {first['msg']}", "The file may be damaged: save or make the model again."
        ) from error


def _shape(module: PreTrainedModel, structure: Structure, path: Path) -> None:
    """Cut the layers of a module that has no values yet."""
    blocks = blocks_of(module)
    for block in blocks:
        _forget_values(module, block)
    heads = [heads_of(module, block) for block in blocks]
    neurons = [neurons_of(module, block) for block in blocks]
    for block, count in zip(blocks, _counts(structure.heads, heads, "heads", path), strict=True):
        cut_heads(module, block, range(count))
    for block, count in zip(blocks, _counts(structure.neurons, neurons, "neurons", path), strict=True):
        cut_neurons(module, block, range(count))


def _counts(asked: tuple[int, ...] | None, whole: list[int], kind: str, path: Path) -> tuple[int, ...]:
    """How many heads or neurons each layer has, which are no more than the config's own numbers."""
    if asked is None:
        return tuple(whole)
    if len(asked) != len(whole):
        told = f"{len(asked):,} layers, and the model has {len(whole)}"
    elif most := [count for count, limit in zip(asked, whole, strict=True) if count > limit]:
        told = f"up to {max(most):,} in a layer, and the config allows {max(whole):,}"
    else:
        return asked
    raise ModelError(
        f"{path}: {STRUCTURE_KEY}.{kind} gives {told}.", "The file may be damaged: save or make the model again."
    )


def _forget_values(module: PreTrainedModel, block: Block) -> None:
    """Leave a layer's linear layers their shapes alone, so that cutting them costs nothing."""
    names = (block.query, block.key, block.value, block.attention_output, block.ffn_input, block.ffn_output)
    for layer in (module.get_submodule(name) for name in dict.fromkeys(names)):
        for name, weight in list(layer.named_parameters()):
            setattr(layer, name, nn.Parameter(weight.detach().to("meta"), requires_grad=weight.requires_grad))
