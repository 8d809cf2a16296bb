"""Measures how much heads and neurons matter to a translation model, by language pair, on sentences with references."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from leanglot.compress.importance import Rows, Scores, Texts, Told, UnitWatch, view_of
from leanglot.data.parallel import ParallelExamples
from leanglot.errors import ModelError
from leanglot.models.seq2seq_structure import Units, attentions_of, count_of, feed_forwards_of
from leanglot.models.structure import linear_at
from leanglot.models.translation_model import TranslationModel
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import pad, token_batches
from leanglot.runtimes.translation_text import TranslationText

BATCH_TOKENS: Final = 2048


@dataclass(frozen=True, slots=True)
class Taught:
    """One padded batch of sentences with their references.

    Attributes:
        positions: Where its sentences stand, shape (batch,).
        input_ids: Of the sources, shape (batch, source length).
        source_mask: 1 for their tokens.
        given: What the decoder reads: its start and the reference without the last token, shape (batch, length).
        given_mask: 1 for its tokens.
        labels: What it should say at each place, -100 where nothing is asked, shape (batch, length).
    """

    positions: TokenIds
    input_ids: Tensor
    source_mask: Tensor
    given: Tensor
    given_mask: Tensor
    labels: Tensor


def measure_units(
    model: TranslationModel,
    kind: Literal["heads", "ffn"],
    method: Literal["taylor", "gradient"],
    examples: ParallelExamples,
    *,
    batch_tokens: int = BATCH_TOKENS,
    on_batch: Told | None = None,
) -> Scores:
    """Measure how much each head or neuron of both sides matters to translations, by one backward pass per batch.

    A sentence's loss is the mean cross-entropy of its reference's tokens, each with the right ones before it. Scores
    are those of `leanglot.compress.importance.measure_units`; the sums go over a side's own tokens: the source's in the
    encoder, the target's in the decoder and its cross-attention.

    Args:
        model: Left as it is; what is needed beside it is memory for one batch's activations and their gradients.
        kind: Heads or neurons.
        method: How.
        examples: At least one sentence; the scores are by language pair.
        batch_tokens: Largest number of tokens in a batch, source and target together; a longer sentence goes alone.
        on_batch: Told of progress, in sentences.

    Returns:
        Scores whose layers are in the order of `attentions_of` or `feed_forwards_of`.

    Raises:
        RecipeError: There is no sentence.
        ModelError: The model's family is not known, or its loss is not finite.
        DataError: The model cannot translate a pair.
    """
    by_pair: Rows = {pair: list(places[:, None]) for pair, places in examples.by_pair().items()}
    texts = Texts.of(by_pair)
    ordered = examples.subset([int(row[0]) for row in texts.rows])
    module = view_of(model.module)
    watches = {side: UnitWatch(method, len(texts.languages)) for side in ("encoder", "decoder")}
    for units in units_of(module, kind):
        watch = watches["encoder" if units.place == "encoder" else "decoder"]
        watch.attach(linear_at(module, units.behind), count_of(module, units))
    done = 0
    for batch in taught_batches(model, ordered, batch_tokens):
        tags = texts.tags[batch.positions]
        watches["encoder"].turn_to(tags, batch.source_mask)
        watches["decoder"].turn_to(tags, batch.given_mask)
        with torch.enable_grad():
            _losses(module, batch).sum().backward()  # type: ignore[no-untyped-call]
        done += len(batch.positions)
        if on_batch is not None:
            on_batch(done)
    counts = np.bincount(texts.tags)[:, None]
    means = [sums / counts for watch in watches.values() for sums in watch.sums]
    by_language = {tag: tuple(mean[place] for mean in means) for place, tag in enumerate(texts.languages)}
    activations = tuple(values for watch in watches.values() for values in watch.means())
    return Scores(kind, method, texts.counts, by_language, activations=activations)


def units_of(module: PreTrainedModel, kind: Literal["heads", "ffn"]) -> tuple[Units, ...]:
    """The heads of all attentions, or the neurons of all feed-forward blocks; the encoder's come first."""
    return attentions_of(module) if kind == "heads" else feed_forwards_of(module)


def taught_batches(model: TranslationModel, examples: ParallelExamples, batch_tokens: int) -> Iterator[Taught]:
    """Sentences of like length together, tokenized as the model is taught with them.

    Args:
        model: Tells how.
        examples: Sources too long are cut, references too.
        batch_tokens: See `measure_units`.

    Raises:
        DataError: The model cannot translate a pair.
    """
    text = TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
    sources = text.encode(examples.sources, examples.pairs).rows
    targets = text.encode_targets(examples.references)
    lengths = [
        np.zeros(len(source) + len(target), dtype=np.int64) for source, target in zip(sources, targets, strict=True)
    ]
    for batch in token_batches(lengths, model.pad_id, batch_tokens):
        chosen = [int(position) for position in batch.positions]
        ids, mask = map(torch.from_numpy, pad([sources[place].ids for place in chosen], model.pad_id))
        starts = [sources[place].start for place in chosen]
        given = [np.asarray((*start, *targets[place][:-1])) for start, place in zip(starts, chosen, strict=True)]
        asked = [
            np.asarray((*[-100] * (len(start) - 1), *targets[place]))
            for start, place in zip(starts, chosen, strict=True)
        ]
        decoder_ids, decoder_mask = map(torch.from_numpy, pad(given, model.pad_id))
        labels = torch.from_numpy(pad(asked, -100)[0])
        yield Taught(batch.positions, ids, mask, decoder_ids, decoder_mask, labels)


def logits_of(module: PreTrainedModel, batch: Taught) -> Tensor:
    """The logits at each place of the decoder, shape (batch, length, pieces).

    Raises:
        ModelError: Some of them, at a place that counts, are no numbers.
    """
    output = module(
        input_ids=batch.input_ids,
        attention_mask=batch.source_mask,
        decoder_input_ids=batch.given,
        use_cache=False,
    )
    logits: Tensor = output.logits
    if bool(torch.isnan(logits[batch.labels >= 0]).any()):
        raise ModelError(
            "Some logits are NaN on the sentences for importance.",
            "The model itself fails there: check its weights and its translations.",
        )
    return logits


def _losses(module: PreTrainedModel, batch: Taught) -> Tensor:
    """The mean cross-entropy of each sentence's tokens, shape (batch,)."""
    logits = logits_of(module, batch)
    each = functional.cross_entropy(logits.transpose(1, 2), batch.labels, reduction="none", ignore_index=-100)
    losses: Tensor = each.sum(dim=1) / (batch.labels >= 0).sum(dim=1).clamp(min=1)
    if not bool(torch.isfinite(losses).all()):
        raise ModelError(
            "The loss is not finite (NaN or infinity) on the sentences for importance.",
            "The model itself fails there: check its weights and its translations.",
        )
    return losses
