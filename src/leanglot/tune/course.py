"""What a repair has found so far, and how it is told."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from leanglot.decide.wording import names
from leanglot.results.records import Verdict
from leanglot.results.repairs import Ending, LayerScore, Outcome, Repair, RepairStep

Verdicts = Mapping[str, Verdict]


@dataclass(slots=True)
class Course:
    """What a search has found so far.

    Attributes:
        layers: Names of the quantized layers.
        before: Verdicts on the candidate.
        after: Verdicts with the layers kept so far.
        unquantized: Verdicts with all quantization undone; None until tried.
        divergence: Of the candidate from the baseline, by target language.
        borrowed: Target languages whose layers are ranked on the judged examples.
        ranking: Layers undone alone so far.
        steps: Layers put back.
        ended: Why putting back ended; None until it did.
    """

    layers: tuple[str, ...]
    before: Verdicts
    after: Verdicts
    unquantized: Verdicts | None = None
    divergence: dict[str, float] = field(default_factory=dict)
    borrowed: tuple[str, ...] = ()
    ranking: tuple[LayerScore, ...] = ()
    steps: tuple[RepairStep, ...] = ()
    ended: Ending | None = None

    @property
    def harmed_before(self) -> tuple[str, ...]:
        """Languages that the candidate harms."""
        return harmed(self.before)

    @property
    def hopeless(self) -> tuple[str, ...]:
        """Languages that stay harmed without any quantization."""
        still = () if self.unquantized is None else harmed(self.unquantized)
        return tuple(tag for tag in self.harmed_before if tag in still)

    @property
    def targets(self) -> tuple[str, ...]:
        """Languages that repair is for."""
        return tuple(tag for tag in self.harmed_before if tag not in self.hopeless)

    @property
    def kept(self) -> tuple[str, ...]:
        """Layers put back that stayed."""
        return tuple(step.layer for step in self.steps if step.kept)

    @property
    def open(self) -> tuple[str, ...]:
        """Languages that are harmed and might not be."""
        return tuple(tag for tag in harmed(self.after) if tag not in self.hopeless)

    def record(self, judged: int, passes: int, seconds: float) -> Repair:
        """The record of the search.

        Args:
            judged: How often verdicts were given.
            passes: How many variants were made.
            seconds: What the search took.
        """
        tags = self.harmed_before
        return Repair(
            ended=self._ending,
            reason=self._reason(),
            harmed_before=tags,
            harmed_after=harmed(self.after),
            layers=self.kept,
            before=outcomes(self.before, tags),
            after=outcomes(self.after, tags),
            unquantized=None if self.unquantized is None else outcomes(self.unquantized, tags),
            divergence=self.divergence,
            ranking=self.ranking,
            steps=self.steps,
            judged=judged,
            passes=passes,
            seconds=seconds,
            notes=self._notes(judged),
        )

    @property
    def _ending(self) -> Ending:
        if not self.harmed_before:
            return "not-needed"
        if not self.targets or (self.hopeless and self.ended == "repaired"):
            return "not-from-quantization"
        return self.ended or "budget"  # the time was up before all layers had been tried alone

    def _reason(self) -> str:
        if not self.harmed_before:
            return (
                "No language is proven harmed, so there is nothing to repair; which are safe, leanglot evaluate tells."
            )
        total, told = len(self.layers), []
        of_them = f" ({', '.join(self.kept)})" if self.kept else ""
        back = f"{len(self.kept)} of {total} quantized layers put back{of_them}"
        if self.open and self.ended == "nothing-helps":
            told.append(
                f"Still harmed: {names(self.open)}, with {back}; no other layer brings the answers closer to the "
                "baseline's."
            )
        elif self.open:
            told.append(f"Still harmed when the budget was used up: {names(self.open)}, with {back}.")
        elif self.targets:
            told.append(f"No longer harmed: {names(self.targets)}, with {back}.")
        if self.hopeless:
            told.append(
                f"Harmed even with the quantization of all {total} layers undone: {names(self.hopeless)}; "
                "the harm comes from something else."
            )
        return " ".join(told)

    def _notes(self, judged: int) -> tuple[str, ...]:
        notes = []
        if self.borrowed:
            notes.append(
                "For want of other texts, layers were ranked on the judged examples themselves in "
                f"{names(self.borrowed)}: the verdict after repair is too favourable there."
            )
        if len(self.ranking) < len(self.layers) and self.targets:
            notes.append(
                f"The time was up after {len(self.ranking)} of {len(self.layers)} layers had been tried alone."
            )
        if self.kept:
            notes.append(
                f"Judged {judged} times on the same examples, stopping at the first verdict without harm: "
                "confirm it on others before relying on it."
            )
        return tuple(notes)


def harmed(verdicts: Verdicts) -> tuple[str, ...]:
    """The languages that are harmed."""
    return tuple(tag for tag, verdict in verdicts.items() if verdict.verdict == "harmed")


def outcomes(verdicts: Verdicts, tags: Collection[str]) -> dict[str, Outcome]:
    """The verdicts on some languages in short."""
    kept = {tag: verdicts[tag] for tag in tags}
    return {
        tag: Outcome(verdict=each.verdict, accuracy=each.candidate, drop=each.drop, p_adjusted=each.p_adjusted)
        for tag, each in kept.items()
    }


def mean(values: Mapping[str, float], tags: Sequence[str]) -> float:
    """Mean of some languages' numbers, each language counting alike."""
    return float(np.mean([values[tag] for tag in tags]))
