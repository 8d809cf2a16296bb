"""How candidates came about, in the terminal: repairs, steps, weights, pruning, trainings, vocabularies, threads."""

from rich.console import RenderableType
from rich.text import Text

from leanglot.charts.quantities import ABSENT, points
from leanglot.charts.style import VERDICT_SIGN
from leanglot.report.chains import ChainTable, StepRow, chain_tables
from leanglot.report.format import language, plain
from leanglot.report.repairs import sentences
from leanglot.report.shaping import PruningRow, pruning_table
from leanglot.report.tables import REFERENCE
from leanglot.report.terminal_parts import FittedTable, plain_table
from leanglot.report.training import how_training_reads, training_rows
from leanglot.report.vocabulary import HOW_TO_READ, VOCABULARY_COLUMNS, VocabularyTable, vocabulary_tables
from leanglot.report.weights import PART_WORD, thread_table, weight_table
from leanglot.results.records import RunReport
from leanglot.results.terms import Terms, terms_of


def making_parts(report: RunReport) -> list[RenderableType]:
    """Renders how the candidates came about; nothing of what the run has none of.

    Args:
        report: The run.
    """
    sections = (_repairs, _chains, _weights, _pruning, _training, _vocabularies, _threads)
    return [part for section in sections for part in section(report)]


def _repairs(report: RunReport) -> list[RenderableType]:
    if not report.repairs:
        return []
    told = [
        Text.assemble((plain(name), "cyan"), f": {plain(' '.join(sentences(repair)))}")
        for name, repair in report.repairs.items()
    ]
    return [Text("Repair", "bold"), *told, Text()]


def _chains(report: RunReport) -> list[RenderableType]:
    return [part for table in chain_tables(report) for part in _chain(table, terms_of(report.metric))]


def _chain(found: ChainTable, terms: Terms) -> list[RenderableType]:
    signs = "/".join(VERDICT_SIGN[kind] for kind in ("safe", "harmed", "inconclusive"))
    headings = ("step", "size MB", "change", "p50 ms", "so far", "of step", terms.quality, "worst at step", signs)
    rows = [_step_cells(row) for row in found.rows]
    table = FittedTable(f"Steps of {plain(found.name)}", headings, rows, frozenset({"change", "p50 ms"}))
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
    table = FittedTable("Pruning", headings, rows, frozenset({"technique", "asked for"}))
    return [table, *kept, *(Text(plain(remark), "dim") for remark in found.remarks), Text()]


def _training(report: RunReport) -> list[RenderableType]:
    rows = [
        [Text(plain(cell)) for cell in (row.candidate, row.technique, row.steps, row.took, row.worst, row.mean)]
        for row in training_rows(report)
    ]
    if not rows:
        return []
    terms = terms_of(report.metric)
    headings = ("candidate", "trained for", "steps", "took", terms.told("worst held-out language"), "mean")
    fitted = FittedTable("Training", headings, rows, frozenset({"took"}))
    return [fitted, Text(how_training_reads(terms), style="dim"), Text()]


def _pruning_cells(row: PruningRow) -> list[Text]:
    steps = [(step.technique, step.asked, step.reached) for step in row.steps]
    columns = ["\n".join(column) for column in zip(*steps, strict=True)] or [""] * 3
    sizes = [shown.removesuffix(" MB") for shown in (row.size, row.compressed)]
    speedup = "ref." if row.speedup == REFERENCE else row.speedup
    return [Text(cell) for cell in (plain(row.candidate.name), *columns, sizes[0], speedup, sizes[1])]


def _vocabularies(report: RunReport) -> list[RenderableType]:
    tables = vocabulary_tables(report)
    parts = [part for table in tables for part in _vocabulary(table, terms_of(report.metric))]
    return [*parts, Text(terms_of(report.metric).told(HOW_TO_READ), "dim"), Text()] if tables else []


def _vocabulary(found: VocabularyTable, terms: Terms) -> list[RenderableType]:
    title = (
        f"Vocabulary, the {len(found.worst)} {terms.language}s that pay most"
        if found.is_short
        else f"Vocabulary by {terms.language}"
    )
    rows = [
        [Text(plain(language(row.tag))), *(Text(row.cells[column]) for column in VOCABULARY_COLUMNS)]
        for row in found.worst
    ]
    table = FittedTable(title, (terms.language, *VOCABULARY_COLUMNS), rows, frozenset({"missing", "baseline"}))
    told = [Text.assemble((plain(", ".join(found.names)), "cyan"), f": {plain(found.cut)}.")]
    told += [Text(f"All {len(found.rows)} {terms.language}s are in report.html.", "dim")] if found.is_short else []
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
