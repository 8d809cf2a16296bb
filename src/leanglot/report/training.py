"""What trainings did, in words and as rows of text."""

from dataclasses import dataclass
from typing import Final

from leanglot.charts.quantities import ABSENT, count, megabytes, percent
from leanglot.report.format import duration, language, plural
from leanglot.results.records import RunReport
from leanglot.results.terms import CLASSIFICATION, Terms, terms_of
from leanglot.results.training import TrainingFacts

HEADINGS: Final = ("Candidate", "Trained for", "Examples", "Steps", "Took", "Worst held-out language", "Mean held out")
HOW_TRAINING_READS: Final = (
    "Held out are examples of the training data that were not trained on, by group; none of them is judged. Accuracies "
    "on them are no verdicts."
)
_HOW_TRANSLATION_READS: Final = (
    "Held out are sentences of the training data that were not trained on; none of them is judged. The percentages are "
    "of their tokens: those predicted right where all tokens before are given. They are no verdicts."
)
_WORD: Final = {
    "distil": "distillation",
    "distil-sequence": "sequence distillation",
    "qat": "quantization",
    "movement": "movement pruning",
}


@dataclass(frozen=True)
class TrainingRow:
    """One training of one candidate; cells are text.

    Attributes:
        candidate: The candidate.
        technique: What it was trained for, in words.
        examples: Training examples, and how many languages they are in.
        steps: Optimizer steps done.
        took: Time and the largest memory.
        worst: The held-out language with the lowest accuracy.
        mean: Mean held-out accuracy over the languages.
    """

    candidate: str
    technique: str
    examples: str
    steps: str
    took: str
    worst: str
    mean: str


def training_rows(report: RunReport) -> tuple[TrainingRow, ...]:
    """The trainings of a run, in the order of its candidates; one that several share is told at each."""
    return tuple(
        _row(candidate.name, facts, terms_of(report.metric))
        for candidate in report.candidates
        if candidate.status != "failed"
        for facts in candidate.training
    )


def _row(name: str, facts: TrainingFacts, terms: Terms) -> TrainingRow:
    kept = facts.kept or facts.epochs[-1]
    worst = kept.worst
    seconds = sum(epoch.seconds for epoch in facts.epochs)
    early = "" if facts.stopped_at is None else f" of {count(facts.steps)}"
    taken = "" if facts.kept_step == facts.epochs[-1].step else f", weights of {count(facts.kept_step)}"
    return TrainingRow(
        candidate=name,
        technique=_WORD[facts.technique],
        examples=f"{count(sum(facts.examples.values()))} in {plural(len(facts.examples), terms.language)}",
        steps=f"{count(facts.epochs[-1].step)}{early}{taken}",
        took=f"{duration(seconds)}, {_memory(facts)}",
        worst=ABSENT
        if worst is None
        else f"{language(worst[0])} {percent(worst[1])} of {count(kept.held_out[worst[0]].n)}",
        mean=percent(kept.mean),
    )


def _memory(facts: TrainingFacts) -> str:
    return megabytes(max(epoch.peak_memory_bytes for epoch in facts.epochs))


def how_training_reads(terms: Terms) -> str:
    """What the table of trainings tells, and that it decides nothing."""
    return _HOW_TRANSLATION_READS if terms.translates else HOW_TRAINING_READS


def _held_out(terms: Terms) -> str:
    return "token" if terms.translates else "example"


def training_lines(facts: TrainingFacts, terms: Terms = CLASSIFICATION) -> list[str]:
    """A training in a few sentences, in the words of what was trained for."""
    last, seconds = facts.epochs[-1], sum(epoch.seconds for epoch in facts.epochs)
    examples = sum(facts.examples.values())
    unlabelled = f", {count(facts.unlabelled)} of them without a label" if facts.unlabelled else ""
    processes = f" in {facts.processes} processes" if facts.processes > 1 else ""
    learned = f"{plural(examples, terms.example)} in {plural(len(facts.examples), terms.language)}{unlabelled}"
    took = f"{plural(last.step, 'step')}{processes} in {duration(seconds)}, at most {_memory(facts)} of memory"
    lines = [f"Trained on {learned}: {took}."]
    if facts.stopped_at is not None:
        lines.append(f"Stopped early after step {count(facts.stopped_at)} of {count(facts.steps)}.")
    if facts.kept_step != last.step:
        lines.append(f"The weights are those of step {count(facts.kept_step)}, the best on held-out {terms.example}s.")
    kept = facts.kept
    if kept is not None and kept.worst is not None:
        tag, accuracy = kept.worst
        held = sum(check.n for check in kept.held_out.values())
        lines.append(
            f"Of {plural(held, f'held-out {_held_out(terms)}')}, the mean accuracy over the {terms.language}s is "
            f"{percent(kept.mean)}; the worst is {language(tag)}, {percent(accuracy)} of {count(kept.held_out[tag].n)}."
        )
    return lines
