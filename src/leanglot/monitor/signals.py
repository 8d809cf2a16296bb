"""Which counts are kept of a language's predictions, and which shares of them are compared with what reference."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Final, Self

import numpy as np

from leanglot.monitor.events import Events, Floats, Ints
from leanglot.monitor.rules import Rules
from leanglot.results.monitor_baseline import (
    CONFIDENCE_ENDS,
    FRAGMENTATION_ENDS,
    OUTCOMES,
    RATIO_ENDS,
    TOKEN_ENDS,
    TRANSLATED,
    LanguageBaseline,
    bins_of,
)
from leanglot.results.monitoring import Signal

CUT_QUANTILES: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""The shares of ordered values are taken up to the bin ends that lie nearest to these quantiles of the reference."""

_ALL_SCRIPTS: Final = 256
"""More than ISO 15924 has for writing systems: any of them could have been the one that the reference shows."""

_FAILURE_WORDS: Final = {
    TRANSLATED: "translations that show no failure",
    "empty": "empty translations",
    "unfinished": "translations that reached their bound unfinished",
    "copied": "translations that repeat the source",
    "repetition": "translations that repeat themselves",
    "wrong-language": "translations in no script of their language",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A share that is tested.

    Attributes:
        signal: What it belongs to.
        what: What it is a share of.
        low: First place of the vector that counts for it.
        high: Place behind the last one.
        start: First place of its section; all from there to ``stop`` together are its n.
        stop: Place behind the section's last one.
        choices: Number of shares among which this one was chosen by looking at the reference: bounds of a share hold
            only if it was not chosen for what it is there, or if all that could have been chosen are bounded at once.
    """

    signal: Signal
    what: str
    low: int
    high: int
    start: int
    stop: int
    choices: int


@dataclass(frozen=True, slots=True)
class Section:
    """Places of the vector that belong to a signal; a prediction counts at one of them or, unknown, behind them.

    Attributes:
        signal: The signal.
        start: The first of them.
        stop: The one for predictions of which it was not logged.
    """

    signal: Signal
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Layout:
    """How predictions of one language are counted.

    Attributes:
        sections: By signal.
        cells: The shares that are compared.
        reference: The baseline's counts in the same places, shape ``(size,)``; 0 where there is no reference, and for
            the answers, which are compared with the language's own first ones.
        labels: Place of each label, or of each outcome of a translation.
        scripts: Place of each script, and of None, where it was not logged.
        latency_budget_ms: What is slow; None where that is not watched.
    """

    sections: Mapping[Signal, Section]
    cells: tuple[Cell, ...]
    reference: Ints
    labels: Mapping[str, int]
    scripts: Mapping[str | None, int]
    latency_budget_ms: float | None

    @property
    def size(self) -> int:
        """Length of the vector."""
        return self.reference.size

    @classmethod
    def of(cls, baseline: LanguageBaseline, labels: Sequence[str], rules: Rules, *, translates: bool = False) -> Self:
        """The layout of a language.

        Args:
            baseline: What the model did when it was judged in it.
            labels: Names of the classes, or the outcomes of translations.
            rules: The latency that is slow.
            translates: Whether it is of a language pair: then outcomes are compared with the baseline's.
        """
        scripts = sorted(baseline.scripts)
        counts: dict[Signal, Sequence[int]] = {
            "confidence": baseline.confidence or (0,) * (len(CONFIDENCE_ENDS) + 1),
            "length": baseline.tokens or (0,) * (len(TOKEN_ENDS) + 1),
            "fragmentation": baseline.fragmentation or (0,) * (len(FRAGMENTATION_ENDS) + 1),
            "unknown": _unknown(baseline),
            "script": (*(baseline.scripts[name] for name in scripts), 0),
            "labels": (0,) * (len(labels) + 1),
            "latency": (0, 0),
        }
        if translates:
            del counts["labels"]
            counts["failures"] = (*(baseline.labels.get(name, 0) for name in labels), 0)
            counts["ratio"] = baseline.ratio or (0,) * (len(RATIO_ENDS) + 1)
        sections, reference = _laid_out(counts)
        answers = sections["failures" if translates else "labels"]
        label_places = {name: answers.start + place for place, name in enumerate(labels)}
        script_places: dict[str | None, int] = {None: sections["script"].stop}
        script_places |= {name: sections["script"].start + place for place, name in enumerate(scripts)}
        return cls(
            sections=sections,
            cells=_cells(sections, reference, labels, scripts, rules.latency_budget_ms),
            reference=reference,
            labels=label_places,
            scripts=script_places,
            latency_budget_ms=rules.latency_budget_ms,
        )

    def places(self, events: Events) -> list[Ints]:
        """Places at which predictions count, one array of shape ``(n,)`` for each section.

        Args:
            events: Predictions of this language.
        """
        n, at = len(events), self.sections
        answers = at["failures"] if "failures" in at else at["labels"]
        label = np.fromiter(map(self.labels.get, events.prediction, repeat(answers.stop - 1)), dtype=np.int64, count=n)
        script = np.fromiter(
            map(self.scripts.get, events.script, repeat(at["script"].stop - 1)), dtype=np.int64, count=n
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            fragmentation = events.tokens / events.characters
            ratio = events.output_characters / events.characters
        no_tokens = events.tokens < 0
        places = [
            label,
            script,
            _ordered(at["confidence"], events.confidence, CONFIDENCE_ENDS, np.isnan(events.confidence)),
            _ordered(at["length"], events.tokens, TOKEN_ENDS, no_tokens),
            _ordered(at["fragmentation"], fragmentation, FRAGMENTATION_ENDS, no_tokens | (events.characters <= 0)),
            np.where(events.unknown < 0, at["unknown"].stop, at["unknown"].start + (events.unknown > 0)),
        ]
        if "ratio" in at:
            no_ratio = (events.output_characters < 0) | (events.characters <= 0)
            places.append(_ordered(at["ratio"], ratio, RATIO_ENDS, no_ratio))
        if self.latency_budget_ms is not None:
            slow = at["latency"].start + (events.latency_ms > self.latency_budget_ms)
            places.append(np.where(np.isnan(events.latency_ms), at["latency"].stop, slow))
        return places


def _unknown(baseline: LanguageBaseline) -> tuple[int, int]:
    judged = sum(baseline.tokens)  # texts that were tokenized at all
    return (judged - baseline.unknown, baseline.unknown) if judged else (0, 0)


def _laid_out(counts: Mapping[Signal, Sequence[int]]) -> tuple[dict[Signal, Section], Ints]:
    sections: dict[Signal, Section] = {}
    reference: list[int] = []
    for signal, held in counts.items():
        sections[signal] = Section(signal, len(reference), len(reference) + len(held))
        reference += [*held, 0]
    return sections, np.asarray(reference, dtype=np.int64)


def _ordered(section: Section, values: Floats | Ints, ends: tuple[float, ...], missing: np.ndarray) -> Ints:
    return np.where(missing, section.stop, section.start + bins_of(values, ends))


def _cells(
    sections: Mapping[Signal, Section],
    reference: Ints,
    labels: Sequence[str],
    scripts: Sequence[str],
    latency_budget_ms: float | None,
) -> tuple[Cell, ...]:
    cells = [
        *_ordered_cells(
            sections["confidence"], reference, CONFIDENCE_ENDS, "predictions with a confidence of at most {:g}"
        ),
        *_ordered_cells(sections["length"], reference, TOKEN_ENDS, "texts of at most {:g} tokens"),
        *_ordered_cells(
            sections["fragmentation"], reference, FRAGMENTATION_ENDS, "texts with at most {:g} tokens per character"
        ),
    ]
    if _has_reference(sections["unknown"], reference):
        cells += _nominal_cells(sections["unknown"], ("", "texts with unknown tokens"))[1:]
    if _has_reference(sections["script"], reference):
        texts = [f"texts in the script {name}" for name in scripts]
        found = _nominal_cells(sections["script"], [*texts, "texts in scripts that the baseline lacks"])
        cells += [replace(cell, choices=2 * _ALL_SCRIPTS) for cell in found[:-1]]
        # Which scripts are lacking is told by the reference: half of the level is for the sets of any number of them.
        number = len(scripts)
        sets = 2 * number * (number + 1) * math.comb(_ALL_SCRIPTS, number)
        cells.append(replace(found[-1], choices=sets))
    if "failures" in sections:
        cells += _translation_cells(sections, reference)
    elif labels:
        answers = [f"answers {name}" for name in labels]
        cells += _nominal_cells(sections["labels"], [*answers, "answers that the baseline does not name"])
    if latency_budget_ms is not None:
        slow = f"answers slower than {latency_budget_ms:g} ms"
        cells += _nominal_cells(sections["latency"], ("", slow))[1:]
    return tuple(cells)


def _has_reference(section: Section, reference: Ints) -> bool:
    return bool(reference[section.start : section.stop].any())


def _translation_cells(sections: Mapping[Signal, Section], reference: Ints) -> Iterator[Cell]:
    """Each kind of failure, and the length beside the source's."""
    if _has_reference(sections["failures"], reference):
        shown = [_FAILURE_WORDS[name] for name in OUTCOMES]
        yield from _nominal_cells(sections["failures"], [*shown, "translations of unknown outcome"])[1:]
    yield from _ordered_cells(
        sections["ratio"], reference, RATIO_ENDS, "translations of at most {:g} characters per character of the source"
    )


def _ordered_cells(section: Section, reference: Ints, ends: Sequence[float], what: str) -> list[Cell]:
    """Shares up to the bin ends nearest to the quantiles; none without a reference."""
    held = reference[section.start : section.stop]
    if not held.any():
        return []
    cumulative = np.cumsum(held)[:-1] / held.sum()
    chosen = sorted({int(np.argmin(np.abs(cumulative - quantile))) for quantile in CUT_QUANTILES})
    return [
        Cell(
            signal=section.signal,
            what=what.format(ends[place]),
            low=section.start,
            high=section.start + place + 1,
            start=section.start,
            stop=section.stop,
            choices=len(ends),
        )
        for place in chosen
    ]


def _nominal_cells(section: Section, names: Sequence[str]) -> list[Cell]:
    """Each category against the rest."""
    return [
        Cell(section.signal, name, place, place + 1, section.start, section.stop, len(names))
        for place, name in enumerate(names, section.start)
    ]
