"""Structured pruning of a classifier: the heads, neurons or layers that matter least to its languages are cut out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from leanglot.compress.ablation import measure_layers
from leanglot.compress.choosing import combined, importance_map, instead_of, pruning_facts, shortfall, too_little
from leanglot.compress.importance import Rows, Scores, Told, measure_units
from leanglot.compress.shaped import Shaped
from leanglot.compress.slicing import drop_layers, slice_heads, slice_neurons
from leanglot.decide.importance import choose, floor_share
from leanglot.errors import RecipeError
from leanglot.models.structure import blocks_of, heads_of, neurons_of
from leanglot.models.text_classifier import TextClassifier
from leanglot.results.shaping import ImportanceMap, PruningFacts, UnitKind
from leanglot.techniques import FfnPruning, HeadPruning, LayerPruning, StructuredPruning
from leanglot.techniques.pruning import Importance


def measure(model: TextClassifier, config: StructuredPruning, rows: Rows, on_batch: Told | None = None) -> Scores:
    """Measure the importance that a step chooses by; it serves any sparsity and scope, see `depends_on`.

    Args:
        model: Left as it is.
        config: The step.
        rows: Token ids per text, by language; at least one text.
        on_batch: Called after each batch with the number of texts that are done.

    Raises:
        RecipeError: There is no text.
        ModelError: The model's family is not known, or its logits are not finite.
        DataError: A language with traffic has no texts.
    """
    how = config.importance
    match config:
        case LayerPruning():
            return measure_layers(model, rows, how.combine, _traffic(how), on_batch=on_batch)
        case _:
            return measure_units(model, config.technique, how.method, rows, on_batch=on_batch)


def depends_on(config: StructuredPruning) -> tuple[object, ...]:
    """What of a step the scores depend on, beside the model and the texts: recipes that agree in it can share them."""
    how = config.importance
    if isinstance(config, LayerPruning):
        return config.technique, how.combine, _traffic(how)
    return config.technique, how.method


def prune(model: TextClassifier, config: StructuredPruning, scores: Scores | None = None) -> Shaped:
    """Carry out one step of structured pruning; see `prune_heads`, `prune_ffn` and `prune_layers`."""
    match config:
        case HeadPruning():
            return prune_heads(model, config, scores)
        case FfnPruning():
            return prune_ffn(model, config, scores)
        case LayerPruning():
            return prune_layers(model, config, scores)


def prune_heads(model: TextClassifier, config: HeadPruning, scores: Scores | None = None) -> Shaped:
    """Cut out attention heads: those that are named, or the least important ones.

    Args:
        model: Left as it is.
        config: The step.
        scores: From `measure`; none are needed where heads are named, or none go.

    Raises:
        RecipeError: A layer or head that is named is not there, a layer would lose all, or scores lack.
        ModelError: The model's family is not known, or a language's scores rank nothing.
        DataError: A language with traffic has no texts.
    """
    if config.remove is None:
        return _prune_share(model, config, scores)
    counts = _counts(model, "heads")
    keep = _without_heads(model, counts, config.remove)
    return Shaped(_recorded(slice_heads(model, keep), pruning_facts("heads", None, counts, keep)))


def prune_ffn(model: TextClassifier, config: FfnPruning, scores: Scores | None = None) -> Shaped:
    """Cut out the least important neurons of the feed-forward blocks.

    Args:
        model: Left as it is.
        config: The step.
        scores: From `measure`; none are needed where none go.

    Raises:
        RecipeError: Scores lack, or do not fit the model.
        ModelError: The model's family is not known, or a language's scores rank nothing.
        DataError: A language with traffic has no texts.
    """
    return _prune_share(model, config, scores)


def prune_layers(model: TextClassifier, config: LayerPruning, scores: Scores | None = None) -> Shaped:
    """Leave out whole layers: those that are named, or those that went first as each was tried.

    Args:
        model: Left as it is.
        config: The step.
        scores: From `measure`; none are needed where layers are named, or none go.

    Raises:
        RecipeError: A layer that is named is not there, none would stay, or scores lack.
        ModelError: The model's family is not known, or a language's scores rank nothing.
    """
    total = len(blocks_of(model.module))
    count = floor_share(config.sparsity or 0.0, total)
    chosen: ImportanceMap | None = None
    if config.remove is not None:
        gone = _named_layers(model, total, config.remove)
    elif scores is None and count == 0:
        gone = set()
    else:
        found, one = combined(model.name, "layers", (1,) * total, config.importance, scores)
        if found.combine != config.importance.combine:
            raise RecipeError(
                f"The order of the layers was found with combine: {found.combine}, not {config.importance.combine}.",
                "Measure it again.",
            )
        gone = set(found.order[:count])
        chosen = importance_map(
            found, config.importance, one, tuple(() if place in gone else (0,) for place in range(total))
        )
    keep = tuple(place for place in range(total) if place not in gone)
    facts = PruningFacts(
        technique="layers",
        target=config.sparsity,
        actual=len(gone) / total,
        removed=len(gone),
        total=total,
        kept_by_layer=keep,
    )
    pruned = drop_layers(model, keep)
    notes = (too_little(config.sparsity, total, "layers"),) if config.sparsity and not count else ()
    return Shaped(replace(pruned, pruning=(*pruned.pruning, facts)), chosen, notes)


def _prune_share(model: TextClassifier, config: HeadPruning | FfnPruning, scores: Scores | None) -> Shaped:
    """Cut out the least important share of the heads or neurons."""
    kind, share = config.technique, config.sparsity or 0.0
    cut_to = slice_heads if kind == "heads" else slice_neurons
    counts = _counts(model, kind)
    if scores is None and share == 0:
        whole = [range(count) for count in counts]
        return Shaped(_recorded(cut_to(model, whole), pruning_facts(kind, share, counts, whole)))
    found, one = combined(model.name, kind, counts, config.importance, scores)
    multiple = config.multiple if isinstance(config, FfnPruning) else 1
    keep = choose(one, share, config.scope, multiple=multiple)
    notes = shortfall(kind, share, config.scope, counts, keep, multiple)
    # A layer's neurons are many: the map tells how many stay, and of the heads which.
    kept = tuple(map(tuple, keep)) if kind == "heads" else tuple((len(some),) for some in keep)
    chosen = importance_map(found, config.importance, one, kept)
    cut = cut_to(model, keep, instead_of(found, compensate=config.compensate))
    return Shaped(_recorded(cut, pruning_facts(kind, share, counts, keep)), chosen, notes)


def _counts(model: TextClassifier, kind: UnitKind) -> tuple[int, ...]:
    count = heads_of if kind == "heads" else neurons_of
    return tuple(count(model.module, block) for block in blocks_of(model.module))


def _traffic(how: Importance) -> Mapping[str, float] | None:
    return how.traffic if how.combine == "traffic" else None


def _without_heads(
    model: TextClassifier, counts: Sequence[int], remove: Mapping[int, Sequence[int]]
) -> list[list[int]]:
    for layer, heads in remove.items():
        if layer >= len(counts):
            raise RecipeError(
                f"There is no layer {layer} to remove heads of: {model.name} has {len(counts)} layers.",
                f"Layers are counted from 0; the last is {len(counts) - 1}.",
            )
        if beyond := sorted({head for head in heads if head >= counts[layer]}):
            raise RecipeError(
                f"Layer {layer} of {model.name} has no head {beyond[0]}: it has {counts[layer]}.",
                f"Heads are counted from 0; the last is {counts[layer] - 1}.",
            )
        if len(set(heads)) == counts[layer]:
            raise RecipeError(
                f"Layer {layer} of {model.name} would lose all of its {counts[layer]} heads.",
                "Keep at least one in each layer, or remove the whole layer.",
            )
    return [[head for head in range(count) if head not in remove.get(layer, ())] for layer, count in enumerate(counts)]


def _named_layers(model: TextClassifier, total: int, remove: Sequence[int]) -> set[int]:
    if beyond := sorted({layer for layer in remove if layer >= total}):
        raise RecipeError(
            f"There is no layer {beyond[0]} to remove: {model.name} has {total} layers.",
            f"Layers are counted from 0; the last is {total - 1}.",
        )
    if len(set(remove)) == total:
        raise RecipeError(f"{model.name} would lose all of its {total} layers.", "Keep at least one.")
    return set(remove)


def _recorded(pruned: TextClassifier, facts: PruningFacts) -> TextClassifier:
    return replace(pruned, pruning=(*pruned.pruning, facts))
