"""Runs leanglot's command line within a test, and tells what it printed."""

import io
import sys
from unittest import mock

import pytest
from _pytest.capture import CaptureResult

from leanglot.cli import main


def captured(
    capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0, stdin: bytes = b""
) -> CaptureResult[str]:
    """What a command prints, which must end with an exit code and without a traceback."""
    with (
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")),
        pytest.raises(SystemExit) as stopped,
    ):
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert stopped.value.code == code, printed.err
    assert "Traceback" not in printed.err
    return printed


def run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    """The words that a command prints, or those of its error, with one blank between them."""
    printed = captured(capsys, *arguments, code=code)
    return " ".join((printed.out if code == 0 else printed.err).split())
