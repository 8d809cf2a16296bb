"""Values by language as callers give them: tags in one spelling, numbers checked, every fault at once."""

import math
from collections.abc import Mapping

from leanglot.errors import ConfigError, DataError
from leanglot.languages import canonical_tag

_SUM_TOLERANCE = 1e-6


def by_tag(name: str, values: Mapping[str, float], allowed: str, highest: float = math.inf) -> dict[str, float]:
    """The same numbers by canonical language tag.

    Args:
        name: What the caller calls the argument.
        values: A number from 0 on for each language.
        allowed: What is allowed, as a sentence.
        highest: Largest number that is allowed.

    Raises:
        ConfigError: A language is unknown or given twice, or a number is out of range; names all of them.
    """
    found: dict[str, float] = {}
    faults = []
    for tag, value in values.items():
        try:
            canonical = canonical_tag(tag)
        except DataError as error:
            faults.append(error.message.removesuffix("."))
            continue
        if canonical in found:
            faults.append(f"{canonical} is given twice")
        if not is_number(value) or not 0 <= value <= highest:
            faults.append(f"{tag} is {value!r}")
            continue
        found[canonical] = float(value)
    if faults:
        raise ConfigError(f"{name} cannot be used: {'; '.join(faults)}.", allowed)
    return found


def is_number(value: object) -> bool:
    """Whether a value is a finite number and not a truth value; numbers of numpy are numbers."""
    try:
        return not isinstance(value, bool | str | bytes) and math.isfinite(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, RuntimeError):  # what arrays of several values raise
        return False


def shares_of(name: str, traffic: Mapping[str, float], *, normalize: bool) -> dict[str, float]:
    """Shares of the traffic by canonical tag, of sum 1.

    Args:
        name: What the caller calls the argument.
        traffic: A share for each language.
        normalize: Divide shares that do not sum to 1 by their sum, rather than refuse them.

    Raises:
        ConfigError: The shares are none, or do not sum to 1.
    """
    shares = by_tag(name, traffic, "A share is a number from 0 on, for each language.")
    total = math.fsum(shares.values())
    if total <= 0:
        raise ConfigError(f"{name} holds no share above 0.", "At least one language needs traffic.")
    if abs(total - 1) > _SUM_TOLERANCE and not normalize:
        raise ConfigError(
            f"{name} sums to {total:g}, not to 1.", "Correct it, or pass normalize=True to divide by the sum."
        )
    return {tag: share / total for tag, share in shares.items()}
