"""Finds translations that fail silently: another language, the source handed back, loops, nothing, a wrong length."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.data.parallel import ParallelExamples
from leanglot.data.scripts import NO_SCRIPT, letter_scripts
from leanglot.errors import DataError
from leanglot.languages import script
from leanglot.results.translation import FailureKind
from leanglot.runtimes.identifier import Identifier
from leanglot.train.identify import Lessons, learn

Found = NDArray[np.bool_]

FEWEST_REFERENCES: Final = 5
"""References of a pair under which its usual length ratio is not known."""

SURE: Final = 0.9
"""Probability from which another language is told."""

UNLIKE: Final = 0.2
"""Probability of the target language up to which another one may be told."""

MOST_MISTAKEN: Final = 0.01
"""Share of held-out texts of a language that may be told as another; above it, the two are not told apart."""

SHORTEST: Final = 16
"""Letters under which no language is told by its words; those of scripts that need few count four times."""

SHORTEST_IN_SCRIPT: Final = 3
"""Letters under which no language is told by its script."""

_DENSE: Final = frozenset({"Hani", "Hira", "Kana", "Hang"})
_LETTERS_OF: Final[Mapping[str, frozenset[str]]] = {
    "Jpan": frozenset({"Hani", "Hira", "Kana"}),
    "Hrkt": frozenset({"Hira", "Kana"}),
    "Kore": frozenset({"Hang", "Hani"}),
    "Hans": frozenset({"Hani"}),
    "Hant": frozenset({"Hani"}),
}

# A unit of letters at once again: three times where it is long, four where it is short, ten for a single one.
_LOOPS: Final = re.compile(r"(.{12,200}?)\1{2,}|(.{2,40}?)\2{3,}|(\S)\3{9,}", re.DOTALL)
_SHORTEST_LOOP: Final = 10

_LENGTH_SMOOTHING: Final = 8.0
"""Characters added to both lengths, so that the ratio of short texts says little."""

_LEAST_SPREAD: Final = 0.2
_SPREADS: Final = 4.0
_FACTOR: Final = 2.0


@dataclass(frozen=True, slots=True)
class Output:
    """What a model made of sentences.

    Attributes:
        texts: Its translations.
        finished: Which of them ended by themselves, shape ``(sentences,)``.
    """

    texts: tuple[str, ...]
    finished: Found


@dataclass(frozen=True, slots=True)
class LengthBand:
    """Usual logarithms of a pair's ratios of target to source length.

    Attributes:
        low: Lowest usual one.
        high: Highest usual one.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Detectors:
    """What was learned from sentences and references to find failures by.

    Attributes:
        identifier: Tells languages by their words; None where there are too few texts or languages.
        mistaken: Pairs of languages, true and told, that it does not tell apart well enough to be believed.
        lengths: Usual length ratios by pair; pairs with too few references have none.
    """

    identifier: Identifier | None
    mistaken: frozenset[tuple[str, str]]
    lengths: Mapping[str, LengthBand]

    def find(self, examples: ParallelExamples, output: Output) -> dict[FailureKind, Found]:
        """Which translations show each kind of failure; one can show several.

        Args:
            examples: The sentences.
            output: A translation of each.
        """
        rows = list(zip(examples.sources, examples.references, output.texts, strict=True))
        empty = np.asarray([is_empty(text, reference) for _, reference, text in rows], dtype=np.bool_)

        def each(found: Sequence[bool]) -> Found:
            return np.asarray(found, dtype=np.bool_) & ~empty

        return {
            "wrong-language": each(self._in_another_language(examples, output.texts)),
            "copied": each([is_copied(*row) for row in rows]),
            "repetition": each([loops(*row) for row in rows]),
            "empty": empty,
            "length": each([self._is_odd(pair, *row) for pair, row in zip(examples.pairs, rows, strict=True)]),
            "unfinished": ~output.finished,
        }

    def _in_another_language(self, examples: ParallelExamples, texts: Sequence[str]) -> list[bool]:
        targets = examples.target_languages
        told = self._told(texts, targets)
        return [
            is_in_another_script(text, reference, target) or other is not None
            for text, reference, target, other in zip(texts, examples.references, targets, told, strict=True)
        ]

    def _told(self, texts: Sequence[str], targets: Sequence[str]) -> list[str | None]:
        """Another language than the target that each text is surely in; None where there is none, or it is short."""
        if self.identifier is None:
            return [None] * len(texts)
        languages = self.identifier.info.languages
        rows = self.identifier.probabilities([plain_words(text) for text in texts])
        told: list[str | None] = []
        for row, text, target in zip(rows, texts, targets, strict=True):
            other = _surely_other(row, languages, target) if _weight(text) >= SHORTEST else None
            told.append(None if (target, other) in self.mistaken else other)
        return told

    def _is_odd(self, pair: str, source: str, reference: str, text: str) -> bool:
        """Unusual for the pair, and far from its own reference."""
        band = self.lengths.get(pair)
        if band is None or band.low <= length_ratio(source, text) <= band.high:
            return False
        return abs(length_ratio(reference, text)) > math.log(_FACTOR)


def learn_detectors(examples: ParallelExamples, seed: int = 0) -> Detectors:
    """Learns from sources and references what each language and each pair looks like.

    Args:
        examples: The sentences.
        seed: Seed of what is drawn.
    """
    texts: dict[tuple[str, str], None] = {}
    for column, tags in (
        (examples.sources, examples.source_languages),
        (examples.references, examples.target_languages),
    ):
        texts |= dict.fromkeys(
            (plain_words(text), tag) for text, tag in zip(column, tags, strict=True) if _weight(text) >= SHORTEST
        )
    identifier, mistaken = _learned(list(texts), seed)
    return Detectors(identifier, mistaken, _bands(examples))


