"""Vocabulary trimming (Abdaoui et al., 2020): pieces that the languages do not use leave tokenizer and embeddings."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from leanglot.compress.pieces import choose_pieces
from leanglot.compress.shaped import Shaped
from leanglot.compress.tokenizer_trim import Inventory, take_inventory, trim_tokenizer
from leanglot.data.pool import TextPool
from leanglot.errors import DataError, RecipeError
from leanglot.languages import canonical_tag
from leanglot.models.text_classifier import TextClassifier, sharing_copy
from leanglot.results.checkpoints import key_of
from leanglot.results.shaping import FEW_TEXTS, MUCH_MISSING, VocabularyFacts
from leanglot.runtimes.batching import pad
from leanglot.techniques import TrimVocabulary

_MANY_HELD: Final = 100
_PROBES: Final = 8  # texts that both models answer


def trim(model: TextClassifier, config: TrimVocabulary, corpus: TextPool) -> Shaped:
    """Cut tokenizer and embedding table to what texts of some languages use.

    With coverage 1 the texts are split as before, and the answers to them are the same; see decision 0013.

    Args:
        model: Left as it is; the new one shares all weights but the table's.
        config: Languages, coverage, and whether pieces near the used ones stay.
        corpus: Texts that show what is used.

    Raises:
        DataError: The corpus lacks a language that is asked for.
        RecipeError: The tokenizer or the embedding table cannot be trimmed.
    """
    pool, notes = _restricted(config, corpus)
    table = _table(model.module, model.name)
    inventory = take_inventory(model.tokenizer)
    held = _held(model, table, inventory)
    choice = choose_pieces(
        model.tokenizer,
        inventory,
        pool.texts,
        pool.languages,
        coverage=config.coverage,
        neighbours=config.neighbours,
    )
    cut = trim_tokenizer(model.tokenizer, choice.kept | held)
    rows = (*cut.rows, *sorted(_own_ids(model, table) - set(inventory.ids.values())))
    new = _new_ids(model, table, rows)
    facts = VocabularyFacts(
        languages=tuple(sorted(set(pool.languages))),
        pieces_before=table.num_embeddings,
        pieces_after=len(rows),
        texts=dict(sorted(Counter(pool.languages).items())),
        expected_missing=choice.missing,
        chosen=key_of(list(rows)),
    )
    module = _with_rows(model, rows, new)
    trimmed = replace(model, module=module, tokenizer=cut.tokenizer, pad_id=new[model.pad_id], vocabulary=facts)
    _check_answers(model, trimmed, rows, pool.texts)
    return Shaped(trimmed, notes=(*corpus.notes, *notes, *held_note(held), *told_of_cut(facts, config, inventory)))


def _restricted(config: TrimVocabulary, corpus: TextPool) -> tuple[TextPool, list[str]]:
    """The texts of the languages that are asked for."""
    if config.languages is None:
        return corpus, []
    wanted = sorted(set(map(canonical_tag, config.languages)))
    present = Counter(corpus.languages)
    if missing := [tag for tag in wanted if tag not in present]:
        raise DataError(
            f"The vocabulary is to be cut for {', '.join(missing)}, and {corpus.source} has no such texts.",
            f"There are texts in {', '.join(sorted(present))}.",
        )
    pairs = [pair for pair in zip(corpus.texts, corpus.languages, strict=True) if pair[1] in wanted]
    texts, languages = zip(*pairs, strict=True)
    others = sorted(present.keys() - set(wanted))
    notes = [f"The vocabulary is cut for {', '.join(wanted)}; not for {', '.join(others)}."] if others else []
    return replace(corpus, texts=texts, languages=languages), notes


def _table(module: PreTrainedModel, name: str) -> nn.Embedding:
    """The embedding table of the pieces, which must be nobody else's."""
    table = module.get_input_embeddings()
    if not isinstance(table, nn.Embedding):
        raise RecipeError(
            f"{name} keeps its pieces in a {type(table).__name__}, which cannot be cut.",
            "Trim the vocabulary of the model as it was before it was quantized.",
        )
    places = [place for place, weight in module.named_parameters(remove_duplicate=False) if weight is table.weight]
    if len(places) > 1 or module.get_output_embeddings() is not None:
        raise RecipeError(
            f"{name} uses its embedding table in more than one place: {', '.join(places)}.",
            "Only a table that the input alone uses can be cut; leave vocabulary trimming out of the recipe.",
        )
    return table


def _config_ids(module: PreTrainedModel) -> dict[str, list[int]]:
    """The token ids that a model's config holds, by the name of their setting."""
    found = {}
    for name, value in vars(module.config).items():
        if name.endswith(("_token_id", "_token_ids")) and value is not None:
            found[name] = list(value) if isinstance(value, list | tuple) else [value]
    return found


def _own_ids(model: TextClassifier, table: nn.Embedding) -> set[int]:
    """Ids that the model itself knows: their rows stay even where the tokenizer has no such piece."""
    named = {number for ids in _config_ids(model.module).values() for number in ids} | {model.pad_id}
    return {number for number in named if 0 <= number < table.num_embeddings}


