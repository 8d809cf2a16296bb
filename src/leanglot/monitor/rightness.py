"""Decides whether a prediction was right once more is known of it: by its label, or by a translation's chrF."""

from collections.abc import Callable
from typing import Final

from leanglot.languages import split_pair
from leanglot.monitor.log_fields import chrf_of

Rightness = Callable[[str, str], bool | None]
"""Takes a prediction and what became known of it; None where that says nothing."""

NOT_JUDGED: Final = "not_judged"
"""Counts what became known of predictions and says nothing of them."""


def same_label(prediction: str, label: str) -> bool:
    """Whether the answered label is the right one."""
    return prediction == label


def rightness_of(language: str, reach: float | None) -> Rightness:
    """How the predictions of a language are judged.

    There is no one right translation, so being equal to a reference says little. A translation counts as right where
    its chrF against the reference reaches the median of the judged ones of its pair: of a model that translates as well
    as when it was judged, about half do.

    Args:
        language: Canonical tag, of a language or a pair.
        reach: That median, as a fraction; None where the model was not judged in this pair.
    """
    if split_pair(language) is None:
        return same_label

    def reaches(_prediction: str, label: str) -> bool | None:
        chrf = chrf_of(label)
        # The median is one of the judged values, and a label tells six digits of a value.
        return None if chrf is None or reach is None else chrf >= reach - 1e-6

    return reaches
