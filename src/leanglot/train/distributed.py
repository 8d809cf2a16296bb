"""Several processes that ``accelerate launch`` started: which one this is, and what one does before the others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from leanglot.errors import ConfigError
from leanglot.extras import require

_LONGEST: Final = timedelta(hours=24)  # that the others wait for the one


def world_size() -> int:
    """Number of processes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this process is the one that writes results."""
    return int(os.environ.get("RANK", "0")) == 0


def on_cpu() -> bool:
    """Whether several processes train on CPUs: Accelerate has to be told, else each of them trains alone."""
    import torch

    asked: bool = require("accelerate.utils", "train").parse_flag_from_env("ACCELERATE_USE_CPU")
    return world_size() > 1 and (asked or not torch.accelerator.is_available())


def wait_for_everyone() -> None:
    """Returns once all processes have called it."""
    if world_size() > 1:
        require("accelerate", "train").PartialState(cpu=on_cpu(), timeout=_LONGEST).wait_for_everyone()


def refuse_several_processes(command: str) -> None:
    """Refuses what several processes would all do and write at once.

    Raises:
        ConfigError: There are several.
    """
    if world_size() > 1:
        raise ConfigError(
            f"leanglot {command} runs in one process, and {world_size()} were launched.",
            "Train with leanglot distil in several processes, then use its artifact.",
        )


@contextmanager
def main_first() -> Iterator[None]:
    """Has one process do the inside before all others, which then find what it wrote."""
    if world_size() == 1:
        yield
        return
    state = require("accelerate", "train").PartialState(cpu=on_cpu(), timeout=_LONGEST)
    with state.main_process_first():
        yield
