"""Repairs a quantized candidate that harms a language: finds the layers that hurt it and puts them back."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leanglot.decide.verdict import judge
from leanglot.results.repairs import LayerScore, Repair, RepairStep
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS
from leanglot.tune.course import Course, Verdicts, harmed, mean, outcomes
from leanglot.tune.divergence import Engine, Probes, Reference, finite_logits, reference_of

Make = Callable[[tuple[str, ...]], Engine]
"""Makes the candidate with these layers in higher precision, and all others as they were."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The examples that verdicts are given on.

    Attributes:
        rows: Token ids per example.
        languages: Language tag per example.
        expected: Index of the right label per example, shape (examples,).
        baseline: Whether the baseline answers each right, shape (examples,).
        groups: Cluster id per example; None for independent examples.
        margin: Largest harmless drop of the accuracy.
        alpha: Error level.
        batch_tokens: Largest batch in tokens, as production would send them.
    """

    rows: Sequence[TokenIds]
    languages: Sequence[str]
    expected: NDArray[np.int64]
    baseline: NDArray[np.bool_]
    groups: Sequence[str] | None = None
    margin: float = 0.01
    alpha: float = 0.05
    batch_tokens: int = DEFAULT_BATCH_TOKENS


@dataclass(frozen=True, slots=True)
class Budget:
    """How far repair may go.

    Attributes:
        layers: Most layers put back.
        seconds: Time after which no further variant is started.
        probes: Most texts per language that layers are ranked on.
    """

    layers: int = 8
    seconds: float = 900.0
    probes: int = 256


def repair(
    make: Make,
    layers: Sequence[str],
    baseline: Engine,
    judged: Judged,
    probes: Probes | None = None,
    budget: Budget | None = None,
    on_pass: Callable[[], None] | None = None,
) -> Repair:
    """Find the quantized layers that hurt the harmed languages, and put them back until no language is harmed.

    A language that is still harmed with the quantization of all layers undone owes it to something else, and repair is
    not for it. For the others each layer is undone alone, and scored by how far that lowers the mean divergence of the
    answers from the baseline's on texts of that language. Then the layers are put back one after the other, the best
    for the languages still harmed first; one that does not lower their divergence further is left out again. All
    languages are judged after each.

    All verdicts are given on the same examples, and the search stops at the first that finds no harm. Such optional
    stopping favours that outcome, the more so the more layers it took: the last verdict is no independent test.

    Args:
        make: Makes a variant. With no layers it makes the candidate itself, with all of them the candidate without its
            quantization.
        layers: Names of the quantized layers.
        baseline: The model before compression.
        judged: What verdicts are given on.
        probes: What layers are ranked on; texts that are not judged, so that the same examples do not choose the layers
            and judge them. For a harmed language without any the judged ones are taken, and the notes say so.
        budget: How far to go.
        on_pass: Called after each variant is made.

    Returns:
        What was found; its sizes and speed-ups are left for the caller to measure.

    Raises:
        DataError: The judged examples cannot be judged; see `leanglot.judge`.
        ModelError: A variant's logits are not finite.
    """
    search = _Search(make, judged, budget or Budget(), on_pass)
    candidate = search.variant(())
    before = search.verdicts(candidate)
    course = Course(tuple(layers), before, before)
    if not course.harmed_before:
        return course.record(search.judgements, search.variants, search.seconds)
    course.unquantized = search.verdicts(search.variant(course.layers))
    if course.targets:
        texts, course.borrowed = _probes(probes, judged, course.targets, search.budget.probes)
        reference = reference_of(baseline, texts, judged.batch_tokens)
        course.divergence = reference.divergences(candidate)
        course.ranking = _ranked(search, reference, course)
        if len(course.ranking) == len(course.layers):
            _put_back(search, reference, course)
    return course.record(search.judgements, search.variants, search.seconds)


@dataclass(slots=True)
class _Search:
    """Makes and judges variants, and counts both; see `repair` for the first four attributes."""

    make: Make
    judged: Judged
    budget: Budget
    on_pass: Callable[[], None] | None
    began: float = field(default_factory=time.monotonic)
    variants: int = 0
    judgements: int = 0

    def variant(self, layers: tuple[str, ...]) -> Engine:
        engine = self.make(layers)
        self.variants += 1
        if self.on_pass is not None:
            self.on_pass()
        return engine

    def verdicts(self, engine: Engine) -> Verdicts:
        """Verdicts on all languages; a right answer scores 1, a wrong one 0."""
        self.judgements += 1
        judged = self.judged
        answers = finite_logits(engine, judged.rows, judged.batch_tokens).argmax(axis=1)
        return judge(
            judged.baseline,
            answers == judged.expected,
            judged.languages,
            margin=judged.margin,
            alpha=judged.alpha,
            groups=judged.groups,
        )

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def late(self) -> bool:
        return self.seconds >= self.budget.seconds


def _probes(
    probes: Probes | None, judged: Judged, targets: Collection[str], most: int
) -> tuple[Probes, tuple[str, ...]]:
    """The texts to rank layers on, and the languages for which only the judged ones are there."""
    others, borrowed = Probes(judged.rows, judged.languages), []
    rows: list[TokenIds] = []
    languages: list[str] = []
    for tag in targets:
        found = [] if probes is None else probes.of(tag, most)
        if not found:
            borrowed.append(tag)
            found = others.of(tag, most)
        rows += found
        languages += [tag] * len(found)
    return Probes(rows, languages), tuple(borrowed)


def _ranked(search: _Search, reference: Reference, course: Course) -> tuple[LayerScore, ...]:
    """Each layer undone alone, the best first; fewer than all of them when the time is up."""
    scores = []
    for layer in course.layers:
        if search.late:
            break
        alone = reference.divergences(search.variant((layer,)))
        falls = {tag: before - alone[tag] for tag, before in course.divergence.items()}
        scores.append(LayerScore(layer=layer, score=float(np.mean([*falls.values()])), languages=falls))
    return tuple(sorted(scores, key=lambda scored: -scored.score))


def _put_back(search: _Search, reference: Reference, course: Course) -> None:
    """Put layers back until no language is harmed that need not be, no layer helps, or the budget is used up."""
    present = course.divergence
    while course.open and not search.late and len(course.kept) < search.budget.layers:
        tags = [tag for tag in course.open if tag in course.targets] or course.targets
        found = _best(course, tags)
        if found is None:
            course.ended = "nothing-helps"
            return
        layer, score = found
        engine = search.variant((*course.kept, layer))
        reached = reference.divergences(engine)
        step = RepairStep(layer=layer, score=score, divergence=reached, kept=False)
        if mean(reached, tags) < mean(present, tags):
            present, course.after = reached, search.verdicts(engine)
            told = outcomes(course.after, course.targets)
            step = step.model_copy(update={"kept": True, "harmed": harmed(course.after), "outcomes": told})
        course.steps = (*course.steps, step)
    course.ended = "budget" if course.open else "repaired"


def _best(course: Course, tags: Sequence[str]) -> tuple[str, float] | None:
    """The layer not tried yet that helps these languages most; None where no other one does."""
    tried = {step.layer for step in course.steps}
    scores = {each.layer: mean(each.languages, tags) for each in course.ranking if each.layer not in tried}
    helpful = {layer: score for layer, score in scores.items() if score > 0}
    return max(helpful.items(), key=lambda item: item[1], default=None)
