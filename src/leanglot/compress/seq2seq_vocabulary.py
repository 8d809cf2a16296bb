"""Vocabulary trimming of translation models: pieces that the language pairs do not use leave tokenizers and tables."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tokenizers import Tokenizer
from torch import nn

from leanglot.compress.pieces import choose_pieces
from leanglot.compress.seq2seq_pruning import ShapedTranslation
from leanglot.compress.seq2seq_tables import check_answers, config_ids, with_rows
from leanglot.compress.tokenizer_trim import Inventory, take_inventory, trim_tokenizer
from leanglot.compress.vocabulary import held_note, told_of_cut
from leanglot.data.parallel import ParallelExamples
from leanglot.errors import DataError, RecipeError
from leanglot.languages import canonical_tag, split_pair
from leanglot.models.translation_model import TranslationModel
from leanglot.results.checkpoints import key_of
from leanglot.results.shaping import VocabularyFacts
from leanglot.results.translation import TranslationFacts
from leanglot.techniques import TrimVocabulary

_SIDES: Final = ("source", "target")


@dataclass(frozen=True, slots=True)
class _Texts:
    """Different texts that show what is used, and the language of each."""

    texts: tuple[str, ...]
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A tokenizer after the cut.

    Attributes:
        tokenizer: The new one.
        inventory: Of the old one.
        rows: By new id the old one, rows of the table that no token has at the end.
        missing: See `VocabularyFacts.expected_missing`.
        held: Number of ids that stay whatever the texts use.
    """

    tokenizer: Tokenizer
    inventory: Inventory
    rows: tuple[int, ...]
    missing: dict[str, float | None]
    held: frozenset[int]


def trim(model: TranslationModel, config: TrimVocabulary, examples: ParallelExamples) -> ShapedTranslation:
    """Cut tokenizers and tables to what sentences and references of some languages use.

    With one vocabulary for both sides a piece stays that either side uses. Tokens that tell the model a language always
    stay. With coverage 1 the sentences and references are split as before, and their tokens get the logits that they
    had; but the model can no longer say what was cut.

    Args:
        model: Left as it is; the new one shares all weights but the tables.
        config: Languages (a pair counts where both of its languages do) or pairs, coverage, whether pieces near the
            used ones stay, and the side.
        examples: Show what is used on either side.

    Raises:
        DataError: There are no sentences in a language that is asked for.
        RecipeError: A tokenizer or a table cannot be trimmed, or the sides cannot be cut apart.
    """
    chosen, notes = _restricted(config, examples)
    shared = model.target_tokenizer is model.tokenizer
    before = {"source": _rows(model, encoder=True), "target": _rows(model, encoder=False)}
    sides = {"source": _sources(model, chosen), "target": _distinct(chosen.references, chosen.target_languages)}
    texts = _distinct(
        sides["source"].texts + sides["target"].texts, sides["source"].languages + sides["target"].languages
    )
    if shared:
        if config.side != "both":
            raise RecipeError(
                f"{model.name} has one vocabulary for both sides, so its {config.side} side cannot be cut alone.",
                "Leave side out of the step.",
            )
        cut = _cut(model, model.tokenizer, texts, before["target"], config, ())
        cuts = {"source": cut, "target": cut}
    else:
        cuts = {side: _cut_side(model, side, sides[side], before[side], config) for side in _SIDES}
    trimmed = _trimmed(model, cuts["source"], cuts["target"], shared=shared)
    facts = _facts(texts, before, cuts, shared=shared)
    trimmed = replace(trimmed, vocabulary=facts)
    check_answers(model, trimmed, cuts["source"].rows, cuts["target"].rows, chosen)
    told = told_of_cut(facts, config, cuts["target"].inventory)
    return ShapedTranslation(trimmed, notes=(*notes, *held_note(_counted_from_padding(model)), *told))


