"""Numbers in a stored state, within the limits in which they can be used: a damaged file may hold any others."""

from typing import Annotated

from pydantic import Field

from leanglot.monitor.moments import LATEST

Count = Annotated[int, Field(ge=0, le=10**14)]
"""How many of something; a sum of ten thousand of them still fits into 64 bits."""

Seconds = Annotated[float, Field(ge=0, le=LATEST, allow_inf_nan=False)]
"""A moment, in seconds since 1970."""

_ONE = 1 + 1e-6  # means and sums of single precision may be that much too large

Fraction = Annotated[float, Field(ge=-_ONE, le=_ONE, allow_inf_nan=False)]
"""A share, or a difference of two."""
