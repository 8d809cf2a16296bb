"""Cuts the tables of an encoder-decoder model to some rows, renumbers all ids that it knows, and checks its answers."""

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import nn
from transformers import PreTrainedModel

from leanglot.compress.seq2seq_importance import logits_of, taught_batches
from leanglot.data.parallel import ParallelExamples
from leanglot.errors import RecipeError
from leanglot.models.text_classifier import sharing_copy
from leanglot.models.translation_model import TranslationModel
from leanglot.runtimes.translation_text import TranslationText

_PROBES: Final = 8  # sentences that both models answer
_LOOKED_AT: Final = 64  # sentences to take them from
_LISTS: Final = ("suppress_tokens", "begin_suppress_tokens")


def config_ids(module: PreTrainedModel) -> dict[str, list[int]]:
    """The token ids that a model's configs hold, by the name of their setting."""
    found: dict[str, list[int]] = {}
    for config in _configs(module):
        for name, value in vars(config).items():
            if name.endswith(("_token_id", "_token_ids")) and value is not None:
                found.setdefault(name, []).extend(value if isinstance(value, list | tuple) else [value])
    return found


def with_rows(model: TranslationModel, source: Sequence[int], target: Sequence[int]) -> PreTrainedModel:
    """A module with some rows of the tables, whose other weights are the model's.

    Args:
        model: Left as it is.
        source: By new id the old one, of the encoder's table.
        target: By new id the old one, of the decoder's table and of the output projection, to which all other ids that
            the model knows belong.

    Raises:
        RecipeError: One table has to serve two vocabularies, or the model's generation weighs tokens by their ids.
    """
    made = sharing_copy(model.module)
    tables = (
        (made.get_encoder().get_input_embeddings(), source),
        (made.get_decoder().get_input_embeddings(), target),
        (made.get_output_embeddings(), target),
    )
    rows_of: dict[int, Sequence[int]] = {}
    for table, rows in tables:
        if rows_of.setdefault(id(table.weight), rows) != rows:
            raise RecipeError(
                f"{model.name} has a tokenizer per side and one table for both, which cannot be cut.",
                "Leave vocabulary trimming out of the recipe.",
            )
    weights = {
        id(table.weight): nn.Parameter(
            table.weight.detach()[torch.tensor(rows_of[id(table.weight)])], requires_grad=table.weight.requires_grad
        )
        for table, _ in tables
    }
    new = {old: number for number, old in enumerate(target)}
    for layer in made.modules():
        _exchange(layer, weights, new)
    if (bias := getattr(made, "final_logits_bias", None)) is not None:
        made.final_logits_bias = bias[:, torch.tensor(target)]
    for config in _configs(made):
        _renumber(config, new, model.name)
        for name, size in (("vocab_size", len(source)), ("decoder_vocab_size", len(target))):
            if hasattr(config, name):
                setattr(config, name, size)
    return made


def check_answers(
    before: TranslationModel,
    after: TranslationModel,
    source: Sequence[int],
    target: Sequence[int],
    examples: ParallelExamples,
) -> None:
    """Some of the sentences, padded together, must get the logits they had, of the pieces that stay.

    Args:
        before: The whole model.
        after: The trimmed one.
        source: See `with_rows`.
        target: See `with_rows`.
        examples: Sentences; those that are split otherwise are passed over.

    Raises:
        RecipeError: The logits are others: the family holds ids where none were looked for.
    """
    spread = sorted({round(place * (len(examples) - 1) / (_LOOKED_AT - 1)) for place in range(_LOOKED_AT)})
    looked_at = examples.subset(spread)
    same = _split_alike(before, after, source, target, looked_at)[:_PROBES]
    if not same:
        return
    probes = looked_at.subset(same)
    kept = torch.tensor(target)
    pairs = (taught_batches(model, probes, 1 << 20) for model in (before, after))
    for old, new in zip(*pairs, strict=True):
        counts = old.labels >= 0
        with torch.inference_mode():
            expected = logits_of(before.module, old)[counts][:, kept]
            found = logits_of(after.module, new)[counts]
        if not torch.allclose(expected, found, rtol=1e-3, atol=1e-3, equal_nan=True):
            raise RecipeError(
                f"{type(before.module).__name__} answers otherwise with the trimmed vocabulary, though sentences are "
                "split as before: it must hold token ids of its own.",
                "Its family is not supported; leave vocabulary trimming out of the recipe.",
            )


def _split_alike(
    before: TranslationModel,
    after: TranslationModel,
    source: Sequence[int],
    target: Sequence[int],
    examples: ParallelExamples,
) -> list[int]:
    """Positions of the sentences that both models' tokenizers split alike, on both sides."""
    texts = [
        TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
        for model in (before, after)
    ]
    sources = [text.encode(examples.sources, examples.pairs).rows for text in texts]
    targets = [text.encode_targets(examples.references) for text in texts]
    return [
        place
        for place in range(len(examples))
        if [source[number] for number in sources[1][place].ids] == sources[0][place].ids.tolist()
        and [target[number] for number in targets[1][place]] == targets[0][place].tolist()
        and tuple(target[number] for number in sources[1][place].start) == sources[0][place].start
    ]


def _configs(module: PreTrainedModel) -> list[object]:
    """Every config of a module once: T5's sides have their own."""
    found = (module.config, module.generation_config, module.get_encoder().config, module.get_decoder().config)
    return list({id(config): config for config in found if config is not None}.values())


def _exchange(layer: nn.Module, weights: Mapping[int, nn.Parameter], padding: Mapping[int, int]) -> None:
    """Give a layer the smaller table where it holds a whole one, and what remembers the padding's id the new one."""
    weight = dict(layer.named_parameters(recurse=False)).get("weight")
    cut = None if weight is None else weights.get(id(weight))
    if cut is not None:
        layer.weight = cut
        if isinstance(layer, nn.Embedding):
            layer.num_embeddings = len(cut)
        elif isinstance(layer, nn.Linear):
            layer.out_features = len(cut)
    own = getattr(layer, "padding_idx", None)
    if isinstance(own, int) and (cut is not None or not isinstance(layer, nn.Embedding)):
        setattr(layer, "padding_idx", padding.get(own))  # noqa: B010 - a module's type does not tell its attributes


def _renumber(config: object, new: Mapping[int, int], name: str) -> None:
    if getattr(config, "sequence_bias", None):
        raise RecipeError(
            f"The generation of {name} weighs tokens by their ids (sequence_bias), which would move.",
            "Take it out of generation_config.json, or leave vocabulary trimming out of the recipe.",
        )
    for key, value in list(vars(config).items()):
        if key.endswith(("_token_id", "_token_ids")) and value is not None:
            moved = [new.get(number, number) for number in (value if isinstance(value, list | tuple) else [value])]
            setattr(config, key, moved if isinstance(value, list | tuple) else moved[0])
        elif key in _LISTS and value:
            setattr(config, key, [new[number] for number in value if number in new])
        elif key == "bad_words_ids" and value:
            kept = [[new[number] for number in word] for word in value if all(number in new for number in word)]
            setattr(config, key, kept or None)
        elif key == "forced_decoder_ids" and value:
            setattr(config, key, [[place, new.get(number, number)] for place, number in value])
