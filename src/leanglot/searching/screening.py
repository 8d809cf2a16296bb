"""Drops a hopeless candidate on part of the data: one that loses too much for certain, or is beaten in everything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.charts.quantities import limit_words, megabytes, points, ratio
from leanglot.config import RunConfig, SearchConfig
from leanglot.decide.verdict import judge
from leanglot.exam import Exam
from leanglot.measure.quality import answer_all
from leanglot.measure.speed import measure_speed
from leanglot.measure.weight import folder_size
from leanglot.report.format import language
from leanglot.results.searching import PartialResult, Tried, harm_of
from leanglot.runtimes.classifier import Classifier
from leanglot.trials import Bench

_SHARE: Final = 0.2
_LEAST: Final = 300
_EACH: Final = 5
_TIMED: Final = 48
_CLEARLY_SLOWER: Final = 1.25
_TOGETHER: Final = "und"


def part_of(languages: Sequence[str], seed: int) -> tuple[int, ...]:
    """Positions of the examples that a candidate answers first, ascending.

    A fifth of each language's examples, more where that makes less than 300 in all, and five of each language at least.

    Args:
        languages: Tag per example.
        seed: Seed of the draw, which is a language's own.
    """
    share = max(_SHARE, min(1.0, _LEAST / len(languages)))
    tags, chosen = np.asarray(languages), []
    for tag in sorted(set(languages)):
        positions = np.flatnonzero(tags == tag)
        count = min(len(positions), max(_EACH, int(np.ceil(share * len(positions)))))
        rng = np.random.default_rng([seed, *tag.encode()])
        chosen.extend(rng.choice(positions, count, replace=False).tolist())
    return tuple(sorted(chosen))


@dataclass(frozen=True, slots=True)
class Screen:
    """What every candidate is first tried on.

    Attributes:
        exam: Part of the examples.
        correct: Whether the baseline answers each of them right, shape (examples,).
        whole: Number of all examples.
        max_drop: Largest drop that is allowed.
        alpha: Error level over all languages together.
        batch_tokens: Largest batch in tokens.
    """

    exam: Exam
    correct: NDArray[np.bool_]
    whole: int
    max_drop: float
    alpha: float
    batch_tokens: int

    def result(
        self, artifact: Path, candidate: Classifier, baseline: Classifier, advance: Callable[[int], None]
    ) -> tuple[PartialResult, str | None]:
        """Have a candidate answer the part, and time it briefly.

        Args:
            artifact: Its folder.
            candidate: The same, loaded.
            baseline: What it is timed against.
            advance: Called with the number of examples answered.

        Returns:
            What was found, and why the candidate loses too much; None where that is not certain.
        """
        exam = self.exam
        answers = answer_all(candidate, candidate.encode(exam.examples.texts).rows, self.batch_tokens, advance)
        judged = self.verdict_on(answers.predicted == exam.expected)
        speed = measure_speed(candidate, baseline, exam.workload(candidate, self.batch_tokens, 1, baseline))
        found = PartialResult(
            examples=len(exam.examples),
            accuracy_drop=judged.drop,
            harm=judged.harm,
            speedup=speed.speedup or 0.0,
            size_bytes=folder_size(artifact),
        )
        return found, judged.too_much

    def verdict_on(self, right: NDArray[np.bool_]) -> "Judged":
        """What the answers to the part prove.

        The error level is shared out among the languages and all of them together (Bonferroni), so that no candidate is
        dropped by the chance of many looks.

        Args:
            right: Whether each is right, shape (examples,).
        """
        examples = self.exam.examples
        level = self.alpha / (len(set(examples.languages)) + 1)
        by_language = judge(self.correct, right, examples.languages, self.max_drop, level, examples.groups)
        # Groups are scoped within their language.
        scoped = (
            None
            if examples.groups is None
            else [f"{tag}/{group}" for tag, group in zip(examples.languages, examples.groups, strict=True)]
        )
        together = judge(self.correct, right, [_TOGETHER] * len(right), self.max_drop, level, scoped)[_TOGETHER]
        lows = {language(tag): verdict.drop_low for tag, verdict in by_language.items()}
        return Judged(
            drop=float(self.correct.mean() - right.mean()),
            harm=harm_of(list(lows.values())),
            too_much=self._too_much({**lows, "all languages together": together.drop_low}),
        )

    def _too_much(self, lows: dict[str, float | None]) -> str | None:
        over = {who: low for who, low in lows.items() if low is not None and low > self.max_drop}
        if not over:
            return None
        worst = max(over, key=lambda who: over[who])
        return (
            f"On {len(self.correct):,} of {self.whole:,} examples {worst} lost at least "
            f"{points(over[worst], signed=False)} points, more than the {limit_words(self.max_drop)} allowed."
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """What answers to part of the examples prove.

    Attributes:
        drop: Drop of the accuracy over all of them.
        harm: Largest lower bound of a language's drop, at least 0.
        too_much: Who certainly loses more than is allowed; None where nobody does.
    """

    drop: float
    harm: float
    too_much: str | None


def make_screen(bench: Bench, correct: NDArray[np.bool_], config: RunConfig) -> Screen:
    """The part of an exam that candidates are first tried on.

    Args:
        bench: The whole exam.
        correct: Whether the baseline answers each example right, shape (examples,).
        config: Largest drop, error level and seed.
    """
    exam, max_drop = bench.exam, (config.search or SearchConfig()).max_drop
    positions = np.asarray(part_of(exam.examples.languages, config.seed))
    order = np.random.default_rng(config.seed).permutation(len(positions))
    timed = tuple(int(order[place % len(positions)]) for place in range(_TIMED))
    part = replace(
        exam,
        examples=exam.examples.subset(positions),
        expected=exam.expected[positions],
        latency_positions=timed,
        batch_positions=timed[:8],
    )
    return Screen(part, correct[positions], len(exam.examples), max_drop, config.alpha, bench.batch_tokens)


def beaten_by(part: PartialResult, tried: Sequence[Tried]) -> str | None:
    """Why a candidate cannot be better than one that was measured; None where it may be.

    It is when that one is clearly faster and no larger, and lost no more on the same part of the examples.

    Args:
        part: What part of the data showed.
        tried: What was tried before.
    """
    for other in tried:
        if other.state != "measured" or other.part is None or other.full is None or other.full.status == "rejected":
            continue
        known = other.part
        faster = known.speedup > _CLEARLY_SLOWER * part.speedup
        smaller = known.size_bytes < part.size_bytes
        if faster and smaller and known.accuracy_drop <= part.accuracy_drop and known.harm <= part.harm:
            return (
                f"On part of the examples {other.name} lost no more, and is faster ({ratio(known.speedup)} against "
                f"{ratio(part.speedup)}) and smaller ({megabytes(known.size_bytes)} against "
                f"{megabytes(part.size_bytes)})."
            )
    return None
