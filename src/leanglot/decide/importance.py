"""Makes one importance from those of all languages, and chooses by it which heads or neurons stay."""

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from leanglot.errors import DataError, ModelError
from leanglot.languages import canonical_tag

ByLayer = tuple[NDArray[np.float64], ...]
"""One score per unit, an array of shape (units,) for each layer."""

Combine = Literal["worst", "mean", "traffic"]

_DECIMALS: Final = 6  # 0.29 of 100 are 29, whatever the last bit of the product


def normalize(by_language: Mapping[str, Sequence[NDArray[np.float64]]], what: str = "units") -> dict[str, ByLayer]:
    """Scale each language's scores so that they sum to 1 over all layers.

    How large a gradient is says as much about how sure the model is of a language's texts as about its units. Shares
    can be compared between languages.

    Args:
        by_language: Scores by language, 0 or more, an array of shape (units,) for each layer.
        what: What is scored, for the message.

    Raises:
        ModelError: A language's scores are not finite, negative, or all zero, so that they rank nothing.
    """
    shares = {}
    for tag, layers in by_language.items():
        total = math.fsum(float(layer.sum()) for layer in layers)
        if not math.isfinite(total) or any((layer < 0).any() for layer in layers):
            raise ModelError(
                f"The importance of {what} on the texts in {tag} is not finite, or negative.",
                "The model itself fails there: check its weights and its answers.",
            )
        if total == 0:
            raise ModelError(
                f"The answers to the texts in {tag} depend on none of the {what}: their importance is zero everywhere.",
                "Give other texts in this language, or leave it out with the key languages under importance.",
            )
        shares[tag] = tuple(np.asarray(layer, dtype=np.float64) / total for layer in layers)
    return shares


def combine(
    by_language: Mapping[str, Sequence[NDArray[np.float64]]],
    how: Combine,
    traffic: Mapping[str, float] | None = None,
    what: str = "units",
) -> ByLayer:
    """One importance from those of all languages, each scaled to sum to 1 first; see `normalize`.

    Args:
        by_language: Scores by canonical tag, at least one language; an array of shape (units,) for each layer.
        how: ``worst`` takes each unit's largest over the languages, ``mean`` their mean, ``traffic`` the mean weighted
            by the traffic.
        traffic: Share of each language, of any sum, for ``traffic`` only; one that it does not name weighs nothing.
        what: What is scored, for messages.

    Returns:
        An array of shape (units,) for each layer.

    Raises:
        DataError: There is no language, or one with traffic has no texts.
        ModelError: See `normalize`.
    """
    if not by_language:
        raise DataError(f"The importance of {what} was measured in no language.", "Give texts in at least one.")
    return merge(normalize(by_language, what), how, traffic)


def merge(
    by_language: Mapping[str, Sequence[NDArray[np.float64]]], how: Combine, traffic: Mapping[str, float] | None = None
) -> ByLayer:
    """The same as `combine`, of scores that can be compared between languages as they are.

    Raises:
        DataError: A language with traffic has no texts.
    """
    layers = [np.stack(each) for each in zip(*by_language.values(), strict=True)]
    if how == "worst":
        return tuple(layer.max(axis=0) for layer in layers)
    weights = np.asarray(_weights(tuple(by_language), traffic if how == "traffic" else None))
    return tuple(weights @ layer for layer in layers)


