"""The report in the terminal: candidates, the languages that matter, and the recommendations as sentences."""

from dataclasses import dataclass
from itertools import compress, pairwise
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.constrain import Constrain
from rich.table import Column, Table
from rich.text import Text

from leanglot.charts.quantities import ABSENT, count, megabytes, percent, points, ratio
from leanglot.charts.style import VERDICT_SIGN, VERDICT_WORD
from leanglot.report.alarms import AlarmLine, alarm_lines, explaining_pages
from leanglot.report.chains import ChainTable, StepRow, chain_tables
from leanglot.report.cost import COST_COLUMNS, COST_HEADINGS, HOW_COST_READS, CostRow, cost_table
from leanglot.report.format import GOAL_WORD, language, more_examples, plain
from leanglot.report.highlights import Highlight, pick_highlights
from leanglot.report.repairs import sentences
from leanglot.report.routing_table import render_routing
from leanglot.report.searching import HOW_SEARCH_READS, SEARCH_COLUMNS, search_table
from leanglot.report.shaping import PruningRow, pruning_table
from leanglot.report.summary import (
    Answer,
    answers,
    drop_of,
    group_languages,
    headline,
    worst_language,
)
from leanglot.report.tables import REFERENCE
from leanglot.report.training import HOW_TRAINING_READS, training_rows
from leanglot.report.vocabulary import HOW_TO_READ, VOCABULARY_COLUMNS, VocabularyTable, vocabulary_tables
from leanglot.report.warnings import warning_lines
from leanglot.report.weights import PART_WORD, thread_table, weight_table
from leanglot.results.records import Candidate, RunReport, Status, VerdictKind

