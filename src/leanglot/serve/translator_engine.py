"""Translates texts with an artifact, in the two stages that a server batches between."""

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from leanglot.errors import ModelError
from leanglot.languages import pair_tag
from leanglot.results.monitor_baseline import OUTCOMES
from leanglot.runtimes.seq2seq import Decoding
from leanglot.runtimes.source_facts import source_facts
from leanglot.runtimes.translation_outcome import outcome_of
from leanglot.runtimes.translator import Translation, Translator
from leanglot.serve.answers import Answer, Translated
from leanglot.serve.engine import PLATFORMS, WARM_TEXT, Prepared
from leanglot.serve.grouping import by_length
from leanglot.serve.loaded_files import LoadedFiles


@runtime_checkable
class KnowsPairs(Protocol):
    """What an engine that translates has beside a `StagedEngine`; its languages are pairs."""

    @property
    def pairs(self) -> tuple[str, ...]:
        """The pairs that it translates; empty where it is any two of many languages."""
        ...

    def pair_of(self, source: str | None, target: str | None) -> str:
        """The pair of two languages, one of which may go unsaid where the model leaves no choice.

        Raises:
            DataError: A language is missing or unknown, or the model cannot translate the pair.
        """
        ...


@dataclass(frozen=True, slots=True)
class TranslatorEngine:
    """A translation artifact as a server's engine.

    Attributes:
        name: Name of the artifact.
        translator: The loaded artifact.
        unknown: Id of the unknown token of the source side; None where it has none.
        files: What it was loaded from.
        batch_tokens: Largest batch of the decoder, in source tokens times beam width.
        decoding: How translations are searched for; None takes what the artifact is meant to be used with.
    """

    name: str
    translator: Translator
    unknown: int | None
    files: LoadedFiles
    batch_tokens: int
    decoding: Decoding | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """What can be seen of a translation."""
        return OUTCOMES

    @property
    def pairs(self) -> tuple[str, ...]:
        """The pairs that it translates; empty where it is any two of many languages."""
        return self.translator.facts.pairs

    @property
    def platform(self) -> str:
        """What executes it, in the names of the Open Inference Protocol where it has one."""
        return PLATFORMS[self.translator.manifest.runtime]

    def pair_of(self, source: str | None, target: str | None) -> str:
        """The pair of two languages; see `KnowsPairs`."""
        return self.translator.text.pair_of(source, target)

    def prepare(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Prepared]:
        """Tokenize texts, also those that will be split; ``languages`` are pairs. See `StagedEngine`."""
        pairs = [pair or self._some_pair() for pair in languages]
        rows, facts = source_facts(self.translator.text, texts, pairs, self.unknown)
        return [
            Prepared(text, pair, self.name, row, fact)
            for text, pair, row, fact in zip(texts, pairs, rows, facts, strict=True)
        ]

    def run(self, prepared: Sequence[Prepared]) -> list[Answer]:
        """Translate texts; long ones are split by sentence. See `StagedEngine`.

        Raises:
            FilesChangedError: The model's files were changed since they were loaded.
            ModelError: The model gave something else than numbers.
            ConfigError: The beam does not fit into the memory that is free.
        """
        pairs = [each.language or self._some_pair() for each in prepared]
        texts = [each.text for each in prepared]
        found = self.translator.translate(texts, pairs=pairs, decoding=self.decoding, batch_tokens=self.batch_tokens)
        self.files.check()
        if broken := sum(not math.isfinite(each.confidence) for each in found):
            raise ModelError(f"{self.name} gave no finite numbers for {broken} of {len(found)} texts.")
        return [
            _answer(each, pair, translation) for each, pair, translation in zip(prepared, pairs, found, strict=True)
        ]

    def answer(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Answer]:
        """Translate texts, in order; see `Engine`."""
        prepared = self.prepare(texts, languages)
        out: dict[int, Answer] = {}
        for group in by_length([each.tokens for each in prepared], self.batch_tokens):
            out.update(zip(group, self.run([prepared[place] for place in group]), strict=True))
        return [out[place] for place in range(len(texts))]

    def warm(self) -> None:
        """Translate once, so that the first caller need not wait."""
        self.run(self.prepare([WARM_TEXT], [None]))

    def _some_pair(self) -> str:
        """A pair that it translates, for warming up."""
        facts = self.translator.facts
        if facts.pairs:
            return facts.pairs[0]
        known = [*facts.codes, "en", "de"][:2]
        return pair_tag(*known)


def _answer(prepared: Prepared, pair: str, translation: Translation) -> Answer:
    facts = prepared.facts
    return Answer(
        id=uuid.uuid4().hex,
        label=outcome_of(prepared.text, translation.text, pair, finished=translation.finished),
        confidence=translation.confidence,
        language=pair,
        variant=prepared.variant,
        tokens=facts.tokens,
        unknown=facts.unknown,
        characters=facts.characters,
        script=facts.script,
        truncated=False,
        translation=Translated(
            translation.text, translation.tokens, translation.parts, translation.cut, translation.finished
        ),
    )
