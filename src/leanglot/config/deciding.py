"""Settings of what a run decides beyond its verdicts: how long to search, and how to route languages."""

import math
import re
import reprlib
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_S: Final = 365 * 86400.0


def seconds_of(text: str) -> float:
    """Reads a length of time such as ``90s``, ``30m`` or ``1.5h``.

    Args:
        text: A number and its unit: s, m or h.

    Returns:
        Seconds, above 0 and at most those of a year.

    Raises:
        ValueError: It is none.
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)\s*([smh])", text.strip(), re.ASCII)
    seconds = float(match[1]) * _UNITS[match[2]] if match is not None else math.nan
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(f"{reprlib.repr(text)} is no length of time; write one such as 90s, 30m or 1.5h")
    return seconds


def _seconds(value: object) -> object:
    return seconds_of(value) if isinstance(value, str) else value


class SearchConfig(BaseModel):
    """How far recipes are searched in place of given candidates.

    Attributes:
        budget_s: Seconds that the search may take, or a text such as ``30m``; over all its starts, where it was stopped
            meanwhile. No candidate is started that cannot be expected to end in time.
        trials: Most candidates tried; None takes as many as the budget allows.
        max_drop: A candidate whose accuracy falls by more than this, as part of the data proves, is dropped before the
            rest is measured; 0.05 is five points.
        train: Try students that are trained, where there are training data and time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget_s: Annotated[float, BeforeValidator(_seconds)] = Field(
        default=1800.0, gt=0, le=_LONGEST_S, allow_inf_nan=False
    )
    trials: int | None = Field(default=None, strict=True, ge=1)
    max_drop: float = Field(default=0.05, gt=0, lt=1)
    train: bool = Field(default=True, strict=True)


class RoutingConfig(BaseModel):
    """How languages are spread over candidates.

    Attributes:
        max_p95_ms: Largest 95th percentile of the latency that a candidate may have; None sets no limit.
        max_memory_bytes: Most memory that all candidates loaded at once may take; None sets no limit.
        max_variants: Most candidates loaded at once.
        strict: A language goes only to candidates that are proven safe for it, or to the baseline.
        detect: Give the router a language identifier, for texts whose language the caller does not tell.
        min_chance: Languages leave the main variant, where it is allowed for them, only for variants that cost less
            with at least this probability, all moves that were looked at together: the cheapest of many on few examples
            is too often a lucky one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_p95_ms: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_memory_bytes: int | None = Field(default=None, strict=True, gt=0)
    max_variants: int = Field(default=3, strict=True, ge=1)
    strict: bool = Field(default=False, strict=True)
    detect: bool = Field(default=True, strict=True)
    min_chance: float = Field(default=0.8, ge=0.5, lt=1)