WIDTH: Final = 100
_NARROW: Final = 96
_STATUS_STYLE: Final[dict[Status, str]] = {
    "baseline": "dim",
    "certified": "bold blue",
    "unrefuted": "",
    "rejected": "bold red",
    "failed": "dim red",
}
_VERDICT_STYLE: Final[dict[VerdictKind | None, str]] = {
    "safe": "blue",
    "harmed": "bold red",
    "inconclusive": "dim",
    None: "dim",
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
    tables = (
        *(_alarms, _costs, render_routing, _search, _repairs, _chains, _weights),
        *(_pruning, _training, _vocabularies, _threads, _languages),
    )
    parts += [Text(), *(part for table in tables for part in table(report)), render_recommendations(report)]
    return Constrain(Group(*parts), WIDTH)


def render_recommendations(report: RunReport) -> RenderableType:
    """Renders the answer alone: one sentence for the run, one for each goal.

    Args:
        report: The run.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    return Constrain(Group(_headline(report), *(_sentence(answer) for answer in answers(report))), WIDTH)


def render_costs(report: RunReport) -> RenderableType:
    """Renders the prices alone; nothing where no costs were given.

    Args:
        report: The run.
    """
    return Constrain(Group(*_costs(report)), WIDTH)


def plain_table(title: str) -> Table:
    """A table with a title and one line under its head."""
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False,
        padding=(0, 1, 0, 0), expand=True, header_style="dim",
    )  # fmt: skip


def signed_verdict(verdict: VerdictKind | None) -> Text:
    """A verdict with its sign, such as ``✓ safe``."""
    return Text(f"{VERDICT_SIGN[verdict]} {VERDICT_WORD[verdict]}", _VERDICT_STYLE[verdict])


@dataclass(frozen=True)
class _Fitted:
    """A table whose first column takes what is left; a narrow terminal does without some of the others.

    Attributes:
        title: Its title.
        headings: Of all columns.
        rows: A cell for each.
        spare: Headings of the columns that a narrow terminal leaves out, so that names stay readable.
    """

    title: str
    headings: tuple[str, ...]
    rows: list[list[Text]]
    spare: frozenset[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = [heading not in self.spare or options.max_width >= _NARROW for heading in self.headings]
        table = plain_table(self.title)
        table.add_column(self.headings[0], ratio=1, overflow="fold")
        for heading in list(compress(self.headings, shown))[1:]:
            table.add_column(heading, justify="left" if heading == "status" else "right", no_wrap=True)
        for row in self.rows:
            table.add_row(*compress(row, shown))
        yield table


def _candidates(report: RunReport) -> _Fitted:
    signs = "/".join(VERDICT_SIGN[kind] for kind in ("safe", "harmed", "inconclusive"))
    headings = ("candidate", "status", "speed-up", "p50 ms", "size MB", "smaller", "accuracy", "worst drop", signs)
    rows = [_candidate_cells(report, candidate) for candidate in report.candidates]
    return _Fitted("Candidates", headings, rows, frozenset({"p50 ms", "smaller"}))


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
        percent(candidate.accuracy),
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


def _costs(report: RunReport) -> list[RenderableType]:
    found = cost_table(report)
    if found is None:
        return []
    rows = [_cost_cells(row) for row in found.rows]
    table = _Fitted(found.title, ("candidate", *COST_HEADINGS), rows, frozenset({"machines", "per million"}))
    changes = [Text(f"- {plain(change)}") for change in found.changes]
    remarks = (found.assumptions, HOW_COST_READS, *found.remarks)
    return [table, *changes, *(Text(plain(remark), "dim") for remark in remarks), Text()]


def _cost_cells(row: CostRow) -> list[Text]:
    style = "bold" if row.cheapest else "dim" if row.candidate.status == "rejected" else ""
    return [Text(plain(text), style) for text in (row.candidate.name, *(row.cells[each] for each in COST_COLUMNS))]


def _search(report: RunReport) -> list[RenderableType]:
    found = search_table(report)
    if found is None:
        return []
    told = [Text("Search", "bold"), Text(plain(" ".join(found.sentences)))]
    if not found.rows:
        return [*told, Text()]
    rows = [[Text(plain(cell)) for cell in (row.name, *row.cells)] for row in found.rows]
    why = [Text.assemble((plain(row.name), "cyan"), f": {plain(row.reason)}") for row in found.rows if row.is_out]
    table = _Fitted("Tried and not shown above", SEARCH_COLUMNS, rows, frozenset({"took"}))
    return [*told, Text(), table, *why, Text(HOW_SEARCH_READS, "dim"), Text()]


def _repairs(report: RunReport) -> list[RenderableType]:
    if not report.repairs:
        return []
    told = [
        Text.assemble((plain(name), "cyan"), f": {plain(' '.join(sentences(repair)))}")
        for name, repair in report.repairs.items()
    ]
    return [Text("Repair", "bold"), *told, Text()]


def _chains(report: RunReport) -> list[RenderableType]:
    return [part for table in chain_tables(report) for part in _chain(table)]


def _chain(found: ChainTable) -> list[RenderableType]:
    signs = "/".join(VERDICT_SIGN[kind] for kind in ("safe", "harmed", "inconclusive"))
    headings = ("step", "size MB", "change", "p50 ms", "so far", "of step", "accuracy", "worst at step", signs)
    rows = [_step_cells(row) for row in found.rows]
    table = _Fitted(f"Steps of {plain(found.name)}", headings, rows, frozenset({"change", "p50 ms"}))
    harmed = [
        Text.assemble("newly harmed after ", (plain(row.step.words), "cyan"), f": {plain(row.harm_short)}")
        for row in found.rows
        if row.newly_harmed
    ]
    remarks = [*(row.over_steps for row in found.rows if row.over_steps), *found.absences]
    return [table, *harmed, *(Text(remark, "dim") for remark in remarks), Text()]


def _step_cells(row: StepRow) -> list[Text]:
    words, cells = Text(plain(row.step.words)), row.cells
    if row.step.failed is not None:
        return [words, Text("failed", "dim red"), *(Text(ABSENT, "dim") for _ in range(7))]
    worst = row.step.worst
    shown = [
        cells["size"].removesuffix(" MB"),
        cells["change in size"].partition(" MB")[0],
        cells["median"].removesuffix(" ms"),
        *(cells[column].partition(" (")[0] for column in ("speed-up so far", "speed-up of the step", "accuracy")),
        cells["worst at the step"] if worst is None or worst[1] <= 0 else f"{plain(worst[0])} {points(worst[1])}",
        REFERENCE if row.counts is None else "/".join(map(str, row.counts)),
    ]
    return [words, *(Text("ref." if cell == REFERENCE else cell) for cell in shown)]


def _weights(report: RunReport) -> list[RenderableType]:
    ledger = weight_table(report)
    if ledger is None:
        return []
    table = plain_table("Weights by part, MB")
    table.add_column("candidate", ratio=1, overflow="fold")
    for heading in (*(PART_WORD[part] for part in ledger.parts), "all"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in ledger.rows:
        cells = [row.parts[part].short if row.parts else ABSENT for part in ledger.parts]
        table.add_row(Text(plain(row.candidate.name)), *map(Text, cells), Text(row.total))
    return [table, Text()]


def _pruning(report: RunReport) -> list[RenderableType]:
    found = pruning_table(report)
    if found is None:
        return []
    headings: tuple[str, ...] = ("candidate", "technique", "asked for", "reached", "size MB", "speed-up", "gzip MB")
    headings = headings if found.has_compressed else headings[:-1]
    rows = [_pruning_cells(row)[: len(headings)] for row in found.rows]
    kept = [Text.assemble((plain(", ".join(names)), "cyan"), f": {told}") for told, names in found.kept_short.items()]
    table = _Fitted("Pruning", headings, rows, frozenset({"technique", "asked for"}))
    return [table, *kept, *(Text(plain(remark), "dim") for remark in found.remarks), Text()]


def _training(report: RunReport) -> list[RenderableType]:
    rows = [
        [Text(plain(cell)) for cell in (row.candidate, row.technique, row.steps, row.took, row.worst, row.mean)]
        for row in training_rows(report)
    ]
    if not rows:
        return []
    headings = ("candidate", "trained for", "steps", "took", "worst held-out language", "mean")
    fitted = _Fitted("Training", headings, rows, frozenset({"took"}))
    return [fitted, Text(HOW_TRAINING_READS, style="dim"), Text()]


def _pruning_cells(row: PruningRow) -> list[Text]:
    steps = [(step.technique, step.asked, step.reached) for step in row.steps]
    columns = ["\n".join(column) for column in zip(*steps, strict=True)] or [""] * 3
    sizes = [shown.removesuffix(" MB") for shown in (row.size, row.compressed)]
    speedup = "ref." if row.speedup == REFERENCE else row.speedup
    return [Text(cell) for cell in (plain(row.candidate.name), *columns, sizes[0], speedup, sizes[1])]


def _vocabularies(report: RunReport) -> list[RenderableType]:
    tables = vocabulary_tables(report)
    parts = [part for table in tables for part in _vocabulary(table)]
    return [*parts, Text(HOW_TO_READ, "dim"), Text()] if tables else []


def _vocabulary(found: VocabularyTable) -> list[RenderableType]:
    title = (
        f"Vocabulary, the {len(found.worst)} languages that pay most" if found.is_short else "Vocabulary by language"
    )
    rows = [
        [Text(plain(language(row.tag))), *(Text(row.cells[column]) for column in VOCABULARY_COLUMNS)]
        for row in found.worst
    ]
    table = _Fitted(title, ("language", *VOCABULARY_COLUMNS), rows, frozenset({"missing", "baseline"}))
    told = [Text.assemble((plain(", ".join(found.names)), "cyan"), f": {plain(found.cut)}.")]
    told += [Text(f"All {len(found.rows)} languages are in report.html.", "dim")] if found.is_short else []
    return [table, *told, *(Text(plain(remark), "dim") for remark in found.remarks)]


def _threads(report: RunReport) -> list[RenderableType]:
    found = thread_table(report)
    if found is None:
        return []
    table = plain_table("Threads: median of one text by their number")
    table.add_column("candidate", ratio=1, overflow="fold")
    for heading in ("used", *map(str, found.counts)):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found.rows:
        medians = [Text(row.medians[number], "bold" if row.is_used(number) else "") for number in found.counts]
        table.add_row(Text(plain(row.candidate.name)), Text(row.used), *medians)
    return [table, Text()]


def _languages(report: RunReport) -> list[RenderableType]:
    chosen = pick_highlights(report)
    if not chosen.rows:
        return []
    table = plain_table("Languages that matter: harmed, worst drops, nearest to settled")
    table.add_column("language", ratio=2, overflow="fold")
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


def _sentence(answer: Answer) -> Text:
    goal = (f"{GOAL_WORD[answer.goal]}: ", "bold")
    if answer.candidate is None:
        return Text.assemble(goal, "none. ", plain(answer.reason))
    each = answer.candidate
    return Text.assemble(goal, (plain(each.name), "cyan"), f" ({each.status}). ", plain(answer.reason))
