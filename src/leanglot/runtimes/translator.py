"""A translation model ready to answer: tokenizers, languages and engine, the same for every runtime."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from leanglot.errors import ConfigError, ModelError
from leanglot.languages import split_pair
from leanglot.results.manifest import Manifest
from leanglot.results.translation import TranslationFacts
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS
from leanglot.runtimes.decoding_memory import available_bytes, row_bytes
from leanglot.runtimes.sentences import Part, join_parts, split_text
from leanglot.runtimes.seq2seq import Decoded, Decoding, Seq2SeqEngine, SourceRow
from leanglot.runtimes.translation_text import TranslationText, checked_sources

TOKENS_PER_SOURCE_TOKEN: Final = 3
TOKENS_BESIDE: Final = 20
_WIDEST_BEAM: Final = 1024


@dataclass(frozen=True, slots=True)
class Translation:
    """The answer to one text.

    Attributes:
        text: The translation.
        confidence: Exponential of the mean log probability of its tokens.
        tokens: Number of its tokens, end tokens left out.
        finished: Whether it ended by itself, all of its parts.
        parts: Into how many pieces the source was split, because it was too long for the model; 1 where it was not.
        cut: Whether a sentence of it was too long by itself, and was cut between words.
    """

    text: str
    confidence: float
    tokens: int
    finished: bool
    parts: int = 1
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Pieces:
    """What the engine made of one text, sentence by sentence where it was too long for the model.

    Attributes:
        parts: The pieces of the text.
        decoded: The translation of each.
    """

    parts: tuple[Part, ...]
    decoded: tuple[Decoded, ...]

    @property
    def whole(self) -> Decoded:
        """All of it as one."""
        if len(self.decoded) == 1:
            return self.decoded[0]
        return Decoded(
            np.concatenate([each.ids for each in self.decoded]),
            sum(each.log_probability for each in self.decoded),
            finished=all(each.finished for each in self.decoded),
        )


@dataclass(frozen=True, slots=True)
class Translator:
    """Texts, engine and facts of a translation model."""

    manifest: Manifest
    text: TranslationText
    engine: Seq2SeqEngine

    @property
    def facts(self) -> TranslationFacts:
        """How the model is told its languages."""
        return self.text.facts

    @property
    def decoding(self) -> Decoding:
        """How the model is meant to be used."""
        facts = self.facts
        return Decoding(beam=facts.beam, length_penalty=facts.length_penalty, max_tokens=facts.max_target)

    def pair_of(self, source: str | None, target: str | None) -> str:
        """The pair of two languages; see `TranslationText.pair_of`."""
        return self.text.pair_of(source, target)

    def check_pair(self, pair: str) -> str:
        """A pair that the model translates, in its normal spelling; see `TranslationText.check_pair`."""
        return self.text.check_pair(pair)

    def translate(
        self,
        texts: Iterable[str],
        target: str | None = None,
        source: str | None = None,
        *,
        pairs: Sequence[str] | None = None,
        decoding: Decoding | None = None,
        batch_tokens: int = DEFAULT_BATCH_TOKENS,
    ) -> list[Translation]:
        """Translate texts.

        A text that is longer than the model reads is split by sentence, and its translations are joined; see
        `Translation.parts`.

        Args:
            texts: Any number of texts; none of them empty.
            target: Language to translate into; None for a model of a single target.
            source: Language of the texts; None where the model needs no telling.
            pairs: In place of both, the pair of each text, such as ``en→de``.
            decoding: How to search; None takes `decoding`.
            batch_tokens: Largest batch in source tokens times beam width, padding included.

        Returns:
            One translation per text, in the order given.

        Raises:
            DataError: One string was given instead of several, a text is empty or holds half a surrogate pair, or the
                model cannot translate the pair.
            ConfigError: The search asks for more than the model or the memory allows.
        """
        sources = checked_sources(texts)
        asked = asked_pairs(self.text, len(sources), target, source, pairs)
        found = self.decode(sources, asked, batch_tokens, decoding=decoding)
        return [self._translation(pieces, pair) for pieces, pair in zip(found, asked, strict=True)]

    def decode(
        self,
        sources: Sequence[str],
        pairs: Sequence[str],
        batch_tokens: int = DEFAULT_BATCH_TOKENS,
        on_batch: Callable[[int], None] | None = None,
        *,
        decoding: Decoding | None = None,
    ) -> list[Pieces]:
        """Translate texts whose pairs are known to fit into tokens; see `translate` and `text_of`.

        Args:
            sources: The texts, none of them empty.
            pairs: The pair of each, as `check_pair` gives it.
            batch_tokens: See `translate`.
            on_batch: Called with the number of pieces done after each batch.
            decoding: See `translate`.

        Raises:
            ConfigError: The search asks for more than the model or the memory allows.
        """
        parted = [self._parts(text, pair) for text, pair in zip(sources, pairs, strict=True)]
        flat = [part.text for parts in parted for part in parts]
        flat_pairs = [pair for pair, parts in zip(pairs, parted, strict=True) for _ in parts]
        decoded = iter(self.generate(self.text.encode(flat, flat_pairs).rows, batch_tokens, on_batch, decoding))
        return [Pieces(tuple(parts), tuple(next(decoded) for _ in parts)) for parts in parted]

    def text_of(self, pieces: Pieces, pair: str) -> str:
        """The text of a translation, its pieces joined as the target language joins sentences."""
        _, target = split_pair(pair) or ("", "und")
        return join_parts([self.text.decode(each.ids) for each in pieces.decoded], pieces.parts, target)

    def generate(
        self,
        rows: Sequence[SourceRow],
        batch_tokens: int = DEFAULT_BATCH_TOKENS,
        on_batch: Callable[[int], None] | None = None,
        decoding: Decoding | None = None,
    ) -> list[Decoded]:
        """Translate tokenized sources in batches of like length.

        No translation is longer than `bound` allows, so that none goes on for ever.

        Args:
            rows: Any number of sources.
            batch_tokens: Largest batch in source tokens times beam width, padding included; a longer row goes alone.
            on_batch: Called with the number of sources done after each batch.
            decoding: How to search; None takes `decoding`.

        Returns:
            One per source, in the order given.

        Raises:
            ConfigError: The search asks for more than the model or the memory allows; raised before it starts.
        """
        asked = self.decoding if decoding is None else decoding
        self._check(asked)
        batches = list(self._batches(rows, batch_tokens, asked))
        found: list[Decoded | None] = [None] * len(rows)
        for places in batches:
            most = self.bound(max(len(rows[place]) for place in places), asked)
            answers = self.engine.generate([rows[place] for place in places], replace(asked, max_tokens=most))
            for place, answer in zip(places, answers, strict=True):
                found[place] = _bounded(answer, self.bound(len(rows[place]), asked), asked)
            if on_batch is not None:
                on_batch(len(places))
        return [answer for answer in found if answer is not None]

    def bound(self, source_tokens: int, decoding: Decoding) -> int:
        """Most tokens of a translation of so long a source: three per source token and 20, within the model's limit."""
        if decoding.forced is not None:
            return decoding.forced
        relative = TOKENS_PER_SOURCE_TOKEN * source_tokens + TOKENS_BESIDE
        return min(decoding.max_tokens, self.facts.max_target, relative)

    def _parts(self, text: str, pair: str) -> list[Part]:
        room = self.text.room(pair)
        # No piece is shorter than a character, so that only long texts are counted.
        if len(text) <= room or self.text.count([text])[0] <= room:
            return [Part(text, "", cut=False)]
        return split_text(text, self.text.tokenizer, room) or [Part(text, "", cut=False)]

    def _translation(self, pieces: Pieces, pair: str) -> Translation:
        return Translation(
            text=self.text_of(pieces, pair),
            confidence=confidence(pieces.decoded),
            tokens=sum(len(each.ids) for each in pieces.decoded),
            finished=all(each.finished for each in pieces.decoded),
            parts=len(pieces.parts),
            cut=any(part.cut for part in pieces.parts),
        )

    def _check(self, decoding: Decoding) -> None:
        vocabulary = self.facts.vocabulary or _WIDEST_BEAM
        if not 1 <= decoding.beam <= min(vocabulary, _WIDEST_BEAM):
            raise ConfigError(
                f"The beam is {decoding.beam} wide.", f"Allowed: 1 to {min(vocabulary, _WIDEST_BEAM):,}; 4 is usual."
            )
        count = decoding.max_tokens if decoding.forced is None else decoding.forced
        if count < 1 or (decoding.forced is not None and count > self.facts.max_target):
            raise ConfigError(f"{count} tokens were asked for.", f"Allowed: 1 to {self.facts.max_target:,}.")

    def _batches(self, rows: Sequence[SourceRow], budget: int, decoding: Decoding) -> Iterator[list[int]]:
        """Positions of each batch, shortest sources first; as many rows as the budget and the memory allow."""
        if not rows:
            return
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        memory = available_bytes()
        longest = len(rows[order[-1]])
        if (needed := self._bytes(longest, decoding)) > memory:
            raise ConfigError(
                f"A beam {decoding.beam} wide needs about {_megabytes(needed)} MB for a source of {longest} tokens, "
                f"and {_megabytes(memory)} MB are free.",
                "Lower the beam or max_tokens, or split the text.",
            )
        batch: list[int] = []
        for place in order:
            length = len(rows[place])
            count = len(batch) + 1
            full = count * length * decoding.beam > budget or count * self._bytes(length, decoding) > memory
            if batch and full:
                yield batch
                batch = []
            batch.append(place)
        yield batch

    def _bytes(self, source_tokens: int, decoding: Decoding) -> int:
        return row_bytes(self.facts, decoding, source_tokens, self.bound(source_tokens, decoding))


