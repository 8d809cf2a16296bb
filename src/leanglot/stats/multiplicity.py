"""Adjustment of p-values for testing several languages at once."""

from collections.abc import Mapping


def holm(p_values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Holm's step-down adjustment, which keeps the chance of any false alarm among the tests below the level.

    Source: Holm, "A simple sequentially rejective multiple test procedure" (1979).

    Args:
        p_values: A p-value by name; None where no test was possible, which counts neither as a test nor as a
            pass.

    Returns:
        The adjusted values under the same names, None where there was None.
    """
    tested = sorted((p, name) for name, p in p_values.items() if p is not None)
    adjusted: dict[str, float | None] = dict.fromkeys(p_values)
    highest = 0.0
    for rank, (p, name) in enumerate(tested):
        highest = max(highest, min(1.0, p * (len(tested) - rank)))
        adjusted[name] = highest
    return adjusted
