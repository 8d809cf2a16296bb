"""Amounts of money in words: the currency, thousands set apart, and the digits that an amount of its size can carry."""

import math

_MINUS = "\N{MINUS SIGN}"


def money(amount: float, currency: str = "$") -> str:
    """An amount such as ``$1,234``, ``$0.052`` or ``EUR 12.30``.

    Args:
        amount: Amount in the currency.
        currency: A sign, or a code, which is set apart.
    """
    size = abs(amount)
    decimals = 0 if size >= 100 or size == 0 else 2 if size >= 1 else min(12, 1 - math.floor(math.log10(size)))
    digits = f"{size:,.{decimals}f}"
    sign = _MINUS if amount < 0 and any(digit in "123456789" for digit in digits) else ""
    return f"{sign}{currency}{' ' if currency[-1:].isalnum() else ''}{digits}"
