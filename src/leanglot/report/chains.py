"""What each step of a chain gains and costs, as a table of text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from leanglot.charts.quantities import ABSENT, megabytes, milliseconds, points, ratio, score
from leanglot.charts.steps import ChainStep, Change, chain_steps, size_words
from leanglot.charts.style import VERDICT_SIGN
from leanglot.report.format import concerned, language, plain
from leanglot.report.summary import group_languages
from leanglot.report.tables import REFERENCE
from leanglot.results.records import RunReport
from leanglot.results.terms import Terms, terms_of

StepColumn = Literal[
    "size", "change in size", "median", "speed-up so far", "speed-up of the step", "accuracy", "worst at the step"
]  # fmt: skip
STEP_COLUMNS: Final[tuple[StepColumn, ...]] = StepColumn.__args__  # type: ignore[attr-defined]
HOW_STEPS_READ: Final = (
    "Each step comes on top of those above it. Its speed-up is the speed-up so far over that of the step before, since "
    "both were timed side by side with the baseline and not with each other. The worst language is the one that the "
    "step itself costs most; verdicts are against the baseline, and newly harmed is who was not harmed before the step."
)
_WORST: Final = 6
_COMPARED: Final[tuple[StepColumn, ...]] = (
    "change in size", "speed-up so far", "speed-up of the step", "worst at the step",
)  # fmt: skip


@dataclass(frozen=True)
class StepRow:
    """One step.

    Attributes:
        step: What was done, by the candidate that has all steps up to it.
        cells: Its cells by column.
        counts: Languages safe, harmed and not proven; None on the baseline and where it failed.
        newly_harmed: Languages that are harmed after this step and were not before, the worst drop of the step first.
    """

    step: ChainStep
    cells: dict[StepColumn, str]
    counts: tuple[int, int, int] | None
    newly_harmed: tuple[str, ...]

    @property
    def counted(self) -> str:
        """The counts with their signs, or why there are none."""
        if self.counts is None:
            return ABSENT if self.step.failed is not None else REFERENCE
        signs = (VERDICT_SIGN[kind] for kind in ("safe", "harmed", "inconclusive"))
        return "  ".join(f"{sign}\N{NO-BREAK SPACE}{number}" for sign, number in zip(signs, self.counts, strict=True))

    @property
    def harm(self) -> str:
        """The languages newly harmed, such as ``Thai (th) +12.0``, each with its drop at the step."""
        return ", ".join(f"{language(tag)} {points(self.step.languages[tag].drop)}" for tag in self.newly_harmed)

    @property
    def harm_short(self) -> str:
        """The same with the worst alone, and how many more there are."""
        shown = replace(self, newly_harmed=self.newly_harmed[:_WORST]).harm
        more = len(self.newly_harmed) - _WORST
        return f"{shown} and {more} more" if more > 0 else shown

    @property
    def over_steps(self) -> str:
        """That its changes are over several steps, where those between lack a measure; else empty."""
        changes = (self.step.size, self.step.time, *(each.accuracy for each in self.step.languages.values()))
        spanned = max((each.spanned for each in changes if each.difference is not None), default=1)
        return "" if spanned == 1 else f"changes at {plain(self.step.words)} are over up to {spanned} steps"


@dataclass(frozen=True)
class ChainTable:
    """One candidate's steps.

    Attributes:
        name: The candidate.
        rows: The baseline, then each step.
        absences: Why numbers are absent, one sentence each.
    """

    name: str
    rows: tuple[StepRow, ...]
    absences: tuple[str, ...]


def chain_tables(report: RunReport) -> tuple[ChainTable, ...]:
    """The steps of each candidate whose steps the run shows.

    Raises:
        RunError: When a chain names candidates that the report does not have.
    """
    tables = []
    for name in report.chains:
        steps = chain_steps(report, name)
        tables.append(
            ChainTable(name, tuple(_row(report, step) for step in steps), _absences(steps, terms_of(report.metric)))
        )
    return tuple(tables)


def _row(report: RunReport, step: ChainStep) -> StepRow:
    terms = terms_of(report.metric)
    cells = {column: _TEXTS[column](step, terms) for column in STEP_COLUMNS}
    if not step.languages:
        return StepRow(step, {**cells, **dict.fromkeys(_COMPARED, REFERENCE)}, None, ())
    groups = group_languages(report, step.candidate)
    counts = (len(groups.safe), len(groups.harmed), len(groups.unproven))
    harmed = [tag for tag, each in step.languages.items() if each.newly_harmed]
    harmed.sort(key=lambda tag: -(step.languages[tag].drop or 0.0))
    return StepRow(step, cells, None if step.failed is not None else counts, tuple(harmed))


def _over_steps(text: str, change: Change) -> str:
    """The text, and over how many steps it is where those between have no measure."""
    return f"{text} ({change.spanned} steps)" if change.spanned > 1 and text != ABSENT else text


def _change_in_size(step: ChainStep) -> str:
    size = step.size
    if size.difference is None:
        return ABSENT
    shown = size_words(abs(size.difference))
    sign = "" if shown == megabytes(0) else "+" if size.difference > 0 else "\N{MINUS SIGN}"
    return _over_steps(f"{sign}{shown}", size)


def _speedup_of_step(step: ChainStep) -> str:
    before, after = step.time.before, step.time.after
    return ABSENT if before is None or not after else _over_steps(ratio(before / after), step.time)


def _worst(step: ChainStep) -> str:
    worst = step.worst
    if worst is None:
        return ABSENT
    tag, drop = worst
    shown = f"{language(tag)} {points(drop)}" if drop > 0 else "no drop"
    return _over_steps(shown, step.languages[tag].accuracy)


def _median(step: ChainStep) -> str:
    latency = step.candidate.latency_ms
    return milliseconds(None if latency is None else latency.p50)


_TEXTS: Final[dict[StepColumn, Callable[[ChainStep, Terms], str]]] = {
    "size": lambda step, _: megabytes(step.candidate.size_bytes),
    "change in size": lambda step, _: _change_in_size(step),
    "median": lambda step, _: _median(step),
    "speed-up so far": lambda step, _: ratio(step.candidate.speedup),
    "speed-up of the step": lambda step, _: _speedup_of_step(step),
    "accuracy": lambda step, terms: score(step.candidate.accuracy, terms),
    "worst at the step": lambda step, _: _worst(step),
}


def _absences(steps: Sequence[ChainStep], terms: Terms) -> tuple[str, ...]:
    """Why numbers are absent, one sentence per reason with all whom it concerns."""
    found: list[tuple[str, str]] = []
    for step in steps:
        if step.failed is not None:
            continue
        missing = {
            "size": step.size.after,
            "median": None if step.candidate.latency_ms is None else step.candidate.latency_ms.p50,
            "speed-up": step.time.after,
            "accuracy": step.accuracy.after,
            "accuracy by language": True if not step.languages else step.worst,
        }
        found += [(what, plain(step.candidate.name)) for what, value in missing.items() if value is None]
    return tuple(
        f"{ABSENT} for {', '.join(names)}: no {terms.told(what)} was measured."
        for what, names in concerned(found).items()
    )