def choose(
    combined: Sequence[NDArray[np.float64]],
    sparsity: float,
    scope: Literal["global", "layer"] = "global",
    keep_at_least: int = 1,
    multiple: int = 1,
) -> tuple[tuple[int, ...], ...]:
    """Choose which units stay: the lowest scores go.

    In each layer units go in portions, the lowest scores first: the first portion leaves a multiple of `multiple`, each
    further one has `multiple` units. With ``scope="global"`` the portions of all layers are ranked by their mean score,
    with ``"layer"`` each layer's alone, and portions go while no more than ``floor(sparsity * units)`` are gone, of all
    units or of each layer's. With ``multiple=1`` exactly as many go, unless `keep_at_least` stands against it;
    else the number may fall short of it by less than a portion, and never exceeds it. Of equal scores the first layer's
    goes first, and in a layer the first unit. What goes at one sparsity also goes at any higher one.

    Args:
        combined: Finite scores, an array of shape (units,) for each layer.
        sparsity: Share of the units to remove, in [0, 1).
        scope: One ranking of all layers, or each layer's own.
        keep_at_least: Units that each layer keeps, where it has so many.
        multiple: Each layer keeps a multiple of so many, unless it loses none.

    Returns:
        For each layer the units that stay, counted from 0, ascending.
    """
    orders = [np.argsort(layer, kind="stable") for layer in combined]
    portions = [_portions(len(layer), keep_at_least, multiple) for layer in combined]
    if scope == "layer":
        gone = [
            int(_within(sizes, floor_share(sparsity, len(layer))).sum())
            for sizes, layer in zip(portions, combined, strict=True)
        ]
    else:
        gone = _gone_globally(combined, orders, portions, floor_share(sparsity, sum(map(len, combined))))
    return tuple(
        tuple(sorted(int(unit) for unit in order[number:])) for order, number in zip(orders, gone, strict=True)
    )


def floor_share(share: float, total: int) -> int:
    """A share of whole units, rounded down; a product that misses a whole number by rounding alone counts as it."""
    return math.floor(round(share * total, _DECIMALS))


def _portions(size: int, keep_at_least: int, multiple: int) -> list[int]:
    """Sizes of the portions that a layer may lose, in order."""
    left = size
    portions: list[int] = []
    while True:
        next_left = (left - 1) // multiple * multiple
        if next_left < max(1, keep_at_least):
            return portions
        portions.append(left - next_left)
        left = next_left


def _within(sizes: Sequence[int], target: int) -> NDArray[np.int64]:
    """The sizes of the first portions, as many as go together without exceeding the target."""
    taken = np.asarray(sizes, dtype=np.int64)
    return taken[np.cumsum(taken) <= target]


def _gone_globally(
    combined: Sequence[NDArray[np.float64]],
    orders: Sequence[NDArray[np.int64]],
    portions: Sequence[Sequence[int]],
    target: int,
) -> list[int]:
    """How many units each layer loses in one ranking of all portions."""
    ranked = []
    for layer, sizes in enumerate(portions):
        highest = -math.inf
        start = 0
        for place, size in enumerate(sizes):
            # A mean that rounding puts below the one before must not change the order within a layer.
            highest = max(highest, float(combined[layer][orders[layer][start : start + size]].mean()))
            ranked.append((highest, layer, place))
            start += size
    ranked.sort()
    sizes_ranked = [portions[layer][place] for _, layer, place in ranked]
    gone = [0] * len(portions)
    for (_, layer, _), size in zip(ranked, _within(sizes_ranked, target), strict=False):
        gone[layer] += int(size)
    return gone


def _weights(languages: Sequence[str], traffic: Mapping[str, float] | None) -> list[float]:
    """The weight of each language; they sum to 1."""
    if traffic is None:
        return [1 / len(languages)] * len(languages)
    shares: dict[str, float] = {}
    for tag, share in traffic.items():
        shares[canonical_tag(tag)] = shares.get(canonical_tag(tag), 0.0) + share
    if missing := sorted(tag for tag, share in shares.items() if share > 0 and tag not in languages):
        raise DataError(
            f"There is traffic in {', '.join(missing)}, and no text to measure importance on.",
            f"There are texts in {', '.join(sorted(languages))}. Give some in the others, or no traffic in them.",
        )
    total = math.fsum(shares.values())
    if total <= 0:
        raise DataError("The shares of the traffic sum to zero.", "Give each language a share above 0.")
    return [shares.get(tag, 0.0) / total for tag in languages]
