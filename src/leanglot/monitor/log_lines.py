"""Reads the lines of a prediction log in JSON Lines; a broken line is counted, never fatal."""

import json
from collections.abc import Iterable
from typing import Final

from leanglot.monitor.log_rows import LogRows

LONGEST_LINE: Final = 1_000_000
_BOM: Final = b"\xef\xbb\xbf"


def take_lines(rows: LogRows, lines: Iterable[bytes], start: int) -> None:
    """Take the predictions, labels and shadow answers of some lines.

    Args:
        rows: Where they go.
        lines: Whole lines without their ends; empty ones are passed over.
        start: Position of the first line in its file, in bytes.
    """
    decode = json.JSONDecoder(parse_constant=_odd_number).decode
    position = start
    for line in lines:
        if len(line) > LONGEST_LINE:
            rows.skip("too_long", position)
        elif line and not line.isspace():
            try:
                row = decode((line.removeprefix(_BOM) if position == 0 else line).decode())
            except UnicodeDecodeError:
                rows.skip("utf8", position)
            except (ValueError, RecursionError):
                rows.skip("json", position)
            else:
                rows.take(row, position)
        position += len(line) + 1


def is_whole(line: bytes) -> bool:
    """Whether a last line without an end is a JSON object: one that was cut off never is."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _odd_number(name: str) -> float:
    """NaN and infinity, which JSON has not (RFC 8259) and some write: the fields that they stand in refuse them."""
    return float(name.replace("Infinity", "inf"))
