"""How candidates came about, in markdown: repairs, steps, weights, pruning, trainings, vocabularies, threads."""

from leanglot.report.chains import HOW_STEPS_READ, STEP_COLUMNS, ChainTable, StepRow, chain_tables
from leanglot.report.format import language, plural
from leanglot.report.markdown_parts import HARMED, OPEN, SAFE, code, escape, table_of
from leanglot.report.repairs import sentences
from leanglot.report.shaping import PruningRow, pruning_table
from leanglot.report.training import HEADINGS as TRAINING_HEADINGS
from leanglot.report.training import how_training_reads, training_rows
from leanglot.report.vocabulary import HEADINGS, HOW_TO_READ, VOCABULARY_COLUMNS, VocabularyTable, vocabulary_tables
from leanglot.report.weights import PART_WORD, thread_table, weight_table
from leanglot.results.records import RunReport
from leanglot.results.terms import Terms, terms_of


def making_parts(report: RunReport) -> tuple[str, ...]:
    """The sections on how the candidates came about, in order; one without content is empty.

    Args:
        report: The run.
    """
    sections = (_repairs, _chains, _weights, _pruning, _training, _vocabularies, _threads)
    return tuple(section(report) for section in sections)


def _repairs(report: RunReport) -> str:
    lines = [f"- {code(name)}: {escape(' '.join(sentences(repair)))}" for name, repair in report.repairs.items()]
    return "## Repair\n\n" + "\n".join(lines) if lines else ""


def _chains(report: RunReport) -> str:
    tables, terms = chain_tables(report), terms_of(report.metric)
    return (
        "\n\n".join(
            ["## Step by step", *(_chain(table, terms) for table in tables), escape(terms.told(HOW_STEPS_READ))]
        )
        if tables
        else ""
    )


def _chain(table: ChainTable, terms: Terms) -> str:
    signs = f"{SAFE} / {HARMED} / {OPEN}"
    head = ["Step", *(terms.told(column.capitalize()) for column in STEP_COLUMNS), signs, "Newly harmed"]
    rows = [_step(row) for row in table.rows]
    return "\n\n".join(
        [f"{code(table.name)}:", table_of(head, rows, left={0, len(head) - 1}), *map(escape, table.absences)]
    )


def _step(row: StepRow) -> list[str]:
    words = f"{escape(row.step.words)}<br>{code(row.step.candidate.name)}"
    if row.step.failed is not None:
        return [words, escape(row.step.failed), *[""] * (len(STEP_COLUMNS) + 1)]
    counts = row.counted if row.counts is None else " / ".join(map(str, row.counts))
    return [words, *(escape(row.cells[column]) for column in STEP_COLUMNS), counts, escape(row.harm_short)]


def _weights(report: RunReport) -> str:
    table = weight_table(report)
    if table is None:
        return ""
    head = ["Candidate", *(PART_WORD[part].capitalize() for part in table.parts), "All weights"]
    rows = [
        [
            code(row.candidate.name),
            *(escape(row.parts[part].short) if row.parts else "n/a" for part in table.parts),
            row.total,
        ]
        for row in table.rows
    ]
    return "## Weights by part, MB\n\n" + table_of(head, rows, left={0})


def _pruning(report: RunReport) -> str:
    table = pruning_table(report)
    if table is None:
        return ""
    compressed = ["Weights after gzip"] if table.has_compressed else []
    head = ["Candidate", "Technique", "Asked for", "Reached", "Left", "Size", *compressed, "Speed-up"]
    rows = [_pruned(row, gzip=table.has_compressed) for row in table.rows]
    remarks = "".join(f"\n\n{escape(remark)}" for remark in table.remarks)
    return "## Pruning\n\n" + table_of(head, rows, left={0, 1, 4}) + remarks


def _pruned(row: PruningRow, *, gzip: bool) -> list[str]:
    steps = [(step.technique, step.asked, step.reached, step.kept_short) for step in row.steps]
    columns = ["<br>".join(column) for column in zip(*steps, strict=True)] or [""] * 4
    compressed = [row.compressed_told] if gzip else []
    return [code(row.candidate.name), *columns, row.size, *compressed, row.speedup]


def _training(report: RunReport) -> str:
    rows = [
        [code(row.candidate), *map(escape, (row.technique, row.examples, row.steps, row.took, row.worst, row.mean))]
        for row in training_rows(report)
    ]
    terms = terms_of(report.metric)
    head = [*map(terms.told, TRAINING_HEADINGS)]
    return f"## Training\n\n{table_of(head, rows, left={0, 1, 5})}\n\n{how_training_reads(terms)}" if rows else ""


def _vocabularies(report: RunReport) -> str:
    tables, terms = vocabulary_tables(report), terms_of(report.metric)
    if not tables:
        return ""
    shown = [_vocabulary(table, terms) for table in tables]
    return "\n\n".join(["## Vocabulary", *shown, escape(terms.told(HOW_TO_READ))])


def _vocabulary(table: VocabularyTable, terms: Terms) -> str:
    head = [terms.told("Language"), *(HEADINGS[column] for column in VOCABULARY_COLUMNS)]
    rows = [
        [escape(language(row.tag)), *(escape(row.cells[column]) for column in VOCABULARY_COLUMNS)]
        for row in table.worst
    ]
    told = f"{', '.join(map(code, table.names))}: {escape(table.cut)}."
    if table.is_short:
        told += f" The worst {len(rows)} of {len(table.rows)} {terms.language}s; all are in report.html."
    return "\n\n".join([told, table_of(head, rows, left={0}), *map(escape, table.remarks)])


def _threads(report: RunReport) -> str:
    table = thread_table(report)
    if table is None:
        return ""
    head = ["Candidate", "Threads used", *(f"Median, {plural(number, 'thread')}" for number in table.counts)]
    rows = [
        [code(row.candidate.name), row.used, *(row.medians[number] for number in table.counts)] for row in table.rows
    ]
    return "## Threads\n\n" + table_of(head, rows, left={0})