def _learned(texts: Sequence[tuple[str, str]], seed: int) -> tuple[Identifier | None, frozenset[tuple[str, str]]]:
    lessons = Lessons([text for text, _ in texts], [tag for _, tag in texts], None, "the judged sentences")
    try:
        learned = learn(lessons, seed)
    except DataError:  # too few texts or languages to tell any apart
        return None, frozenset()
    tags, rows = learned.identifier.info.languages, learned.probabilities
    if rows is None:
        return None, frozenset()
    told = [
        _surely_other(row, tags, lessons.languages[place]) for row, place in zip(rows, learned.positions, strict=True)
    ]
    of_language = Counter(lessons.languages[place] for place in learned.positions)
    of_both = Counter((lessons.languages[place], other) for place, other in zip(learned.positions, told, strict=True))
    return learned.identifier, frozenset(
        (true, other)
        for (true, other), count in of_both.items()
        if other is not None and count > max(1, MOST_MISTAKEN * of_language[true])
    )


def _surely_other(row: NDArray[np.float32], languages: Sequence[str], target: str) -> str | None:
    """The other language that a text is surely in, from each language's own probability."""
    other = languages[int(row.argmax())]
    sure = target in languages and row.max() >= SURE and row[languages.index(target)] <= UNLIKE
    return other if sure and _base(other) != _base(target) else None


def _bands(examples: ParallelExamples) -> dict[str, LengthBand]:
    bands = {}
    for pair, places in examples.by_pair().items():
        if len(places) < FEWEST_REFERENCES:
            continue
        ratios = np.asarray([length_ratio(examples.sources[place], examples.references[place]) for place in places])
        middle = float(np.median(ratios))
        # The median's own spread, as wide as a normal distribution's standard deviation.
        spread = max(_LEAST_SPREAD, 1.4826 * float(np.median(np.abs(ratios - middle))))
        bands[pair] = LengthBand(middle - _SPREADS * spread, middle + _SPREADS * spread)
    return bands


def is_empty(text: str, reference: str) -> bool:
    """Whether a translation says nothing although the reference does: no letter and no digit in it."""
    return not any(map(str.isalnum, text)) and any(map(str.isalnum, reference))


def is_copied(source: str, reference: str, text: str) -> bool:
    """Whether a translation hands the source back although the reference does not.

    Letter case, punctuation, digits and blanks aside it is the source; or nine in ten of its words, of four at least,
    are the source's, and at most half of the reference's words are.
    """
    given, wanted, made = plain_words(source).split(), plain_words(reference).split(), plain_words(text).split()
    if not made or made == wanted:
        return False
    if made == given:
        return True
    return len(made) >= 4 and _shared(made, given) >= 0.9 and _shared(wanted, given) <= 0.5


def loops(source: str, reference: str, text: str) -> bool:
    """Whether a translation says the same over and over, where neither source nor reference does."""
    return _longest_loop(text) >= _SHORTEST_LOOP and not any(
        _longest_loop(other) >= _SHORTEST_LOOP for other in (source, reference)
    )


def is_in_another_script(text: str, reference: str, target: str) -> bool:
    """Whether a translation is written in a script that is neither the target language's nor the reference's.

    Latin letters among those of the target's script are names, and told as none.
    """
    written = letter_scripts(text)
    expected = _scripts_of(target)
    if not expected or sum(written.values()) < SHORTEST_IN_SCRIPT:
        return False
    wanted = letter_scripts(reference)
    main = max(written, key=lambda name: written[name])
    if main in expected or main in wanted or not expected & wanted.keys():
        return False
    return main != "Latn" or not expected & written.keys()


def plain_words(text: str) -> str:
    """The words of a text without letter case, punctuation, digits, placeholders in braces, and addresses."""
    shown = re.sub(r"\{[^}]*\}|https?://\S+", " ", unicodedata.normalize("NFKC", text))
    return " ".join(re.sub(r"[^\w\s]|[\d_]", lambda match: _kept(match[0]), shown).casefold().split())


def _kept(character: str) -> str:
    # Vowel signs of Indic and other scripts are no word characters to Python's re, and belong to the word.
    return character if unicodedata.category(character) in {"Mn", "Mc"} else " "


def length_ratio(one: str, other: str) -> float:
    """Logarithm of how many times as long the other text is, in characters; near 0 where both are short."""
    return float(np.log((len(other) + _LENGTH_SMOOTHING) / (len(one) + _LENGTH_SMOOTHING)))


def _shared(words: Sequence[str], others: Sequence[str]) -> float:
    """Share of words that stand among others."""
    known = set(others)
    return sum(word in known for word in words) / len(words) if words else 0.0


def _longest_loop(text: str) -> int:
    """Characters in the longest stretch that repeats one unit, blanks and rows of signs aside."""
    lengths = (len(match[0]) for match in _LOOPS.finditer(f"{text.strip()} ") if any(map(str.isalnum, match[0])))
    return max(lengths, default=0)


def _weight(text: str) -> int:
    """Letters of a text; those of scripts that need few for a word count four times."""
    return sum(count * (4 if name in _DENSE else 1) for name, count in letter_scripts(text).items())


def _base(tag: str) -> str:
    return tag.split("-", 1)[0]


def _scripts_of(tag: str) -> frozenset[str]:
    """The letters that a language is written in; none where they are not known."""
    written = script(tag)
    if written is None or written == NO_SCRIPT:
        return frozenset()
    return _LETTERS_OF.get(written, frozenset({written}))
