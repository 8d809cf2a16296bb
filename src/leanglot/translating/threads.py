"""A short search for the number of threads with which an artifact translates one sentence fastest."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from leanglot.languages import pair_tag
from leanglot.measure.calls import pause
from leanglot.measure.threads import Turns, find_fastest
from leanglot.results.measures import ThreadSearch
from leanglot.runtimes.seq2seq import SourceRow
from leanglot.runtimes.translation_text import TranslationText
from leanglot.runtimes.translator import Translator

_LENGTHS: Final = (8, 16, 32)
_SHORTEST: Final = 2
_HOPELESS: Final = 4.0


@dataclass(frozen=True, slots=True)
class _SingleSentences:
    """A translator that writes as many tokens as each sentence has, greedily and one sentence at a time."""

    translator: Translator
    rows: Sequence[SourceRow]

    def warm_up(self) -> float:
        return min(self._time(self.rows[0]) for _ in range(2))

    def settle(self) -> None:
        pause()
        self._time(self.rows[0])

    def times(self) -> list[float]:
        return [self._time(row) for row in self.rows]

    def _time(self, row: SourceRow) -> float:
        own = self.translator.decoding
        most = min(max(len(row), _SHORTEST), own.max_tokens)
        decoding = replace(own, beam=1, max_tokens=most, forced=most)
        started = time.perf_counter_ns()
        self.translator.engine.generate([row], decoding)
        return (time.perf_counter_ns() - started) / 1e6


def fit_threads(
    open_with: Callable[[int], Translator],
    rows: Sequence[SourceRow],
    most: int,
    *,
    rounds: int = 6,
    budget_s: float = 1.5,
) -> ThreadSearch:
    """Finds the number of threads with which an artifact translates one sentence fastest; see `find_fastest`.

    A decoder multiplies with one row per step: more threads often wait for each other longer than they compute. A
    number that is four times as slow as the best in its first two calls gets no more of them.

    Args:
        open_with: Loads the artifact with so many threads.
        rows: Tokenized sentences; not empty. All of them are translated in each round.
        most: Largest number of threads, usually the physical cores.
        rounds: How often each number has its turn.
        budget_s: See `Turns`.

    Raises:
        ConfigError: ``most`` is below 1.
    """
    return find_fastest(
        lambda count: _SingleSentences(open_with(count), rows), most, Turns(rounds, budget_s, _HOPELESS)
    )


def sample_rows(text: TranslationText, seed: int = 0) -> tuple[SourceRow, ...]:
    """Sentences of random pieces, about 8, 16 and 32 tokens long, of a pair that the model knows.

    Args:
        text: The model's tokenizers.
        seed: Seed of the pieces.
    """
    rng = np.random.default_rng(seed)
    special = set(text.tokenizer.get_added_tokens_decoder())
    pieces = sorted(set(text.tokenizer.get_vocab().values()) - special)
    texts = [text.tokenizer.decode(rng.choice(pieces, min(length, text.max_length)).tolist()) for length in _LENGTHS]
    return text.encode([each or "a" for each in texts], [_some_pair(text)] * len(texts)).rows


def _some_pair(text: TranslationText) -> str:
    """A pair that the model knows."""
    if text.facts.pairs:
        return text.facts.pairs[0]
    first, second, *_ = (*sorted(text.facts.codes), "en", "de")
    return pair_tag(first, second)
