"""Translates texts with an artifact or a router, in the two stages that a server batches between."""

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from leanglot.errors import ModelError
from leanglot.languages import pair_tag
from leanglot.results.monitor_baseline import OUTCOMES
from leanglot.runtimes.seq2seq import Decoding
from leanglot.runtimes.source_facts import source_facts
from leanglot.runtimes.translation_outcome import outcome_of
from leanglot.runtimes.translation_router import TranslationRouter
from leanglot.runtimes.translator import Translation, Translator
from leanglot.runtimes.variants import answered_by_variant
from leanglot.serve.answers import Answer, Translated
from leanglot.serve.engine import PLATFORMS, WARM_TEXT, Prepared, run_all
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
    """A translation artifact, or a router over several, as a server's engine.

    Attributes:
        name: Name of the artifact or the router.
        translators: The loaded variants by name; a plain artifact is the only one.
        unknown: Id of each variant's unknown token on the source side; None where it has none.
        files: What they were loaded from.
        batch_tokens: Largest batch of the decoder, in source tokens times beam width.
        decoding: How translations are searched for; None takes what each artifact is meant to be used with.
        router: The router; None for a plain artifact.
    """

    name: str
    translators: Mapping[str, Translator]
    unknown: Mapping[str, int | None]
    files: LoadedFiles
    batch_tokens: int
    decoding: Decoding | None = None
    router: TranslationRouter | None = None

    @property
    def main(self) -> Translator:
        """The variant that knows the languages for all."""
        return self.translators[self.name] if self.router is None else self.router.main

    @property
    def labels(self) -> tuple[str, ...]:
        """What can be seen of a translation."""
        return OUTCOMES

    @property
    def pairs(self) -> tuple[str, ...]:
        """The pairs that it translates; empty where it is any two of many languages."""
        return self.main.facts.pairs

    @property
    def platform(self) -> str:
        """What executes it, in the names of the Open Inference Protocol where it has one."""
        runtimes = {translator.manifest.runtime for translator in self.translators.values()}
        return "+".join(sorted(PLATFORMS[runtime] for runtime in runtimes))

    def pair_of(self, source: str | None, target: str | None) -> str:
        """The pair of two languages; see `KnowsPairs`."""
        return self.main.pair_of(source, target)

    def prepare(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Prepared]:
        """Tokenize texts, also those that will be split; ``languages`` are pairs. See `StagedEngine`."""
        pairs = [pair or self._some_pair() for pair in languages]

        def prepare(variant: str, places: list[int]) -> list[Prepared]:
            return self._prepared(variant, [texts[place] for place in places], [pairs[place] for place in places])

        return answered_by_variant([self._variant_of(pair) for pair in pairs], prepare)

    def run(self, prepared: Sequence[Prepared]) -> list[Answer]:
        """Translate texts of one variant; long ones are split by sentence. See `StagedEngine`.

        Raises:
            FilesChangedError: The model's files were changed since they were loaded.
            ModelError: The model gave something else than numbers.
            ConfigError: The beam does not fit into the memory that is free.
        """
        pairs = [each.language or self._some_pair() for each in prepared]
        texts, variant = [each.text for each in prepared], prepared[0].variant
        translator = self.translators[variant]
        found = translator.translate(texts, pairs=pairs, decoding=self.decoding, batch_tokens=self.batch_tokens)
        self.files.check()
        if broken := sum(not math.isfinite(each.confidence) for each in found):
            raise ModelError(f"{variant} gave no finite numbers for {broken} of {len(found)} texts.")
        return [
            _answer(each, pair, translation) for each, pair, translation in zip(prepared, pairs, found, strict=True)
        ]

    def answer(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Answer]:
        """Translate texts, in order; see `Engine`."""
        return run_all(self, self.prepare(texts, languages), self.batch_tokens)

    def warm(self) -> None:
        """Have every variant translate once, so that the first caller need not wait."""
        for variant in self.translators:
            self.run(self._prepared(variant, [WARM_TEXT], [self._some_pair()]))

    def _variant_of(self, pair: str) -> str:
        return self.name if self.router is None else self.router.variant_of(pair)

    def _prepared(self, variant: str, texts: Sequence[str], pairs: Sequence[str]) -> list[Prepared]:
        rows, facts = source_facts(self.translators[variant].text, texts, pairs, self.unknown[variant])
        return [
            Prepared(text, pair, variant, row, fact)
            for text, pair, row, fact in zip(texts, pairs, rows, facts, strict=True)
        ]

    def _some_pair(self) -> str:
        """A pair that it translates, for warming up."""
        facts = self.main.facts
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
