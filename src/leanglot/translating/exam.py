"""The exam every translation candidate sits: the judged sentences, and those that speed is measured on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from leanglot.config import DataConfig, TranslationConfig
from leanglot.data.parallel import ParallelExamples, summarize_parallel
from leanglot.data.parallel_reading import read_parallel, sample_per_pair
from leanglot.exam import FULL, Effort, in_turns, mixed
from leanglot.measure.speed import Timed
from leanglot.measure.translation_quality import score_translations
from leanglot.results.records import DataSummary
from leanglot.results.translations import Translations
from leanglot.runtimes.seq2seq import Decoded, Decoding
from leanglot.runtimes.translation_router import TranslationRouter
from leanglot.runtimes.translator import Translator
from leanglot.runtimes.variants import answered_by_variant


@dataclass(frozen=True, slots=True)
class _Answer:
    """A translation and its tokens."""

    text: str
    decoded: Decoded


@dataclass(frozen=True, slots=True)
class TranslationExam:
    """What the candidates are judged and timed on.

    Attributes:
        examples: The judged sentences.
        summary: The record of the data for the report.
        latency_positions: Sentences whose latency is timed, the pairs in turns.
        batch_positions: Sentences whose throughput is timed, with the data's own mix.
    """

    examples: ParallelExamples
    summary: DataSummary
    latency_positions: tuple[int, ...]
    batch_positions: tuple[int, ...]

    def translate(
        self,
        translator: Translator,
        settings: TranslationConfig,
        batch_tokens: int,
        on_batch: Callable[[int], None] | None = None,
    ) -> Translations:
        """Have a model translate all sentences, and score what it made of them."""
        return self._scored(self._answers(translator, range(len(self.examples)), settings, batch_tokens, on_batch))

    def translate_routed(
        self,
        router: TranslationRouter,
        settings: TranslationConfig,
        batch_tokens: int,
        on_batch: Callable[[int], None] | None = None,
    ) -> Translations:
        """Have each sentence translated by the variant of its pair, and score what they made of them."""

        def answer(name: str, places: list[int]) -> list[_Answer]:
            return self._answers(router.translators[name], places, settings, batch_tokens, on_batch)

        return self._scored(answered_by_variant([router.variant_of(pair) for pair in self.examples.pairs], answer))

    def _answers(
        self,
        translator: Translator,
        places: Sequence[int],
        settings: TranslationConfig,
        batch_tokens: int,
        on_batch: Callable[[int], None] | None,
    ) -> list[_Answer]:
        examples = self.examples.subset(places)
        decoding = decoding_of(translator, settings)
        found = translator.decode(examples.sources, examples.pairs, batch_tokens, on_batch, decoding=decoding)
        return [
            _Answer(translator.text_of(pieces, pair), pieces.whole)
            for pieces, pair in zip(found, examples.pairs, strict=True)
        ]

    def _scored(self, answers: Sequence[_Answer]) -> Translations:
        return score_translations(self.examples, [each.text for each in answers], [each.decoded for each in answers])

    def too_long(self, translator: Translator | TranslationRouter) -> int:
        """How many texts are longer than the model reads, and are translated sentence by sentence."""
        text = translator.text if isinstance(translator, Translator) else translator.main.text
        return sum(text.encode(self.examples.sources, self.examples.pairs).truncated)

    def timed(self, translator: Translator, settings: TranslationConfig, batch_tokens: int) -> Timed:
        """The timed sentences, tokenized by this model."""
        sources, pairs = self.examples.sources, self.examples.pairs
        decoding = decoding_of(translator, settings)

        def encoded(positions: tuple[int, ...]) -> tuple[list[str], list[str]]:
            return [sources[place] for place in positions], [pairs[place] for place in positions]

        rows = translator.text.encode(*encoded(self.latency_positions)).rows
        batch = translator.text.encode(*encoded(self.batch_positions)).rows
        return Timed(
            answer=lambda place: translator.generate([rows[place]], batch_tokens, None, decoding),
            answer_all=lambda: translator.generate(batch, batch_tokens, None, decoding),
            tokenize=lambda place: translator.text.encode(*encoded(self.latency_positions[place : place + 1])),
        )

    @property
    def latency_pairs(self) -> list[str]:
        """The pair of each sentence whose latency is timed."""
        return [self.examples.pairs[place] for place in self.latency_positions]


def prepare_translation_exam(
    data: DataConfig,
    check_pair: Callable[[str], str],
    effort: Effort = FULL,
    limit: int | None = None,
    seed: int = 0,
) -> TranslationExam:
    """Read the data, check that the model knows their pairs, and choose what is timed.

    Args:
        data: File and column names.
        check_pair: Refuses a pair that the model does not translate.
        effort: How many sentences are timed.
        limit: Most sentences per pair; None takes all.
        seed: Seed of every choice.

    Raises:
        DataError: The data cannot be used, or hold a pair that the model does not translate.
    """
    examples, notes = read_parallel(data.path, data.columns)
    for pair in sorted(set(examples.pairs)):
        check_pair(pair)
    if limit is not None:
        before, examples = len(examples), sample_per_pair(examples, limit, seed)
        if len(examples) < before:
            notes = (*notes, f"Drawn at random, at most {limit:,} per pair: {len(examples):,} of {before:,} sentences.")
    rng = np.random.default_rng(seed)
    return TranslationExam(
        examples=examples,
        summary=summarize_parallel(examples, data.path.name, notes),
        latency_positions=in_turns(examples.by_pair(), effort.latency_calls, rng),
        batch_positions=mixed(len(examples), effort.batch_texts, rng),
    )


def decoding_of(translator: Translator, settings: TranslationConfig) -> Decoding:
    """How a run's settings have a model search for its translations."""
    own = translator.decoding
    return replace(
        own,
        beam=own.beam if settings.beam is None else settings.beam,
        length_penalty=own.length_penalty if settings.length_penalty is None else settings.length_penalty,
        # Without a cache is how some run PyTorch; the other engines have no reason to.
        cache=settings.cache or translator.manifest.runtime != "pytorch",
        max_tokens=own.max_tokens if settings.max_tokens is None else min(own.max_tokens, settings.max_tokens),
    )
