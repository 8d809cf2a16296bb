"""Finds Debian's Prometheus and promtool; tests that need them are skipped, and say so, where they are missing."""

import shutil

import pytest


def promtool() -> str:
    return _found("promtool")


def prometheus() -> str:
    return _found("prometheus")


def _found(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no {name} on the PATH; on Debian: make prometheus")
    return path
