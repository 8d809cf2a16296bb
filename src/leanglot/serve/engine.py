"""Answers texts with an artifact or a router, in the two stages that a server batches between: prepare, then run."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np

from leanglot.errors import ModelError
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS, pad
from leanglot.runtimes.classifier import Classifier, softmax
from leanglot.runtimes.router import Router
from leanglot.runtimes.text_facts import TextFacts, text_facts
from leanglot.runtimes.variants import answered_by_variant
from leanglot.serve.answers import Answer, Engine
from leanglot.serve.grouping import by_length
from leanglot.serve.loaded_files import LoadedFiles
from leanglot.techniques import Runtime

WARM_TEXT: Final = "warm up"
PLATFORMS: Final[Mapping[Runtime, str]] = {
    "onnxruntime": "onnxruntime_onnx",
    "pytorch": "pytorch",
    "openvino": "openvino",
    "ctranslate2": "ctranslate2",
}
"""What executes a model, in the names of the Open Inference Protocol where it has one."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A text that only needs its model.

    Attributes:
        text: The text.
        language: Canonical tag that was told or detected; None where nobody knows.
        variant: Name of the artifact that answers it.
        row: Its token ids, shape ``(length,)``.
        facts: What is logged of it.
    """

    text: str
    language: str | None
    variant: str
    row: TokenIds
    facts: TextFacts

    @property
    def tokens(self) -> int:
        """Its length in tokens."""
        return len(self.row)


@runtime_checkable
class StagedEngine(Protocol):
    """An `Engine` that a server can batch: it tells the length of texts before it answers them."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Everything that it can answer."""
        ...

    @property
    def platform(self) -> str:
        """What executes it, such as ``onnxruntime_onnx``."""
        ...

    def prepare(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Prepared]:
        """Tokenize texts, and find out who answers each; arguments as `Engine.answer` takes them."""
        ...

    def run(self, prepared: Sequence[Prepared]) -> list[Answer]:
        """Answer texts of one variant in one call of its engine, in order."""
        ...

    def answer(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Answer]:
        """Do both; see `Engine`."""
        ...


def run_all(engine: StagedEngine, prepared: Sequence[Prepared], batch_tokens: int) -> list[Answer]:
    """Answer prepared texts of any variants, in order, in batches of like length.

    Args:
        engine: What prepared them.
        prepared: The texts.
        batch_tokens: Largest batch in tokens, padding included.
    """

    def answer(_: str, places: list[int]) -> list[Answer]:
        own = [prepared[place] for place in places]
        found: dict[int, Answer] = {}
        for group in by_length([each.tokens for each in own], batch_tokens):
            found.update(zip(group, engine.run([own[number] for number in group]), strict=True))
        return [found[number] for number in range(len(own))]

    return answered_by_variant([each.variant for each in prepared], answer)


@dataclass(frozen=True, slots=True)
class ArtifactEngine:
    """An artifact or a router as a server's engine.

    Attributes:
        name: Name of the artifact or the router.
        classifiers: The loaded variants by name; a plain artifact is the only one.
        unknown: Id of each variant's unknown token; None where it has none.
        files: What they were loaded from.
        router: The router; None for a plain artifact.
    """

    name: str
    classifiers: Mapping[str, Classifier]
    unknown: Mapping[str, int | None]
    files: LoadedFiles
    router: Router | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""
        return next(iter(self.classifiers.values())).manifest.labels

    @property
    def platform(self) -> str:
        """What executes it, in the names of the Open Inference Protocol where it has one."""
        runtimes = {classifier.manifest.runtime for classifier in self.classifiers.values()}
        return "+".join(sorted(PLATFORMS[runtime] for runtime in runtimes))

    def prepare(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Prepared]:
        """Tokenize texts, and find out who answers each; see `StagedEngine`."""
        if self.router is None:
            return self._prepared(self.name, texts, languages)
        told = self.router.languages_of(texts, languages)

        def prepare(variant: str, places: list[int]) -> list[Prepared]:
            return self._prepared(variant, [texts[place] for place in places], [told[place] for place in places])

        return answered_by_variant([self.router.variant_of(tag) for tag in told], prepare)

    def run(self, prepared: Sequence[Prepared]) -> list[Answer]:
        """Answer texts of one variant in one call of its engine; see `StagedEngine`.

        Raises:
            FilesChangedError: The model's files were changed since they were loaded.
            ModelError: The model gave something else than numbers.
        """
        variant = prepared[0].variant
        classifier = self.classifiers[variant]
        labels = classifier.manifest.labels
        ids, mask = pad([each.row for each in prepared], classifier.manifest.pad_id)
        probabilities = softmax(classifier.predictor.logits(ids, mask))
        self.files.check()
        if broken := int((~np.isfinite(probabilities).all(axis=1)).sum()):
            raise ModelError(f"{variant} gave no finite numbers for {broken} of {len(prepared)} texts.")
        best = probabilities.argmax(axis=1).tolist()
        highest = probabilities.max(axis=1).tolist()
        return [
            Answer(
                id=uuid.uuid4().hex,
                label=labels[index],
                confidence=confidence,
                language=each.language,
                variant=variant,
                tokens=each.facts.tokens,
                unknown=each.facts.unknown,
                characters=each.facts.characters,
                script=each.facts.script,
                truncated=each.facts.truncated,
            )
            for each, index, confidence in zip(prepared, best, highest, strict=True)
        ]

    def answer(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Answer]:
        """Answer texts, in order; see `Engine`."""
        return run_all(self, self.prepare(texts, languages), DEFAULT_BATCH_TOKENS)

    def warm(self) -> None:
        """Have every variant answer once, and the identifier tell once, so that the first caller need not wait."""
        self.prepare([WARM_TEXT], [None])
        for variant in self.classifiers:
            self.run(self._prepared(variant, [WARM_TEXT], [None]))

    def _prepared(self, variant: str, texts: Sequence[str], languages: Sequence[str | None]) -> list[Prepared]:
        encoded = self.classifiers[variant].encode(texts)
        facts = text_facts(texts, encoded, self.unknown[variant])
        return [
            Prepared(text, language, variant, row, fact)
            for text, language, row, fact in zip(texts, languages, encoded.rows, facts, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class PlainEngine:
    """An engine that can only answer, made one that a server can batch: it guesses the length of texts.

    Attributes:
        engine: The engine.
    """

    engine: Engine

    @property
    def name(self) -> str:
        """Its name."""
        return self.engine.name

    @property
    def labels(self) -> tuple[str, ...]:
        """None are known."""
        return ()

    @property
    def platform(self) -> str:
        """What executes it is not known."""
        return "custom"

    def prepare(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Prepared]:
        """Guess a token for three characters, and keep the texts; see `StagedEngine`."""
        rows = [np.zeros(2 + len(text) // 3, dtype=np.int64) for text in texts]
        facts = [TextFacts(len(row), 0, len(text), "", truncated=False) for row, text in zip(rows, texts, strict=True)]
        names = [self.name] * len(texts)
        return [Prepared(*each) for each in zip(texts, languages, names, rows, facts, strict=True)]

    def run(self, prepared: Sequence[Prepared]) -> list[Answer]:
        """Have the engine answer; see `StagedEngine`."""
        return self.engine.answer([each.text for each in prepared], [each.language for each in prepared])

    def answer(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Answer]:
        """Have the engine answer; see `Engine`."""
        return self.engine.answer(texts, languages)
