"""How well candidates translate, in markdown: scores by language pair, signatures, silent failures."""

from leanglot.charts.style import VERDICT_SIGN
from leanglot.report.format import language, plain, plural
from leanglot.report.markdown_parts import code, escape, table_of
from leanglot.report.translation import (
    FAILURES_COLUMN,
    VERDICT_COLUMN,
    FailureTable,
    PairRow,
    PairTable,
    translation_section,
)
from leanglot.results.records import RunReport


def translation_parts(report: RunReport) -> tuple[str, ...]:
    """The sections on translations; none where the run has none.

    Args:
        report: The run.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    found = translation_section(report)
    if found is None:
        return ()
    told = "\n\n".join(map(measured_line, found.measured))
    parts = ["## Language pairs"] + ([pair_table(found.tables[0])] if found.tables else []) + [told]
    if len(found.tables) > 1:
        parts.append(f"{plural(len(found.tables) - 1, 'other candidate')}: see report.html and languages.csv.")
    return ("\n\n".join(parts), *([] if found.failures is None else [failure_part(found.failures)]))


def measured_line(sentence: str) -> str:
    """A sentence on how scores were measured; a signature in it is code, to be copied as it is."""
    told, colon, signature = sentence.partition(": ")
    if not colon or "|" not in signature:
        return escape(sentence)
    return f"{escape(told)}: `{plain(signature).rstrip('.').replace('`', '')}`."


def pair_table(table: PairTable) -> str:
    """One candidate's scores, its name above them."""
    left = {place for place, heading in enumerate(table.headings, 1) if heading in (VERDICT_COLUMN, FAILURES_COLUMN)}
    rows = [_row(row, compared=table.compared) for row in table.rows]
    return f"{code(table.candidate.name)}:\n\n{table_of(['Language pair', *table.headings], rows, left={0, *left})}"


def _row(row: PairRow, *, compared: bool) -> list[str]:
    signed = f"{VERDICT_SIGN[row.verdict]} "
    cells = [
        f"{signed if heading == VERDICT_COLUMN and compared else ''}{escape(text)}"
        for heading, text in row.cells.items()
    ]
    return [escape(language(row.tag)), *cells]


def failure_part(found: FailureTable) -> str:
    """The section on silent failures."""
    lines = [f"- {code(each.candidate)}: **{escape(each.told)}**" for each in found.found]
    rows = [[code(row.candidate), *row.cells] for row in found.rows]
    head = ["Candidate", "Sentences", *(heading.capitalize() for heading in found.headings)]
    parts = ["## Silent failures", "\n".join(lines), *map(escape, found.sentences), table_of(head, rows, left={0})]
    return "\n\n".join(part for part in (*parts, found.how_it_reads) if part)
