"""Numbers as people read them: points, percent, ratios, megabytes; what is absent reads "n/a", never 0."""

from collections.abc import Callable
from typing import Final

from leanglot.results.terms import Terms

ABSENT: Final = "n/a"
_MINUS: Final = "\N{MINUS SIGN}"


def percent(fraction: float | None, decimals: int = 1) -> str:
    """A fraction as percent, such as ``93.1%``."""
    return _or_absent(fraction, lambda value: f"{_fixed(100 * value, decimals)}%")


def score(fraction: float | None, terms: Terms, decimals: int = 1) -> str:
    """A score as its field writes it: ``93.1%`` of accuracy, ``54.2`` of chrF."""
    return _or_absent(fraction, lambda value: f"{_fixed(100 * value, decimals)}{terms.unit}")


def points(fraction: float | None, decimals: int = 1, *, signed: bool = True) -> str:
    """A difference of fractions in percentage points, such as ``+1.2`` or ``0.0``, without the unit."""
    return _or_absent(fraction, lambda value: _fixed(100 * value, decimals, signed=signed))


def limit_words(fraction: float) -> str:
    """A limit that somebody set, in all its digits: ``1 point``, ``0.25 points``."""
    text = f"{100 * fraction:g}"
    return f"{text} point{'' if text == '1' else 's'}"


def ratio(value: float | None) -> str:
    """A ratio with two decimals and the multiplication sign."""
    return _or_absent(value, lambda number: f"{_fixed(number, 2)}\N{MULTIPLICATION SIGN}")


def megabytes(size_bytes: float | None) -> str:
    """Bytes in megabytes of 10^6, such as ``121.6 MB``."""
    return _or_absent(size_bytes, lambda value: f"{_fixed(value / 1e6, 1)} MB")


def milliseconds(value: float | None) -> str:
    """Milliseconds with the digits that a timing can carry, such as ``13.1 ms`` or ``0.42 ms``."""
    return _or_absent(value, lambda number: f"{_fixed(number, 1 if abs(number) >= 1 else 2)} ms")


def count(value: int | None) -> str:
    """A count with its thousands set apart, such as ``3,100``."""
    return _or_absent(value, lambda number: f"{number:,.0f}")


def chance_words(chance: float | None) -> str:
    """A probability that was counted over draws in percent; neither 0% nor 100%, which draws cannot show."""
    if chance is not None and not 0.005 <= chance <= 0.995:
        return "below 1%" if chance < 0.5 else "above 99%"
    return percent(chance, 0)


def smaller(size_reduction: float | None) -> str:
    """A size reduction in words, such as ``74.2% smaller``; growth is called larger."""
    return _or_absent(size_reduction, _in_words)


def _in_words(reduction: float) -> str:
    amount = percent(abs(reduction))
    if amount == percent(0):
        return "same size"
    return f"{amount} {'smaller' if reduction > 0 else 'larger'}"


def _or_absent(value: float | None, text: Callable[[float], str]) -> str:
    return ABSENT if value is None else text(value)


def _fixed(value: float, decimals: int, *, signed: bool = False) -> str:
    """Fixed decimals with a true minus sign; what rounds to zero has no sign."""
    digits = f"{abs(value):,.{decimals}f}"
    if not any(digit in "123456789" for digit in digits):
        return digits
    if value < 0:
        return _MINUS + digits
    return f"+{digits}" if signed else digits
