"""One process or several that train together, by Accelerate: set up once per training, and taken down again."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from leanglot.errors import RecipeError
from leanglot.extras import require
from leanglot.techniques.targets import has_arithmetic
from leanglot.techniques.training import Training
from leanglot.train.distributed import on_cpu, world_size
from leanglot.train.tracking import Tracking

if TYPE_CHECKING:
    from accelerate import Accelerator


@contextmanager
def accelerator(config: Training, isa: tuple[str, ...], tracking: Tracking | None) -> "Iterator[Accelerator]":
    """The processes of a training: this one alone, or those that ``accelerate launch`` started.

    Args:
        config: Precision and batch size.
        isa: Instruction-set extensions of this machine.
        tracking: Where losses and accuracies are logged; None logs them nowhere else.

    Raises:
        MissingExtraError: Accelerate, or what the log needs, is not installed.
        RecipeError: The hardware lacks the precision, a batch has fewer examples than there are processes,
            or the processes do not find each other.
    """
    accelerate = require("accelerate", "train")
    state = require("accelerate.state", "train")
    state.AcceleratorState._reset_state()  # noqa: SLF001 - else the precision of an earlier training would stay
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        made: Accelerator = accelerate.Accelerator(
            cpu=on_cpu(),
            mixed_precision="no" if config.precision == "fp32" else config.precision,
            **({} if tracking is None else tracking.settings()),
        )
    _check(config, isa, made)
    if tracking is not None:
        made.init_trackers(tracking.project, config=tracking.flat(config), init_kwargs=tracking.options())
    try:
        yield made
    finally:
        if tracking is not None:
            # Not `end_training`, which parts the processes while they still have to wait for each other.
            for tracker in made.trackers:
                tracker.finish()
        made.free_memory()


def check_hardware(config: Training, isa: tuple[str, ...], device: str | None = None) -> None:
    """Refuse a precision that is not to be had, and batches too small for the processes.

    Args:
        config: Precision and batch size.
        isa: Instruction-set extensions of this machine.
        device: ``cpu`` or ``cuda``; None takes what a training would.

    Raises:
        RecipeError: The hardware lacks the precision, or a batch has fewer examples than there are processes.
    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() and not on_cpu() else "cpu"
    if device == "cpu" and config.precision != "fp32":
        if config.precision == "fp16":
            raise RecipeError("precision: fp16 needs a GPU, and there is none.", "Allowed here are fp32 and bf16.")
        if not has_arithmetic("bf16", isa):
            raise RecipeError(
                "precision: bf16 needs BF16 arithmetic, which this processor lacks: it would be several times slower.",
                "Take precision: fp32.",
            )
    if device == "cuda" and config.precision == "bf16" and not torch.cuda.is_bf16_supported():
        raise RecipeError("precision: bf16 is not supported by this GPU.", "Take precision: fp16 or fp32.")
    if config.batch_size < world_size():
        raise RecipeError(
            f"A batch of {config.batch_size} examples cannot be shared out over {world_size()} processes.",
            f"Give a batch size of {world_size()} or more.",
        )


def _check(config: Training, isa: tuple[str, ...], made: "Accelerator") -> None:
    check_hardware(config, isa, made.device.type)
    if made.num_processes != world_size():
        raise RecipeError(
            f"{world_size()} processes were launched; Accelerate sees {made.num_processes}: each would train alone.",
            "On CPUs, launch with: torchrun --nproc-per-node 2 -m leanglot.cli distil ...",
        )
