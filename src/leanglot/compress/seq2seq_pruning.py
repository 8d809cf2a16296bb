"""Prunes translation models: single weights, heads and neurons of both sides, those that matter least to the pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from leanglot.compress.choosing import NAMES, combined, importance_map, instead_of, pruning_facts, shortfall
from leanglot.compress.importance import Scores
from leanglot.compress.magnitude import zero_weights
from leanglot.compress.seq2seq_importance import units_of
from leanglot.compress.seq2seq_layers import reshaped
from leanglot.compress.seq2seq_slicing import slice_units
from leanglot.decide.importance import ByLayer, choose, floor_share
from leanglot.errors import RecipeError
from leanglot.models.seq2seq_structure import Units, count_of, linear_layers_of
from leanglot.models.translation_model import TranslationModel
from leanglot.results.shaping import ImportanceMap
from leanglot.techniques import FfnPruning, HeadPruning, MagnitudePruning

_Keep = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class ShapedTranslation:
    """A translation model after a step on the model itself.

    Attributes:
        model: The new model; it knows what was done to it (`TranslationModel.pruning`, `TranslationModel.vocabulary`).
        importance: What heads or neurons were chosen by; None where nothing was measured.
        notes: What was noticed on the way, one sentence each.
    """

    model: TranslationModel
    importance: ImportanceMap | None = None
    notes: tuple[str, ...] = ()


def prune_weights(model: TranslationModel, config: MagnitudePruning) -> ShapedTranslation:
    """Set the smallest weights of both sides' linear layers to zero; see `leanglot.compress.magnitude.prune`.

    The output projection stays as it is: its weights are the vocabulary's table.

    Args:
        model: Left as it is.
        config: Sparsity and scope, or the pattern.

    Raises:
        RecipeError: The pattern fits no layer.
        ModelError: The model's family is not known.
    """
    module, facts, notes = zero_weights(model.module, linear_layers_of(model.module), model.name, config)
    return ShapedTranslation(reshaped(model, module, facts), notes=notes)


def prune_units(
    model: TranslationModel, config: HeadPruning | FfnPruning, scores: Scores | None = None
) -> ShapedTranslation:
    """Cut out attention heads or neurons: those that are named, or the least important ones.

    All attentions are ranked together: the encoder's, the decoder's, and the decoder's to the encoder. In T5 the layers
    of each of the three share position biases per head, so that a head stays or goes in all of them.

    Args:
        model: Left as it is.
        config: The step. Heads that are named count the attentions in the order of `attentions_of`.
        scores: From `measure_units`; none are needed where heads are named, or none go.

    Raises:
        RecipeError: A layer or head that is named is not there, a layer would lose all, or scores lack.
        ModelError: The model's family is not known, or a pair's scores rank nothing.
        DataError: A pair with traffic has no sentences.
    """
    kind = config.technique
    all_units = units_of(model.module, kind)
    counts = tuple(count_of(model.module, units) for units in all_units)
    if isinstance(config, HeadPruning) and config.remove is not None:
        keep = _without(model, all_units, counts, config.remove)
        return _cut(model, kind, None, counts, keep)
    share = config.sparsity or 0.0
    if scores is None and share == 0:
        return _cut(model, kind, share, counts, tuple(tuple(range(count)) for count in counts))
    found, one = combined(model.name, kind, counts, config.importance, scores)
    multiple = config.multiple if isinstance(config, FfnPruning) else 1
    if any(units.tied for units in all_units):
        keep = choose_tied(all_units, one, share, config.scope)
    else:
        keep = choose(one, share, config.scope, multiple=multiple)
    kept = keep if kind == "heads" else tuple((len(some),) for some in keep)
    chosen = importance_map(found, config.importance, one, kept)
    shaped = _cut(model, kind, share, counts, keep, instead_of(found, compensate=config.compensate))
    notes = shortfall(kind, share, config.scope, counts, keep, multiple)
    return replace(shaped, importance=chosen, notes=notes)


def choose_tied(
    all_units: Sequence[Units], scores: ByLayer, sparsity: float, scope: Literal["global", "layer"]
) -> _Keep:
    """Choose heads where the layers of a place must keep the same ones: the lowest sums over a place's layers go.

    Args:
        all_units: The attentions.
        scores: Finite scores, an array of shape (heads,) for each of them.
        sparsity: Share of all heads to remove, in [0, 1); never exceeded, and short of it by less than the number of
            layers of a place.
        scope: One ranking of all places, by the mean over their layers, or each place's own.

    Returns:
        For each attention the heads that stay, ascending; each place keeps one at least.
    """
    layers: dict[str, list[int]] = {}
    for number, units in enumerate(all_units):
        layers.setdefault(units.place, []).append(number)
    means = {place: np.mean([scores[number] for number in own], axis=0) for place, own in layers.items()}
    ranked = sorted(
        (float(mean), order, head)
        for order, all_means in enumerate(means.values())
        for head, mean in enumerate(all_means)
    )
    places = tuple(means)
    budgets = {place: floor_share(sparsity, len(means[place])) * len(layers[place]) for place in places}
    total = floor_share(sparsity, sum(map(len, scores)))
    kept = {place: set(range(len(mean))) for place, mean in means.items()}
    for _, order, head in ranked:
        place, cost = places[order], len(layers[places[order]])
        if len(kept[place]) == 1 or (scope == "layer" and cost > budgets[place]):
            continue
        if scope == "global" and cost > total:
            break  # so that what goes at one sparsity also goes at any higher one
        kept[place].discard(head)
        budgets[place] -= cost
        total -= cost
    return tuple(tuple(sorted(kept[units.place])) for units in all_units)


def _cut(
    model: TranslationModel,
    kind: Literal["heads", "ffn"],
    share: float | None,
    counts: Sequence[int],
    keep: _Keep,
    instead: ByLayer | None = None,
) -> ShapedTranslation:
    module = slice_units(model, kind, keep, instead)
    return ShapedTranslation(reshaped(model, module, pruning_facts(kind, share, counts, keep)))


def _without(
    model: TranslationModel, all_units: Sequence[Units], counts: Sequence[int], remove: Mapping[int, Sequence[int]]
) -> _Keep:
    for place, heads in remove.items():
        if place >= len(counts):
            raise RecipeError(
                f"There is no attention {place} to remove heads of: {model.name} has {len(counts)}.",
                "They are counted from 0: the encoder's layers, the decoder's, then the decoder's cross-attentions.",
            )
        if beyond := sorted({head for head in heads if head >= counts[place]}):
            raise RecipeError(
                f"Attention {place} of {model.name} ({all_units[place].told}) has no head {beyond[0]}: it has "
                f"{counts[place]}.",
                f"{NAMES['heads'].capitalize()} are counted from 0; the last is {counts[place] - 1}.",
            )
    return tuple(
        tuple(head for head in range(count) if head not in remove.get(place, ())) for place, count in enumerate(counts)
    )
