"""A gate's decision in the terminal: the languages, the worst first, then the answer."""

from typing import Final

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import count, percent, points, score
from leanglot.report.format import in_points, language, more_examples, plain
from leanglot.report.gate import OUTCOME_SIGN, changes, floor_words, headline, method
from leanglot.report.terminal_parts import WIDTH, plain_table, signed_verdict
from leanglot.report.translation import told_failure
from leanglot.results.gate import Floor, FloorKind, GateLanguage, GateOutcome, GateReport
from leanglot.results.terms import Terms, terms_of

_OUTCOME_STYLE: Final[dict[GateOutcome, str]] = {"passed": "bold blue", "failed": "bold red", "unproven": "bold"}
_FLOOR_STYLE: Final[dict[FloorKind, str]] = {"met": "blue", "below": "bold red", "unproven": "dim"}


def gate_table(report: GateReport) -> RenderableType:
    """Renders the decision, at most 100 columns wide.

    Args:
        report: The gate's record.
    """
    terms = terms_of(report.metric)
    floors = any(each.floor is not None for each in report.languages.values())
    table = plain_table(f"Gate: {plain(report.candidate.name)} against {plain(report.baseline.name)}")
    table.add_column(terms.language, ratio=1, overflow="fold")
    for heading in ("n", terms.quality, "drop", "at most", "verdict", "to settle it", "changed", *(["floor"] * floors)):
        table.add_column(heading, justify="left" if heading == "verdict" else "right", no_wrap=True)
    for tag, each in report.worst_first():
        table.add_row(*_cells(tag, each, terms), *([_floor(each.floor, terms)] * floors))
    change = in_points(report.candidate_accuracy - report.baseline_accuracy, signed=True)
    before, after = (score(each, terms) for each in (report.baseline_accuracy, report.candidate_accuracy))
    overall = f"{terms.heading} {before} to {after} ({change}); "
    told = [Text(f"Size: {size.reason}", "" if size.kept else "bold red") for size in report.sizes]
    told += [Text(f"More frequent: {plain(told_failure(each))}.", "bold red") for each in report.changes if each.found]
    told += [Text(plain(note), style="dim") for note in report.notes]
    answer = Text(f"{OUTCOME_SIGN[report.outcome]} {plain(headline(report))}", _OUTCOME_STYLE[report.outcome])
    lines = [
        Text(overall + changes(report.flips, terms) + "."),
        *told,
        Text(f"{plain(method(report))}.", style="dim"),
        answer,
    ]
    return Constrain(Group(table, Text(), *lines), WIDTH)


def _cells(tag: str, each: GateLanguage, terms: Terms) -> list[Text]:
    verdict = each.verdict
    accuracy = f"{score(verdict.baseline, terms).removesuffix('%')} → {score(verdict.candidate, terms)}"
    needed = more_examples(verdict).removeprefix("about ")
    cells = [language(tag), count(verdict.n), accuracy, points(verdict.drop), points(verdict.drop_bound)]
    return [
        *map(Text, cells),
        signed_verdict(verdict.verdict),
        Text(needed),
        Text(percent(each.flips.flip_rate)),
    ]


def _floor(floor: Floor | None, terms: Terms) -> Text:
    return Text("") if floor is None else Text(floor_words(floor, terms), _FLOOR_STYLE[floor.kind])
