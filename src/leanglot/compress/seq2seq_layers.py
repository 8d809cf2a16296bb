"""Leaves layers of an encoder-decoder model's sides out: a deep encoder with a shallow decoder answers faster."""

import copy
from dataclasses import replace
from typing import Literal

from transformers import PreTrainedModel

from leanglot.errors import RecipeError
from leanglot.models.seq2seq_sliced import record_structure
from leanglot.models.seq2seq_structure import Side, cache_follows_decoder, cut_layers, depths_of
from leanglot.models.text_classifier import sharing_copy
from leanglot.models.translation_facts import cache_numbers
from leanglot.models.translation_model import TranslationModel
from leanglot.results.shaping import PruningFacts
from leanglot.techniques import SideLayers

Take = Literal["spread", "first", "last"]


def keep_layers(
    model: TranslationModel, encoder: int | None = None, decoder: int | None = None, take: Take = "spread"
) -> TranslationModel:
    """A model of some of another's layers, with weights of its own: they can be trained.

    Args:
        model: Left as it is.
        encoder: Layers of the encoder that stay; None keeps all.
        decoder: Layers of the decoder that stay; None keeps all.
        take: Which of them: ``spread`` evenly with the first and the last, the ``first``, the ``last``. A single one
            that is spread is the first.

    Returns:
        A new model, which tells what was left out (`TranslationModel.pruning`).

    Raises:
        RecipeError: It asks for more layers than there are, for none, or for a T5 with the deeper decoder.
        ModelError: The model's family is not known.
    """
    kept = drop_layers(model, encoder, decoder, take)
    return replace(kept, module=copy.deepcopy(kept.module))


def prune(model: TranslationModel, config: SideLayers) -> TranslationModel:
    """Carry out a step that leaves layers out; see `drop_layers`."""
    return drop_layers(model, config.encoder, config.decoder, config.take)


def drop_layers(
    model: TranslationModel, encoder: int | None = None, decoder: int | None = None, take: Take = "spread"
) -> TranslationModel:
    """The same as `keep_layers`, but the new model shares its weights with the one given."""
    depths = depths_of(model.module)
    asked: dict[Side, int | None] = {"encoder": encoder, "decoder": decoder}
    keep = {side: chosen_layers(model.name, side, total, asked[side], take) for side, total in depths.items()}
    removed = sum(depths.values()) - sum(map(len, keep.values()))
    if not removed:
        return replace(model, module=sharing_copy(model.module))
    if len(keep["encoder"]) < len(keep["decoder"]) and not cache_follows_decoder(model.module):
        raise RecipeError(
            f"{model.name} would have {len(keep['encoder'])} layers in its encoder and {len(keep['decoder'])} in its "
            "decoder, and transformers gives the decoder's cache of T5 as many layers as the encoder has.",
            "Keep at least as many layers in the encoder as in the decoder.",
        )
    module = sharing_copy(model.module)
    cut_layers(module, keep)
    record_structure(module)
    total = sum(depths.values())
    facts = PruningFacts(
        technique="layers",
        target=None,
        actual=removed / total,
        removed=removed,
        total=total,
        kept_by_layer=(*keep["encoder"], *(depths["encoder"] + layer for layer in keep["decoder"])),
        before_by_layer=(depths["encoder"], depths["decoder"]),
    )
    return reshaped(model, module, facts)


def reshaped(model: TranslationModel, module: PreTrainedModel, done: PruningFacts) -> TranslationModel:
    """The model around a module that a pruning step made of its own.

    Args:
        model: What it was made from.
        module: The new module.
        done: What the step did.
    """
    facts = model.facts.model_copy(update={"cache_numbers": cache_numbers(module)})
    return replace(model, module=module, facts=facts, pruning=(*model.pruning, done))


def chosen_layers(name: str, side: Side, total: int, count: int | None, take: Take) -> list[int]:
    """The layers of a side that stay, counted from 0, ascending; by places, not by importance.

    Raises:
        RecipeError: It asks for more layers than there are, or for none.
    """
    count = total if count is None else count
    if not 1 <= count <= total:
        raise RecipeError(
            f"The {side} of {name} is to keep {count} layers, and it has {total}.", f"Allowed are 1 to {total}."
        )
    if take == "first":
        return list(range(count))
    if take == "last":
        return list(range(total - count, total))
    return [round(layer * (total - 1) / max(count - 1, 1)) for layer in range(count)]
