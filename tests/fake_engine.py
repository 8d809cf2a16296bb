"""An engine whose answers tell which text they are of, and which a test can hold, watch and break."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from leanglot.runtimes.text_facts import TextFacts
from leanglot.serve.answers import Answer
from leanglot.serve.engine import Prepared

BREAKING, UNREADABLE = "break", "unreadable"


@dataclass
class FakeEngine:
    """Answers each text with itself as the label; the variant is its first word where that is one of `variants`."""

    name: str = "fake"
    labels: tuple[str, ...] = ()
    platform: str = "custom"
    variants: tuple[str, ...] = ()
    go_on: threading.Event = field(default_factory=threading.Event)
    called: threading.Event = field(default_factory=threading.Event)
    calls: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.go_on.set()

    def hold(self) -> None:
        """From the next call on, wait for `release`."""
        self.go_on.clear()
        self.called.clear()

    def release(self) -> None:
        self.go_on.set()

    def held(self) -> bool:
        """Waits until a call is held."""
        return self.called.wait(20)

    def prepare(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Prepared]:
        if UNREADABLE in texts:
            raise ValueError("unreadable")
        return [
            Prepared(text, language, self._variant(text), row(text), facts(text))
            for text, language in zip(texts, languages, strict=True)
        ]

    def run(self, prepared: Sequence[Prepared]) -> list[Answer]:
        texts = [each.text for each in prepared]
        self.calls.append(texts)
        self.called.set()
        assert self.go_on.wait(60)
        if BREAKING in texts:
            raise RuntimeError("broken")
        return [answer_of(each) for each in prepared]

    def answer(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Answer]:
        return self.run(self.prepare(texts, languages))

    def _variant(self, text: str) -> str:
        first = text.split(maxsplit=1)[0]
        return first if first in self.variants else self.name


def row(text: str) -> np.ndarray:
    """A token for each word, and two more."""
    return np.zeros(len(text.split()) + 2, dtype=np.int64)


def facts(text: str) -> TextFacts:
    return TextFacts(len(text.split()) + 2, 0, len(text), "Latn", truncated=False)


def answer_of(prepared: Prepared) -> Answer:
    """The text itself as the label."""
    text, tokens = prepared.text, prepared.tokens
    return Answer(
        f"id-{text}", text, 0.75, prepared.language, prepared.variant, tokens, 0, len(text), "Latn", truncated=False
    )
