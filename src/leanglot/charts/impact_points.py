"""Compression by rising intensity, whatever record it comes from: what each language keeps at each point."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leanglot.charts.labels import challengers
from leanglot.charts.quantities import smaller
from leanglot.charts.steps import chain_steps
from leanglot.decide.retention import retention_of
from leanglot.results.records import Candidate, RunReport
from leanglot.results.terms import CLASSIFICATION, Terms, terms_of

FEW: Final = 50
"""Under so many examples a language's line says little: it is drawn apart and not ranked."""


@dataclass(frozen=True)
class ImpactPoint:
    """One intensity.

    Attributes:
        name: What was done, such as the candidate's name.
        detail: How much that is, such as ``74.2% smaller``; "" where there is nothing to say.
        retention: Accuracy divided by the baseline's, by language; without those of which it is unknown.
        harmed: Languages that are proven to be harmed.
        mean: Mean accuracy over the languages divided by the baseline's; None where it is unknown.
    """

    name: str
    detail: str
    retention: dict[str, float]
    harmed: frozenset[str]
    mean: float | None


@dataclass(frozen=True)
class Impact:
    """A way from the baseline on, by rising intensity.

    Attributes:
        title: What was compressed, and how.
        order: What the order from left to right means.
        points: The baseline first.
        n: Judged examples by language.
        cumulative: Whether each point has all that the points before it have; else each stands for itself.
        left_out: Names of those without the numbers to be placed.
        terms: The words of the run.
    """

    title: str
    order: str
    points: tuple[ImpactPoint, ...]
    n: dict[str, int]
    cumulative: bool
    left_out: tuple[str, ...] = ()
    terms: Terms = CLASSIFICATION

    @property
    def few(self) -> frozenset[str]:
        """Languages with too few examples to be ranked; none where that would leave no language."""
        few = frozenset(tag for tag, n in self.n.items() if n < FEW)
        return few if len(few) < len(self.n) else frozenset()

    def decisive(self, tag: str) -> float | None:
        """What a language keeps at the last point, where the points build on each other; else the least anywhere."""
        known = [point.retention[tag] for point in self.points if tag in point.retention]
        if len(known) < 2:
            return None
        return known[-1] if self.cumulative else min(known)

    def worst(self, number: int) -> list[str]:
        """The languages that keep least, those with few examples left out; none that loses nothing."""
        kept = {tag: self.decisive(tag) for tag in self.n if tag not in self.few}
        losing = {tag: value for tag, value in kept.items() if value is not None and value < 1}
        return sorted(losing, key=lambda tag: (losing[tag], tag))[:number]


def impact_of_chain(report: RunReport, chain: str) -> Impact:
    """The steps of a candidate's recipe, one after the other.

    Args:
        report: The run.
        chain: The candidate; one of the run's `chains`.

    Raises:
        RunError: The report has no such chain, or the chain names candidates that it does not have.
    """
    steps = chain_steps(report, chain)[1:]
    points = [(step.candidate, step.words) for step in steps if step.candidate.languages]
    return Impact(
        title=f"each step of {chain}",
        order="the steps of its recipe, one on the other",
        points=(_start(report, points), *(_point(each, report, words) for each, words in points)),
        n=_sizes(points),
        cumulative=True,
        left_out=tuple(step.candidate.name for step in steps if not step.candidate.languages),
        terms=terms_of(report.metric),
    )


def own_steps(report: RunReport, chain: str) -> tuple[str, ...]:
    """The candidates that a run made to show the way to another one, and that nobody asked for."""
    return tuple(name for name in report.chains[chain] if name.startswith(f"{chain}."))


def impact_of_run(report: RunReport) -> Impact:
    """The run's candidates by what they take off the size; steps that nobody asked for are left to their chains."""
    made = {name for chain in report.chains for name in own_steps(report, chain)}
    candidates = [each for each in challengers(report) if each.name not in made]
    placed = [each for each in candidates if each.size_reduction is not None and each.languages]
    points = [(each, each.name) for each in sorted(placed, key=lambda each: (each.size_reduction or 0.0, each.name))]
    return Impact(
        title="each candidate",
        order="candidates by size, the largest first",
        points=(_start(report, points), *(_point(each, report, name) for each, name in points)),
        n=_sizes(points),
        cumulative=False,
        left_out=tuple(each.name for each in candidates if each not in placed),
        terms=terms_of(report.metric),
    )


def _sizes(points: Sequence[tuple[Candidate, str]]) -> dict[str, int]:
    return {tag: result.n for candidate, _ in points for tag, result in candidate.languages.items()}


def _start(report: RunReport, points: Sequence[tuple[Candidate, str]]) -> ImpactPoint:
    return ImpactPoint(report.baseline, "", dict.fromkeys(_sizes(points), 1.0), frozenset(), 1.0)


def _point(candidate: Candidate, report: RunReport, name: str) -> ImpactPoint:
    retentions = {tag: retention_of(result).value for tag, result in candidate.languages.items()}
    before = next((each.macro_accuracy for each in report.candidates if each.name == report.baseline), None)
    return ImpactPoint(
        name=name,
        detail="" if candidate.size_reduction is None else smaller(candidate.size_reduction),
        retention={tag: value for tag, value in retentions.items() if value is not None},
        harmed=frozenset(tag for tag, result in candidate.languages.items() if result.verdict == "harmed"),
        mean=None if not before or candidate.macro_accuracy is None else candidate.macro_accuracy / before,
    )