def asked_pairs(
    text: TranslationText, count: int, target: str | None, source: str | None, pairs: Sequence[str] | None
) -> list[str]:
    """The pair of each of some texts, told by one target and source for all, or one by one.

    Args:
        text: Knows the model's languages.
        count: Number of texts.
        target: Language to translate into; None for a model of a single target.
        source: Language of the texts; None where the model needs no telling.
        pairs: In place of both, the pair of each text.

    Raises:
        DataError: The model cannot translate the pair.
        ConfigError: Both ways were used, or there are not as many pairs as texts.
    """
    if pairs is None:
        return [text.pair_of(source, target)] * count if count else []
    if target is not None or source is not None:
        raise ConfigError("Both pairs and single languages were given.", "Give one of the two.")
    if len(pairs) != count:
        raise ConfigError(f"{len(pairs)} pairs were given for {count} texts.", "Give one pair per text.")
    return [text.check_pair(pair) for pair in pairs]


def confidence(decoded: Sequence[Decoded]) -> float:
    """Exponential of the mean log probability per token, end tokens included, over all parts of a text.

    Raises:
        ModelError: It is no number, because the engine or its weights are broken.
    """
    total = sum(each.log_probability for each in decoded)
    if math.isnan(total):
        raise ModelError(
            "The log probability of a translation is no number.", "The weights or the engine are broken: make it again."
        )
    tokens = sum(len(each.ids) + each.finished for each in decoded)
    return math.exp(min(0.0, total / max(1, tokens)))


def translation_facts(manifest: Manifest) -> TranslationFacts:
    """The facts of a translation artifact.

    Raises:
        ModelError: It is none.
    """
    if manifest.translation is None:
        raise ModelError(f"{manifest.name} does not translate: it is a {manifest.task} artifact.")
    return manifest.translation


def _bounded(answer: Decoded, most: int, decoding: Decoding) -> Decoded:
    """A translation cut at its own bound, so that it does not depend on how long its neighbours in the batch are."""
    if decoding.forced is not None or len(answer.ids) + answer.finished <= most:
        return answer
    return Decoded(answer.ids[:most], answer.log_probability, finished=False)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f}"
