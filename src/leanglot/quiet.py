"""Keeps the progress bars and advice of other libraries out of ours."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NOISY_WHEN_IMPORTED: Final = ("torchao", "torch.utils._pytree")


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Silence what torchao says while it is imported, which transformers does wherever it is installed.

    It reports CUDA libraries that a CPU build of PyTorch cannot load, and PyTorch reports its use of enumerations.
    """
    loggers = [logging.getLogger(name) for name in _NOISY_WHEN_IMPORTED]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers while it reads or writes a model, and leave its settings as they were."""
    from transformers.utils import logging

    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()
