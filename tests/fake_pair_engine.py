"""An engine that "translates" by turning words around, knows few pairs, and shows each kind of failure on demand."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fake_engine import FakeEngine, facts, row
from leanglot.errors import DataError
from leanglot.languages import canonical_or_none, pair_tag
from leanglot.results.monitor_baseline import OUTCOMES
from leanglot.serve.answers import Answer, Translated
from leanglot.serve.engine import Prepared


@dataclass
class FakePairEngine:
    """Translates a text to its words in reverse order; one that begins with an outcome's name has that outcome."""

    name: str = "fake"
    labels: tuple[str, ...] = OUTCOMES
    platform: str = "custom"
    pairs: tuple[str, ...] = ("de→en", "en→de", "en→fr")
    inner: FakeEngine = field(default_factory=FakeEngine)

    def pair_of(self, source: str | None, target: str | None) -> str:
        if target is None:
            raise DataError("No target language was given.", "Give one of: de, en, fr.")
        if canonical_or_none(target) is None:
            raise DataError(f"{target!r:.60} is no language tag.", "Give a BCP 47 tag, such as de.")
        pair = pair_tag("en" if source is None else source, target)
        if pair not in self.pairs:
            raise DataError(f"The model does not translate {pair}.", f"It translates: {', '.join(self.pairs)}.")
        return pair

    def prepare(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Prepared]:
        pairs = [pair or self.pairs[0] for pair in languages]
        return [
            Prepared(text, pair, self.name, row(text), facts(text)) for text, pair in zip(texts, pairs, strict=True)
        ]

    def run(self, prepared: Sequence[Prepared]) -> list[Answer]:
        return [self._turned(each, answer) for each, answer in zip(prepared, self.inner.run(prepared), strict=True)]

    def answer(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Answer]:
        return self.run(self.prepare(texts, languages))

    def _turned(self, prepared: Prepared, answer: Answer) -> Answer:
        words = prepared.text.split()
        outcome = words[0] if words[0] in OUTCOMES else "translated"
        text = "" if outcome == "empty" else " ".join(reversed(words))
        parts = 1 + len(words) // 10
        translated = Translated(text, len(words), parts, cut=False, finished=outcome != "unfinished")
        return replace(answer, label=outcome, variant=self.name, translation=translated)
