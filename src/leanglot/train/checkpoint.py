"""A training's state on disk: weights, optimizer and notes in one safetensors file, written whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from leanglot.errors import TrainingError
from leanglot.results.atomic import foreign_file_atomically
from leanglot.results.training import Epoch

STATE_NAME: Final = "state.safetensors"
BEST_NAME: Final = "best.safetensors"
FINAL_NAME: Final = "final.safetensors"
_WEIGHT: Final = "weight:"
_OPTIMIZER: Final = "optimizer:"


class Progress(BaseModel):
    """How far a training has come.

    Attributes:
        key: Digest of all that shapes the training: model, examples, settings.
        step: Optimizer steps done.
        epochs: What was noted at the validations.
        first_losses: Losses of the first steps, by which an explosion is noticed.
        average_loss: Moving average of the loss; None before the first step.
        sums: Sums since the last validation, by language: examples, then each part of the loss.
        seconds: Time since the last validation.
        peak_memory_bytes: Largest memory since then.
        scale: Factor of the loss in mixed precision; None without.
        kept_step: The step whose weights were taken, once the training is over.
        processes: Processes that trained together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    step: int = 0
    epochs: tuple[Epoch, ...] = ()
    first_losses: tuple[float, ...] = ()
    average_loss: float | None = None
    sums: dict[str, tuple[float, ...]] = {}
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    scale: float | None = None
    kept_step: int | None = None
    processes: int = 1


def trained_tensors(module: nn.Module) -> dict[str, Tensor]:
    """The tensors that training changes: weights that are not frozen, and buffers."""
    weights = {name: weight.detach() for name, weight in module.named_parameters() if weight.requires_grad}
    return weights | {name: buffer for name, buffer in module.named_buffers() if buffer.numel()}


def save_weights(path: Path, module: nn.Module, key: str, step: int) -> None:
    """Write what training changes after a step, without the optimizer."""
    _write(path, {_WEIGHT + name: tensor for name, tensor in trained_tensors(module).items()}, {"key": f"{key} {step}"})


def load_weights(path: Path, module: nn.Module, key: str, step: int) -> None:
    """Take weights written by `save_weights` after that step.

    Raises:
        TrainingError: The file is damaged, or of another training or step.
    """
    metadata, tensors = _read(path)
    _check_key(path, metadata.get("key", ""), f"{key} {step}")
    _fill(path, trained_tensors(module), _named(tensors, _WEIGHT))


def save_final(path: Path, module: nn.Module, progress: Progress) -> None:
    """Write the result of a training that is over."""
    tensors = {_WEIGHT + name: tensor for name, tensor in trained_tensors(module).items()}
    _write(path, tensors, {"progress": progress.model_dump_json()})


def load_final(path: Path, module: nn.Module, key: str) -> Progress:
    """Take the result of a training that is over.

    Raises:
        TrainingError: The file is damaged, or of another training.
    """
    return _load(path, module, key)[0]


def save_state(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Write weights, the optimizer's moments and how far the training has come."""
    tensors = {_WEIGHT + name: tensor for name, tensor in trained_tensors(module).items()}
    for place, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{place}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    _write(path, tensors, {"progress": progress.model_dump_json()})


def load_state(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, key: str) -> Progress:
    """Go back to a written state.

    Args:
        path: The file.
        module: Gets its weights.
        optimizer: Gets its moments.
        key: Digest of all that shapes this training.

    Returns:
        How far it had come.

    Raises:
        TrainingError: The file is damaged, or of another training.
    """
    progress, tensors = _load(path, module, key)
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _named(tensors, _OPTIMIZER).items():
        place, _, moment = name.partition(".")
        moments.setdefault(int(place), {})[moment] = tensor
    try:
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    except (ValueError, KeyError) as error:
        raise _damaged(path, f"the optimizer's state does not fit: {error}") from error
    return progress


def _load(path: Path, module: nn.Module, key: str) -> tuple[Progress, dict[str, Tensor]]:
    """Fill the module's weights from a file; returns how far its training had come, and all tensors of the file."""
    metadata, tensors = _read(path)
    try:
        progress = Progress.model_validate_json(metadata["progress"])
    except (KeyError, ValidationError) as error:
        raise _damaged(path, "it does not say how far the training had come") from error
    _check_key(path, progress.key, key)
    _fill(path, trained_tensors(module), _named(tensors, _WEIGHT))
    return progress, tensors


def _write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with foreign_file_atomically(path) as temporary:
        save_file(plain, temporary, dict(metadata))


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {}), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _damaged(path, str(error)[:200]) from error


def _named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _fill(path: Path, targets: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    shapes = {name: (tuple(each.shape), each.dtype) for name, each in targets.items()}
    if {name: (tuple(each.shape), each.dtype) for name, each in values.items()} != shapes:
        raise _damaged(path, "its weights are of other shapes than the model's")
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(values[name])


def _check_key(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise TrainingError(
            f"{path} is of another training: of another model, other examples or other settings.",
            f"Give the settings it was started with, or delete {path.parent} to start anew.",
        )


def _damaged(path: Path, why: str) -> TrainingError:
    return TrainingError(
        f"The checkpoint {path} cannot be used: {why}.", f"Delete {path.parent} to start the training anew."
    )
