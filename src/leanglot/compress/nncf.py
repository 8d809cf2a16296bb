"""NNCF, found where it is needed, and kept from writing to the terminal."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from leanglot.extras import require
from leanglot.runtimes.openvino import EXTRA, without_telemetry


def nncf_module(module: str = "nncf") -> Any:  # noqa: ANN401 - NNCF's functions and classes, found at run time
    """A module of NNCF, which reports nothing to its makers.

    Raises:
        MissingExtraError: It is not installed.
    """
    with without_telemetry():
        return require(module, EXTRA)


@contextmanager
def quiet_nncf() -> Iterator[Any]:
    """NNCF without its progress bars and tables, which it writes to the terminal itself."""
    nncf = nncf_module()
    tracking = nncf_module("nncf.common.logging.track_progress")
    logger = logging.getLogger("nncf")
    level, shown = logger.level, tracking.track.__init__

    def hidden(self: object, *args: object, **kwargs: object) -> None:
        shown(self, *args, **{**kwargs, "disable": True})

    logger.setLevel(logging.ERROR)
    tracking.track.__init__ = hidden
    try:
        yield nncf
    finally:
        tracking.track.__init__ = shown
        logger.setLevel(level)
