"""What detecting the language costs: which variant answers each judged text then, and how often that is another one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from leanglot.decide.routing import Routed
from leanglot.results.predictions import Predictions
from leanglot.results.router_manifest import variant_for


@dataclass(frozen=True)
class Shares:
    """How languages were told; shares by language.

    Attributes:
        examples: Texts.
        right: Told right.
        right_low: Lower end of the Wilson 95% interval of that.
        misrouted: Sent to another variant than the language's own.
        unknown: Called unknown.
    """

    examples: dict[str, int]
    right: dict[str, float]
    right_low: dict[str, float]
    misrouted: dict[str, float]
    unknown: dict[str, float]


def detection_shares(told: Sequence[str | None], languages: Sequence[str], routed: Routed) -> Shares:
    """How well languages were told, and where the texts went.

    Args:
        told: The language told of each text; None where it was called unknown.
        languages: The true one of each.
        routed: Where languages go.
    """
    tags = np.asarray(languages, dtype=np.str_)
    right = np.asarray([one == other for one, other in zip(told, languages, strict=True)], dtype=bool)
    unknown = np.asarray([tag is None for tag in told], dtype=bool)
    went, own = routes_of(told, routed), routes_of(languages, routed)
    elsewhere = np.asarray([one != other for one, other in zip(went, own, strict=True)], dtype=bool)
    whose = {str(tag): tags == tag for tag in np.unique(tags)}
    lows = {
        tag: binomtest(int(right[at].sum()), int(at.sum())).proportion_ci(method="wilson").low
        for tag, at in whose.items()
    }
    return Shares(
        examples={tag: int(at.sum()) for tag, at in whose.items()},
        right={tag: float(right[at].mean()) for tag, at in whose.items()},
        right_low={tag: float(low) for tag, low in lows.items()},
        misrouted={tag: float(elsewhere[at].mean()) for tag, at in whose.items()},
        unknown={tag: float(unknown[at].mean()) for tag, at in whose.items()},
    )


def routes_of(tags: Sequence[str | None], routed: Routed) -> list[str]:
    """Name of the variant that answers each text of these languages; None is an unknown one."""
    return [variant_for(tag, routed.assignment, routed.fallback) for tag in tags]


def routed_correct(routes: Sequence[str], predictions: dict[str, Predictions]) -> NDArray[np.bool_]:
    """Whether each judged example is answered right by the variant that it goes to: exact, as all answers are stored.

    Args:
        routes: Name of the variant of each example.
        predictions: Answers by candidate.

    Returns:
        Shape ``(examples,)``.
    """
    names = np.asarray(routes, dtype=np.str_)
    correct = np.zeros(len(names), dtype=bool)
    for name in np.unique(names):
        at = names == name
        correct[at] = predictions[str(name)].correct[at]
    return correct


def spread_value(routes: Sequence[str], languages: Sequence[str], correct: NDArray[np.bool_], routed: Routed) -> float:
    """What it costs where each language's texts are spread over variants as these examples are.

    Args:
        routes: Name of the variant of each example.
        languages: Language of each.
        correct: Whether each is answered right.
        routed: The routing; languages without examples stay where it sends them.
    """
    bill = routed.bill
    spread = np.zeros(bill.load.shape)
    rates = np.zeros(len(bill.tags))
    names, tags = np.asarray(routes, dtype=np.str_), np.asarray(languages, dtype=np.str_)
    for row, tag in enumerate(bill.tags):
        at = tags == tag
        if not at.any():
            spread[row, bill.names.index(routed.assignment[tag])] = 1.0
            continue
        rates[row] = 1 - float(correct[at].mean())
        for column, name in enumerate(bill.names):
            spread[row, column] = float((names[at] == name).mean())
    unpriced = bill.program(np.zeros((len(bill.names), len(bill.tags))))
    return unpriced.value_of(spread) + float(bill.error_price @ rates)
