"""How texts are drawn from a pool: how many, and how they are shared out over the languages."""

from collections.abc import Mapping
from typing import Annotated, Literal, Protocol

from pydantic import Field

Balance = Literal["uniform", "proportional", "temperature", "traffic"]
Shares = dict[str, Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]]


class Drawing(Protocol):
    """What a technique's config says of the texts that it learns from."""

    @property
    def samples(self) -> int:
        """Number of texts."""
        ...

    @property
    def balance(self) -> Balance:
        """How they are shared out over the languages.

        ``uniform`` gives each the same number, ``proportional`` keeps the data's shares, ``temperature`` lies between
        the two, ``traffic`` takes the shares given.
        """
        ...

    @property
    def temperature(self) -> float:
        """Shares are proportional to n^(1/temperature), for ``temperature`` only; 1 is proportional."""
        ...

    @property
    def traffic(self) -> Mapping[str, float] | None:
        """Share of each language, where traffic counts."""
        ...

    @property
    def languages(self) -> tuple[str, ...] | None:
        """Languages to draw from; None takes all."""
        ...

    @property
    def seed(self) -> int:
        """Seed of the draw."""
        ...
