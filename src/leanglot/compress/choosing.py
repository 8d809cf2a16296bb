"""What structured pruning of classifiers and of translation models shares: the choice, its records and notes."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from leanglot.compress.importance import Scores, no_texts
from leanglot.decide.importance import ByLayer, combine, floor_share, merge, normalize
from leanglot.errors import RecipeError
from leanglot.results.checkpoints import key_of
from leanglot.results.shaping import ImportanceMap, PruningFacts, UnitKind
from leanglot.techniques.pruning import Importance

Keep = Sequence[Sequence[int]]
"""For each layer the units that stay, counted from 0, ascending."""

NAMES: Final = {"heads": "heads", "ffn": "neurons", "layers": "layers"}
"""What messages call each kind of unit."""


def combined(
    name: str, kind: UnitKind, counts: Sequence[int], how: Importance, scores: Scores | None
) -> tuple[Scores, ByLayer]:
    """The scores, checked, and one importance from those of all languages.

    Args:
        name: The model's, for messages.
        kind: What is pruned.
        counts: Units of each layer.
        how: How the languages become one.
        scores: What was measured; None where nothing was.

    Raises:
        RecipeError: Scores lack, or do not fit the model.
        ModelError: A language's scores rank nothing.
        DataError: A language with traffic has no texts.
    """
    if scores is None:
        raise no_texts()
    shapes = {tuple(map(len, layers)) for layers in scores.by_language.values()}
    if scores.kind != kind or shapes != {tuple(counts)}:
        raise RecipeError(
            f"The importance given is of other {scores.kind} than those of {name}.", "Measure it on this model."
        )
    # Layers go by divergences in nats, which are the same in every language; shares would rank them otherwise.
    one = merge if kind == "layers" else partial(combine, what=NAMES[kind])
    return scores, one(scores.by_language, how.combine, how.traffic if how.combine == "traffic" else None)


def instead_of(scores: Scores, *, compensate: bool) -> ByLayer | None:
    """What stands for the units that go."""
    return scores.activations if compensate and scores.activations else None


def pruning_facts(kind: UnitKind, target: float | None, before: Sequence[int], keep: Keep) -> PruningFacts:
    """The record of a step that cut heads or neurons out."""
    kept = tuple(map(len, keep))
    total, removed = sum(before), sum(before) - sum(kept)
    return PruningFacts(
        technique=kind,
        target=target,
        actual=removed / total,
        removed=removed,
        total=total,
        kept_by_layer=kept,
        before_by_layer=tuple(before),
        chosen=key_of([list(some) for some in keep]),
    )


def shortfall(
    kind: UnitKind, share: float, scope: str, before: Sequence[int], keep: Keep, multiple: int
) -> tuple[str, ...]:
    """A note where fewer go than were asked for, by more than a multiple makes necessary."""
    total = sum(before)
    asked, removed = floor_share(share, total), total - sum(map(len, keep))
    if share and not asked:
        return (too_little(share, total, NAMES[kind]),)
    if asked - removed < multiple:
        return ()
    step = "" if multiple == 1 else f" to a multiple of {multiple}"
    why = f"each layer keeps at least {multiple}"
    if scope == "layer":
        why = f"the share of each layer is rounded down{step}, and it {why.removeprefix('each layer ')}"
    return (f"{removed:,} of {total:,} {NAMES[kind]} are removed, not {asked:,}: {why}.",)


def too_little(share: float, total: int, units: str) -> str:
    """A note that a share removes nothing."""
    return f"{share:.4g} of {total:,} {units} is less than one, so all stay: the least that can go is {1 / total:.4g}."


def importance_map(scores: Scores, how: Importance, one: ByLayer, kept: tuple[tuple[int, ...], ...]) -> ImportanceMap:
    """The record of what units were chosen by.

    Args:
        scores: What was measured.
        how: How the languages became one.
        one: The importance that the choice was made by.
        kept: See `ImportanceMap.kept`.

    Raises:
        ModelError: A language's scores rank nothing.
    """
    whole = scores.kind == "ffn"  # thousands of neurons: a layer's sum says enough
    shares = normalize(scores.by_language, NAMES[scores.kind])
    if scores.kind != "heads":  # what is shown by layer is shown as shares of all layers
        (one,) = normalize({"combined": one}, NAMES[scores.kind]).values()
    return ImportanceMap(
        kind=scores.kind,
        method=scores.method,
        combine=how.combine,
        texts=dict(scores.texts),
        scores={tag: _told(layers, whole=whole) for tag, layers in shares.items()},
        combined=_told(one, whole=whole),
        kept=kept,
    )


def _told(layers: ByLayer, *, whole: bool) -> tuple[tuple[float, ...], ...]:
    if whole:
        return tuple((float(layer.sum()),) for layer in layers)
    return tuple(tuple(map(float, layer)) for layer in layers)
