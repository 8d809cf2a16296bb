"""The report in the terminal: candidates, the languages that matter, and the recommendations as sentences."""

from itertools import pairwise
from typing import Final

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Column, Table
from rich.text import Text

from leanglot.charts.quantities import ABSENT, count, megabytes, percent, points, ratio, score
from leanglot.charts.style import VERDICT_SIGN
from leanglot.report.alarms import AlarmLine, alarm_lines, explaining_pages
from leanglot.report.format import goal_word, language, more_examples, plain
from leanglot.report.highlights import Highlight, pick_highlights
from leanglot.report.routing_table import render_routing
from leanglot.report.summary import Answer, answers, drop_of, group_languages, headline, worst_language
from leanglot.report.terminal_deciding import cost_parts, search_parts
from leanglot.report.terminal_making import making_parts
from leanglot.report.terminal_parts import WIDTH, FittedTable, plain_table, signed_verdict
from leanglot.report.terminal_translation import translation_parts
from leanglot.report.warnings import warning_lines
from leanglot.results.records import Candidate, RunReport, Status
from leanglot.results.terms import Terms, terms_of

_STATUS_STYLE: Final[dict[Status, str]] = {
    "baseline": "dim",
    "certified": "bold blue",
    "unrefuted": "",
    "rejected": "bold red",
    "failed": "dim red",
}


def render_tables(report: RunReport) -> RenderableType:
    """Renders what a run found, at most 100 columns wide.

    Args:
        report: The run.

    Returns:
        Something for ``rich.console.Console.print``. Names are shown as they are, never read as markup.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    parts: list[RenderableType] = [_candidates(report)]
    parts += [Text(f"{plain(name)}: {plain(text)}", style="dim") for name, text in _remarks(report)]
    tables = (*(_alarms, translation_parts, cost_parts, render_routing, search_parts, making_parts, _languages),)
    parts += [Text(), *(part for table in tables for part in table(report)), render_recommendations(report)]
    return Constrain(Group(*parts), WIDTH)


def render_recommendations(report: RunReport) -> RenderableType:
    """Renders the answer alone: one sentence for the run, one for each goal.

    Args:
        report: The run.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    return Constrain(
        Group(_headline(report), *(_sentence(answer, terms_of(report.metric)) for answer in answers(report))), WIDTH
    )


def render_costs(report: RunReport) -> RenderableType:
    """Renders the prices alone; nothing where no costs were given.

    Args:
        report: The run.
    """
    return Constrain(Group(*cost_parts(report)), WIDTH)


def _candidates(report: RunReport) -> FittedTable:
    signs = "/".join(VERDICT_SIGN[kind] for kind in ("safe", "harmed", "inconclusive"))
    quality = terms_of(report.metric).quality
    headings = ("candidate", "status", "speed-up", "p50 ms", "size MB", "smaller", quality, "worst drop", signs)
    rows = [_candidate_cells(report, candidate) for candidate in report.candidates]
    return FittedTable("Candidates", headings, rows, frozenset({"p50 ms", "smaller"}))


def _candidate_cells(report: RunReport, candidate: Candidate) -> list[Text]:
    name, status = Text(plain(candidate.name)), Text(candidate.status, _STATUS_STYLE[candidate.status])
    if candidate.alarms:
        status.append(" !", "bold yellow")
    if candidate.status == "failed":
        return [name, status, *(Text(ABSENT, "dim") for _ in range(7))]
    p50 = None if candidate.latency_ms is None else candidate.latency_ms.p50
    cells = [
        ratio(candidate.speedup),
        ABSENT if p50 is None else f"{p50:,.1f}" if p50 >= 1 else f"{p50:.2f}",
        megabytes(candidate.size_bytes).removesuffix(" MB"),
        percent(candidate.size_reduction),
        score(candidate.accuracy, terms_of(report.metric)),
    ]
    if candidate.name == report.baseline:
        cells[3] = "ref."
        return [name, status, *map(Text, cells), Text("ref."), Text("ref.")]
    worst = worst_language(candidate)
    drop = None if worst is None else drop_of(worst)
    shown = ABSENT if worst is None or drop is None else f"{worst.tag} {points(drop)}" if drop > 0 else "no drop"
    groups = group_languages(report, candidate)
    counts = f"{len(groups.safe)}/{len(groups.harmed)}/{len(groups.unproven)}"
    return [name, status, *map(Text, cells), Text(plain(shown)), Text(counts)]


def _remarks(report: RunReport) -> list[tuple[str, str]]:
    """Failures and warnings, each with its candidate."""
    failures = [
        (candidate.name, f"failed: {candidate.reason or 'no reason was recorded'}")
        for candidate in report.candidates
        if candidate.status == "failed"
    ]
    return [*failures, *((", ".join(names), warning) for names, warning in warning_lines(report))]


def _alarms(report: RunReport) -> list[RenderableType]:
    lines = alarm_lines(report)
    if not lines:
        return []
    title = Text("Alarms, marked ! above", "bold").append(f"; explained in {', '.join(explaining_pages(lines))}", "dim")
    table = Table.grid(Column(no_wrap=True), Column(ratio=1, overflow="fold"), padding=(0, 1, 0, 0), expand=True)
    for line in lines:
        table.add_row(*_alarm_cells(line))
    return [title, table, Text()]


def _alarm_cells(line: AlarmLine) -> list[Text]:
    style = "dim" if line.alarm.code == "not-measured" else "yellow"
    names = (plain(", ".join(line.candidates)), "cyan")
    return [Text(f"! {plain(line.alarm.code)}", style), Text.assemble(names, f": {plain(line.alarm.message)}")]


def _languages(report: RunReport) -> list[RenderableType]:
    chosen, terms = pick_highlights(report), terms_of(report.metric)
    if not chosen.rows:
        return []
    table = plain_table(terms.told("Languages that matter: harmed, worst drops, nearest to settled"))
    table.add_column(terms.language, ratio=2, overflow="fold")
    table.add_column("candidate", ratio=2, overflow="fold")
    for heading in ("n", "drop", "at most"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("to settle it", justify="right", no_wrap=True)
    for row, following in pairwise((*chosen.rows, None)):
        if row is not None:
            table.add_row(*_highlight_cells(row), end_section=following is not None and following.why != row.why)
    parts: list[RenderableType] = [table]
    if chosen.harmed_left_out:
        parts.append(Text(f"{chosen.harmed_left_out} more harmed in the full report.", style="dim"))
    return [*parts, Text()]


def _highlight_cells(row: Highlight) -> list[Text]:
    result = row.result
    return [
        Text(plain(language(row.tag))),
        Text(plain(row.candidate)),
        Text(count(result.n)),
        Text(points(result.drop)),
        Text(points(result.drop_bound)),
        signed_verdict(result.verdict),
        Text(more_examples(result)),
    ]


def _headline(report: RunReport) -> Text:
    first = headline(report)
    return Text.assemble(first.before, plain(first.name), f"{first.after}.", style="bold")


def _sentence(answer: Answer, terms: Terms) -> Text:
    goal = (f"{goal_word(answer.goal, terms)}: ", "bold")
    if answer.candidate is None:
        return Text.assemble(goal, "none. ", plain(answer.reason))
    each = answer.candidate
    return Text.assemble(goal, (plain(each.name), "cyan"), f" ({each.status}). ", plain(answer.reason))
