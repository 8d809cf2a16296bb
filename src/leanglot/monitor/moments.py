"""Seconds since 1970 as dates."""

from datetime import UTC, datetime
from typing import Final

LATEST: Final = 253_402_300_799.0
"""The last second that a date can name, in the year 9999."""


def moment(seconds: float) -> datetime:
    """The date of a number of seconds since 1970 UTC.

    Args:
        seconds: From 0 to `LATEST`.
    """
    return datetime.fromtimestamp(seconds, UTC)
