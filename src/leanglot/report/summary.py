"""The answer of a run: what to ship for which goal, and which languages are proven, harmed or open."""

from dataclasses import dataclass, replace
from typing import Final

from leanglot.charts.labels import language_tags
from leanglot.errors import RunError
from leanglot.report.format import plural
from leanglot.results.records import Candidate, Goal, LanguageResult, RunReport
from leanglot.results.terms import terms_of

GOALS: Final[tuple[Goal, ...]] = ("balanced", "speed", "size", "accuracy", "cost")
_GOALS_PRICED: Final[tuple[Goal, ...]] = ("cost", "balanced", "speed", "size", "accuracy")


@dataclass(frozen=True)
class LanguageLine:
    """One language of one candidate.

    Attributes:
        tag: The language.
        result: What was found; None where the candidate has no result for a language of the data.
    """

    tag: str
    result: LanguageResult | None


@dataclass(frozen=True)
class LanguageGroups:
    """The languages of the data by what is known of them.

    Attributes:
        safe: Proven safe, in the order of the data.
        harmed: Harmed, the worst drop first.
        unproven: Everything else, the one that needs the fewest further examples first.
    """

    safe: tuple[LanguageLine, ...]
    harmed: tuple[LanguageLine, ...]
    unproven: tuple[LanguageLine, ...]

    @property
    def total(self) -> int:
        """Number of languages."""
        return len(self.safe) + len(self.harmed) + len(self.unproven)


@dataclass(frozen=True)
class Answer:
    """The answer for one goal.

    Attributes:
        goal: The goal.
        candidate: What to ship; None when nothing qualifies.
        reason: Why.
    """

    goal: Goal
    candidate: Candidate | None
    reason: str


@dataclass(frozen=True)
class Headline:
    """The first sentence of a report, split so that each format can set the candidate's name in its own way.

    Attributes:
        before: Text before the name.
        name: The candidate's name; empty when there is none.
        after: Text after the name.
    """

    before: str
    name: str
    after: str


def baseline_of(report: RunReport) -> Candidate:
    """The baseline.

    Raises:
        RunError: When the report has no candidate of the name it gives.
    """
    return _find(report, report.baseline, "The baseline")


def answers(report: RunReport) -> tuple[Answer, ...]:
    """One answer per goal that the report knows, in a fixed order; cost comes first where costs were given.

    Raises:
        RunError: When a recommendation names a candidate that the report does not have.
    """
    found = []
    for goal in GOALS if report.pricing is None else _GOALS_PRICED:
        recommendation = report.recommendations.get(goal)
        if recommendation is not None:
            name = recommendation.candidate
            candidate = None if name is None else _find(report, name, f'The recommendation for "{goal}"')
            found.append(Answer(goal, candidate, recommendation.reason))
    return tuple(found)


def primary(report: RunReport) -> Candidate | None:
    """The candidate that the report opens with: the cheapest, else the balanced one, else the first of any goal."""
    if baseline_is_cheapest(report):
        return baseline_of(report)
    return next((answer.candidate for answer in answers(report) if answer.candidate is not None), None)


def baseline_is_cheapest(report: RunReport) -> bool:
    """Whether costs were given, and nothing else that may be shipped costs less than the baseline."""
    answer = report.recommendations.get("cost")
    priced = report.pricing is not None and report.pricing.cheapest == report.baseline
    return priced and answer is not None and answer.candidate is None


def group_languages(report: RunReport, candidate: Candidate) -> LanguageGroups:
    """Sorts all languages of the data by what is known of them for one candidate."""
    lines = [LanguageLine(tag, candidate.languages.get(tag)) for tag in language_tags(report)]
    safe = [line for line in lines if line.result is not None and line.result.verdict == "safe"]
    harmed = [line for line in lines if line.result is not None and line.result.verdict == "harmed"]
    settled = {line.tag for line in (*safe, *harmed)}
    unproven = [line for line in lines if line.tag not in settled]
    return LanguageGroups(
        safe=tuple(safe),
        harmed=tuple(sorted(harmed, key=lambda line: -(drop_of(line) or 0.0))),
        unproven=tuple(sorted(unproven, key=_still_needed)),
    )


def drop_of(line: LanguageLine) -> float | None:
    """The drop of a line in the unit of the scores; None where none was measured."""
    return None if line.result is None else line.result.drop


def worst_language(candidate: Candidate) -> LanguageLine | None:
    """The language with the largest measured drop; None where nothing was compared."""
    lines = [LanguageLine(tag, row) for tag, row in candidate.languages.items() if row.drop is not None]
    return max(lines, key=lambda line: drop_of(line) or 0.0, default=None)


def accuracy_change(report: RunReport, candidate: Candidate) -> float | None:
    """The candidate's accuracy minus the baseline's; None where either is missing."""
    reference = baseline_of(report).accuracy
    return None if candidate.accuracy is None or reference is None else candidate.accuracy - reference


def headline(report: RunReport) -> Headline:
    """What to ship, in one sentence that never claims more than was proven."""
    candidate = primary(report)
    if candidate is None:
        return Headline("Nothing to ship yet: no candidate qualifies for any goal", "", "")
    found = _verdict_of(report, candidate)
    alarms = f"; {plural(len(candidate.alarms), 'alarm')}" if candidate.alarms else ""
    return replace(found, after=found.after + alarms)


def _verdict_of(report: RunReport, candidate: Candidate) -> Headline:
    if candidate.name == report.baseline:
        why = "costs less" if baseline_is_cheapest(report) else "is supported better"
        return Headline("Keep the baseline ", candidate.name, f": no other candidate {why}")
    groups, noun = group_languages(report, candidate), terms_of(report.metric).language
    if candidate.status == "certified" and len(groups.safe) == groups.total:
        return Headline("Ship ", candidate.name, f": proven safe in all {plural(groups.total, noun)}")
    if groups.harmed:
        return Headline("Not safe to ship: ", candidate.name, f" harms {_share(groups, len(groups.harmed), noun)}")
    open_part = f"not proven in {len(groups.unproven)}, harmed in none"
    return Headline(
        "Best so far: ", candidate.name, f" is proven safe in {_share(groups, len(groups.safe), noun)}, {open_part}"
    )


def _share(groups: LanguageGroups, part: int, noun: str) -> str:
    return f"{part} of {plural(groups.total, noun)}"


def _still_needed(line: LanguageLine) -> tuple[bool, int, bool]:
    """Sorts by further examples; unknown numbers come after known ones, absent results last."""
    needed = None if line.result is None else line.result.samples_needed
    return needed is None, needed or 0, line.result is None


def _find(report: RunReport, name: str, what: str) -> Candidate:
    for candidate in report.candidates:
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in report.candidates) or "none"
    raise RunError(f'{what} names "{name}", which is not a candidate of this report.', f"Candidates: {known}.")