def _restricted(config: TrimVocabulary, examples: ParallelExamples) -> tuple[ParallelExamples, list[str]]:
    """The sentences of the languages or pairs that are asked for."""
    present = {*examples.pairs, *examples.source_languages, *examples.target_languages}
    if not present:
        raise DataError("The vocabulary is cut by sentences, and there are none.", "Give sentences with references.")
    if config.languages is None:
        return examples, []
    wanted = sorted(set(map(canonical_tag, config.languages)))
    if missing := [tag for tag in wanted if tag not in present]:
        raise DataError(
            f"The vocabulary is to be cut for {', '.join(missing)}, and there are no such sentences.",
            f"There are sentences in {', '.join(sorted(set(examples.pairs)))}.",
        )
    kept = [place for place, pair in enumerate(examples.pairs) if pair in wanted or _within(pair, wanted)]
    if not kept:
        raise DataError(
            f"No pair has both of its languages among {', '.join(wanted)}.",
            f"There are sentences in {', '.join(sorted(set(examples.pairs)))}.",
        )
    chosen = examples.subset(kept)
    pairs, others = sorted(set(chosen.pairs)), sorted(set(examples.pairs) - set(chosen.pairs))
    notes = [f"The vocabulary is cut for {', '.join(pairs)}; not for {', '.join(others)}."] if others else []
    return chosen, notes


def _within(pair: str, wanted: Sequence[str]) -> bool:
    return all(language in wanted for language in split_pair(pair) or ("",))


def _distinct(texts: Sequence[str], languages: Sequence[str]) -> _Texts:
    """Each text once: a sentence that many pairs translate, or both ways, is one witness of its pieces."""
    found = list(dict.fromkeys(zip(texts, languages, strict=True)))
    return _Texts(tuple(text for text, _ in found), tuple(language for _, language in found))


def _sources(model: TranslationModel, examples: ParallelExamples) -> _Texts:
    """What the source side's tokenizer is given: the sentences, in T5 with the words in front of them."""
    texts = _distinct(examples.sources, examples.source_languages)
    if model.facts.telling != "prefix":
        return texts
    first: dict[str, str] = {}
    for both in zip(examples.source_languages, examples.target_languages, strict=True):
        first.setdefault(both[0], _words(model.facts, *both))
    written = tuple(first[language] + text for text, language in zip(texts.texts, texts.languages, strict=True))
    return replace(texts, texts=written)


def _words(facts: TranslationFacts, source: str, target: str) -> str:
    names = {"source": facts.codes.get(source, source), "target": facts.codes.get(target, target)}
    return (facts.prefix or "").format(**names)


def _rows(model: TranslationModel, *, encoder: bool) -> int:
    part = model.module.get_encoder() if encoder else model.module.get_decoder()
    table = part.get_input_embeddings()
    if not isinstance(table, nn.Embedding):
        raise RecipeError(
            f"{model.name} keeps its pieces in a {type(table).__name__}, which cannot be cut.",
            "Trim the vocabulary of the model as it was before it was quantized.",
        )
    return table.num_embeddings


def _counted_from_padding(model: TranslationModel) -> set[int]:
    """Ids that stay because M2M counts positions from the padding's id on, which so cannot move."""
    return set(range(model.pad_id)) if model.facts.family == "m2m_100" else set()


def _held(model: TranslationModel, tokenizer: Tokenizer, rows: int) -> frozenset[int]:
    """Ids that stay whatever the texts use: those that the model knows, and those that tell it a language."""
    held = {model.pad_id, model.facts.eos_id, model.facts.decoder_start_id, *_counted_from_padding(model)}
    held |= {number for ids in config_ids(model.module).values() for number in ids}
    if model.facts.telling == "prefix":
        for both in filter(None, map(split_pair, model.facts.pairs)):
            held |= set(tokenizer.encode(_words(model.facts, *both), add_special_tokens=False).ids)
    else:
        codes = (tokenizer.token_to_id(code) for code in model.facts.codes.values())
        held |= {number for number in codes if number is not None}
    return frozenset(number for number in held if 0 <= number < rows)


