"""The exam every candidate sits: the judged examples, their right answers, and the texts that speed is measured on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.config import DataConfig
from leanglot.data.examples import Examples, summarize
from leanglot.data.labels import resolve_labels
from leanglot.data.reading import read_examples
from leanglot.data.split import sample_per_language
from leanglot.measure.quality import Answers, LabelIds
from leanglot.measure.speed import Workload
from leanglot.results.predictions import Predictions
from leanglot.results.records import DataSummary
from leanglot.runtimes.classifier import Classifier


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        latency_calls: Timed calls per candidate.
        batch_texts: Texts per round of throughput.
        rounds: Rounds of throughput.
        cold_starts: Fresh processes per candidate.
    """

    latency_calls: int = 672
    batch_texts: int = 256
    rounds: int = 3
    cold_starts: int = 3


FULL: Final = Effort()
QUICK: Final = Effort(latency_calls=136, batch_texts=64, rounds=1, cold_starts=1)


@dataclass(frozen=True, slots=True)
class Exam:
    """What the candidates are judged and timed on.

    Attributes:
        examples: The judged examples.
        expected: Index of the right label per example, shape (examples,).
        summary: The record of the data for the report.
        latency_positions: Examples whose latency is timed, the languages in turns.
        batch_positions: Examples whose throughput is timed, with the data's own mix.
    """

    examples: Examples
    expected: LabelIds
    summary: DataSummary
    latency_positions: tuple[int, ...]
    batch_positions: tuple[int, ...]

    def texts(self, positions: Sequence[int]) -> list[str]:
        """The texts at these positions."""
        return [self.examples.texts[position] for position in positions]

    def predictions(self, answers: Answers, labels: Sequence[str]) -> Predictions:
        """Answers beside the right labels, by name."""
        return Predictions(
            index=np.arange(len(self.examples)),
            language=self.examples.languages,
            group=self.examples.groups,
            label=tuple(labels[position] for position in self.expected),
            predicted=tuple(labels[position] for position in answers.predicted),
            correct=self.expected == answers.predicted,
            confidence=answers.confidence.astype(np.float64),
        )

    def workload(
        self, classifier: Classifier, batch_tokens: int, rounds: int, opponent: Classifier | None = None
    ) -> Workload:
        """The timed texts, tokenized by this classifier and by the one that it takes turns with."""
        texts, batch = self.texts(self.latency_positions), self.texts(self.batch_positions)
        return Workload(
            texts=texts,
            rows=classifier.encode(texts).rows,
            languages=[self.examples.languages[position] for position in self.latency_positions],
            batch_rows=classifier.encode(batch).rows,
            batch_tokens=batch_tokens,
            rounds=rounds,
            opponent_rows=None if opponent is None else opponent.encode(texts).rows,
            opponent_batch_rows=None if opponent is None else opponent.encode(batch).rows,
        )


def prepare_exam(
    data: DataConfig, labels: Sequence[str], effort: Effort = FULL, limit: int | None = None, seed: int = 0
) -> Exam:
    """Read the data, check it against the model's labels, and choose what is timed.

    Args:
        data: File and column names.
        labels: The model's labels in the order of its head.
        effort: How many texts are timed.
        limit: Most examples per language; None takes all.
        seed: Seed of every choice.

    Raises:
        DataError: The data cannot be used.
    """
    examples, notes = read_examples(data.path, data.columns)
    if limit is not None:
        before, examples = len(examples), sample_per_language(examples, limit, seed)
        if len(examples) < before:
            drawn = f"Drawn at random, at most {limit:,} per language: {len(examples):,} of {before:,} examples."
            notes = (*notes, drawn)
    expected, label_notes = resolve_labels(examples, labels)
    rng = np.random.default_rng(seed)
    return Exam(
        examples=examples,
        expected=expected,
        summary=summarize(examples, data.path.name, labels, (*notes, *label_notes)),
        latency_positions=in_turns(examples.by_language(), effort.latency_calls, rng),
        batch_positions=mixed(len(examples), effort.batch_texts, rng),
    )


def in_turns(by_language: Mapping[str, NDArray[np.int64]], count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """So many positions that visit the languages in turns; a language with few texts repeats them."""
    shuffled = [rng.permutation(positions) for positions in by_language.values()]
    rounds = -(-count // len(shuffled))
    turns = [int(positions[turn % len(positions)]) for turn in range(rounds) for positions in shuffled]
    return tuple(turns[:count])


def mixed(available: int, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """So many positions drawn from all examples; few examples repeat."""
    drawn = np.concatenate([rng.permutation(available) for _ in range(-(-count // available))])
    return tuple(int(position) for position in drawn[:count])
