"""A gate's decision in the terminal: the languages, the worst first, then the answer."""

from typing import Final

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import count, percent, points
from leanglot.report.format import in_points, language, more_examples, plain
from leanglot.report.gate import OUTCOME_SIGN, changes, floor_words, headline, method
from leanglot.report.terminal_parts import WIDTH, plain_table, signed_verdict
from leanglot.results.gate import Floor, FloorKind, GateLanguage, GateOutcome, GateReport

_OUTCOME_STYLE: Final[dict[GateOutcome, str]] = {"passed": "bold blue", "failed": "bold red", "unproven": "bold"}
_FLOOR_STYLE: Final[dict[FloorKind, str]] = {"met": "blue", "below": "bold red", "unproven": "dim"}


def gate_table(report: GateReport) -> RenderableType:
    """Renders the decision, at most 100 columns wide.

    Args:
        report: The gate's record.
    """
    floors = any(each.floor is not None for each in report.languages.values())
    table = plain_table(f"Gate: {plain(report.candidate.name)} against {plain(report.baseline.name)}")
    table.add_column("language", ratio=1, overflow="fold")
    for heading in ("n", "accuracy", "drop", "at most", "verdict", "to settle it", "changed", *(["floor"] * floors)):
        table.add_column(heading, justify="left" if heading == "verdict" else "right", no_wrap=True)
    for tag, each in report.worst_first():
        table.add_row(*_cells(tag, each), *([_floor(each.floor)] * floors))
    change = in_points(report.candidate_accuracy - report.baseline_accuracy, signed=True)
    overall = f"Accuracy {percent(report.baseline_accuracy)} to {percent(report.candidate_accuracy)} ({change}); "
    told = [Text(f"Size: {size.reason}", "" if size.kept else "bold red") for size in report.sizes]
    told += [Text(plain(note), style="dim") for note in report.notes]
    answer = Text(f"{OUTCOME_SIGN[report.outcome]} {plain(headline(report))}", _OUTCOME_STYLE[report.outcome])
    lines = [Text(overall + changes(report.flips) + "."), *told, Text(f"{plain(method(report))}.", style="dim"), answer]
    return Constrain(Group(table, Text(), *lines), WIDTH)


def _cells(tag: str, each: GateLanguage) -> list[Text]:
    verdict = each.verdict
    accuracy = f"{percent(verdict.baseline).removesuffix('%')} → {percent(verdict.candidate)}"
    needed = more_examples(verdict).removeprefix("about ")
    cells = [language(tag), count(verdict.n), accuracy, points(verdict.drop), points(verdict.drop_bound)]
    return [
        *map(Text, cells),
        signed_verdict(verdict.verdict),
        Text(needed),
        Text(percent(each.flips.flip_rate)),
    ]


def _floor(floor: Floor | None) -> Text:
    return Text("") if floor is None else Text(floor_words(floor), _FLOOR_STYLE[floor.kind])