def _cut(
    model: TranslationModel,
    tokenizer: Tokenizer,
    texts: _Texts,
    rows: int,
    config: TrimVocabulary,
    lead: tuple[int, ...],
) -> _Cut:
    inventory = take_inventory(tokenizer)
    held = _held(model, tokenizer, rows)
    choice = choose_pieces(
        tokenizer,
        inventory,
        texts.texts,
        texts.languages,
        coverage=config.coverage,
        neighbours=config.neighbours,
    )
    known = frozenset(inventory.ids.values())
    cut = trim_tokenizer(tokenizer, choice.kept | (held & known), lead)
    return _Cut(cut.tokenizer, inventory, (*cut.rows, *sorted(held - known)), choice.missing, held)


def _cut_side(model: TranslationModel, side: str, texts: _Texts, rows: int, config: TrimVocabulary) -> _Cut:
    """Cut the tokenizer of one side, or only renumber it: both sides end and pad with the same ids."""
    tokenizer = model.tokenizer if side == "source" else model.target_tokenizer
    lead = (model.facts.eos_id, _padding(model, tokenizer))
    if config.side in ("both", side):
        return _cut(model, tokenizer, texts, rows, config, lead)
    inventory = take_inventory(tokenizer)
    whole = trim_tokenizer(tokenizer, frozenset(inventory.ids.values()), lead)
    spare = sorted(set(range(rows)) - set(inventory.ids.values()))
    return _Cut(whole.tokenizer, inventory, (*whole.rows, *spare), {}, frozenset())


def _padding(model: TranslationModel, tokenizer: Tokenizer) -> int:
    name = model.target_tokenizer.id_to_token(model.pad_id)
    found: int | None = None if name is None else tokenizer.token_to_id(name)
    if found is None or found == model.facts.eos_id:
        raise RecipeError(
            f"A tokenizer of {model.name} has no token of its own for the padding, and both sides must pad alike.",
            "Save both tokenizers with the padding's token, or leave vocabulary trimming out of the recipe.",
        )
    return found


def _trimmed(model: TranslationModel, source: _Cut, target: _Cut, *, shared: bool) -> TranslationModel:
    """The model with the cut tokenizers and tables; all ids that it knows are changed to match."""
    new = {old: number for number, old in enumerate(target.rows)}
    if _counted_from_padding(model) and new[model.pad_id] != model.pad_id:
        raise RecipeError(
            f"{model.name} counts positions from the padding's id, {model.pad_id:,}, which would move: an id below it "
            "has no piece.",
            "Leave vocabulary trimming out of the recipe.",
        )
    facts = model.facts.model_copy(
        update={
            "decoder_start_id": new[model.facts.decoder_start_id],
            "eos_id": new[model.facts.eos_id],
            "suppressed": tuple(sorted(new[old] for old in model.facts.suppressed if old in new)),
            "vocabulary": len(target.rows),
        }
    )
    return replace(
        model,
        module=with_rows(model, source.rows, target.rows),
        tokenizer=source.tokenizer,
        target_tokenizer=source.tokenizer if shared else target.tokenizer,
        facts=facts,
        pad_id=new[model.pad_id],
    )


def _facts(texts: _Texts, before: dict[str, int], cuts: dict[str, _Cut], *, shared: bool) -> VocabularyFacts:
    counted = {"target": cuts["target"]} if shared else cuts
    missing: dict[str, float | None] = {}
    for cut in counted.values():
        for tag, share in cut.missing.items():
            known = [value for value in (missing.get(tag), share) if value is not None]
            missing[tag] = max(known, default=None)
    return VocabularyFacts(
        languages=tuple(sorted(set(texts.languages))),
        pieces_before=sum(before[side] for side in counted),
        pieces_after=sum(len(cut.rows) for cut in counted.values()),
        texts=dict(sorted(Counter(texts.languages).items())),
        expected_missing=missing,
        chosen=key_of([list(cut.rows) for cut in counted.values()]),
    )