def _held(model: TextClassifier, table: nn.Embedding, inventory: Inventory) -> set[int]:
    """Ids of pieces that stay whatever the texts use."""
    held = _own_ids(model, table)
    if _counted_from_padding(model.module, table):
        held |= set(range(model.pad_id))
    return held & set(inventory.ids.values())


def held_note(held: Collection[int]) -> list[str]:
    """What to know of the pieces that stay whatever the texts use."""
    if len(held) < _MANY_HELD:
        return []
    return [f"{len(held):,} pieces stay because the model counts positions from the padding's id, which cannot move."]


def _counted_from_padding(module: nn.Module, table: nn.Embedding) -> bool:
    """Whether positions are counted from the padding's id on, as RoBERTa does."""
    return any(
        layer is not table and isinstance(layer, nn.Embedding) and layer.padding_idx is not None
        for layer in module.modules()
    )


def _new_ids(model: TextClassifier, table: nn.Embedding, rows: Sequence[int]) -> dict[int, int]:
    """The new id of each that stays."""
    new = {old: number for number, old in enumerate(rows)}
    if _counted_from_padding(model.module, table) and new[model.pad_id] != model.pad_id:
        raise RecipeError(
            f"{model.name} counts positions from the padding's id, {model.pad_id:,}, which would move: "
            "an id below it has no piece.",
            "Leave vocabulary trimming out of the recipe.",
        )
    return new


def _with_rows(model: TextClassifier, rows: Sequence[int], new: Mapping[int, int]) -> PreTrainedModel:
    """The model with some rows of the table, and with the ids that it knows changed to match."""
    made = sharing_copy(model.module)
    table = _table(made, model.name)
    counted = _counted_from_padding(made, table)
    weight = table.weight.detach()[torch.tensor(rows)]
    table.weight = nn.Parameter(weight, requires_grad=table.weight.requires_grad)
    table.num_embeddings = len(rows)
    for layer in made.modules():
        padding = getattr(layer, "padding_idx", None)
        if isinstance(padding, int) and (layer is table or not counted):
            setattr(layer, "padding_idx", new.get(padding))  # noqa: B010 - a module's type does not tell its attributes
    made.config.vocab_size = len(rows)
    for name, ids in _config_ids(made).items():
        moved = [new.get(number, number) for number in ids]
        single = isinstance(getattr(made.config, name), int)
        setattr(made.config, name, moved[0] if single else moved)
    return made


def _check_answers(before: TextClassifier, after: TextClassifier, rows: Sequence[int], texts: Sequence[str]) -> None:
    """Some of the texts, padded together, must be answered alike: a family may keep ids where none were looked for."""
    spread = sorted({round(place) for place in np.linspace(0, len(texts) - 1, 4 * _PROBES)})
    chosen = [texts[place] for place in spread]
    old, new = ([item.ids for item in model.tokenizer.encode_batch(chosen)] for model in (before, after))
    same = [place for place, ids in enumerate(new) if [rows[number] for number in ids] == old[place]][:_PROBES]
    if not same:
        return
    expected, found = (_answers(model, [ids[place] for place in same]) for model, ids in ((before, old), (after, new)))
    if not torch.allclose(expected, found, rtol=1e-4, atol=1e-4, equal_nan=True):
        raise RecipeError(
            f"{type(before.module).__name__} answers otherwise with the trimmed vocabulary, though texts are split as "
            "before: it must hold token ids of its own.",
            "Its family is not supported; leave vocabulary trimming out of the recipe.",
        )


def _answers(model: TextClassifier, rows: Sequence[Sequence[int]]) -> Tensor:
    ids, mask = map(torch.from_numpy, pad([np.asarray(row, dtype=np.int64) for row in rows], model.pad_id))
    with torch.inference_mode():
        logits: Tensor = model.module(input_ids=ids, attention_mask=mask).logits
    return logits


def told_of_cut(facts: VocabularyFacts, config: TrimVocabulary, inventory: Inventory) -> list[str]:
    """What to know of the cut: that it was none, and languages whose texts are few or do not show enough."""
    notes = []
    if facts.pieces_after == facts.pieces_before:
        notes.append(f"All {facts.pieces_before:,} pieces stay: there is nothing to trim.")
        return notes
    fate = "be unknown" if inventory.kind == "WordLevel" else "be split into smaller pieces"
    advice = "give more texts" if config.neighbours else "give more texts, or set neighbours"
    for tag, missing in facts.expected_missing.items():
        few = facts.texts[tag] < FEW_TEXTS
        if few or (missing or 0) > MUCH_MISSING:
            texts = "1 text" if facts.texts[tag] == 1 else f"{facts.texts[tag]:,} texts"
            known = f"{tag}: {texts} only: " if few else f"{tag}: "
            notes.append(f"{known}{_expectation(missing, fate)}; {advice}.")
    return notes


def _expectation(missing: float | None, fate: str) -> str:
    if missing is None:
        return f"too few to tell how many of the tokens of further texts will {fate}"
    if missing == 0:
        return f"all their pieces stand in other texts too, but further texts may have tokens that will {fate}"
    percent = f"{100 * missing:.0f}" if missing >= 0.1 else f"{100 * missing:.2g}"
    return f"about {percent}% of the tokens of further texts will {fate}"
