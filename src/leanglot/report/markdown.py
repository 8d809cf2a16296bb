"""The report in short as markdown, fit for a pull request: the answer, the candidates, who is harmed."""

from collections.abc import Iterable
from typing import Final

from leanglot.charts.labels import challengers
from leanglot.charts.quantities import count, megabytes, points, ratio, smaller
from leanglot.report.alarms import alarm_codes, alarm_lines, explaining_pages
from leanglot.report.cost import HOW_COST_READS, cost_columns, cost_table
from leanglot.report.format import goal_word, in_points, language, moment, more_examples, plural, speed
from leanglot.report.judged import how_judged
from leanglot.report.markdown_making import making_parts
from leanglot.report.markdown_parts import HARMED, OPEN, SAFE, code, escape, table_of
from leanglot.report.markdown_translation import translation_parts
from leanglot.report.routing import (
    DETECTION_HEADINGS,
    LANGUAGE_HEADINGS,
    detection_rows,
    language_rows,
    routing_sentences,
)
from leanglot.report.searching import HOW_SEARCH_READS, SEARCH_COLUMNS, search_table
from leanglot.report.summary import (
    LanguageGroups,
    LanguageLine,
    accuracy_change,
    answers,
    drop_of,
    group_languages,
    headline,
    primary,
)
from leanglot.report.tables import CandidateRow, CandidateTable, Cell, Column, candidate_table
from leanglot.report.warnings import warning_lines
from leanglot.results.records import Candidate, RunReport
from leanglot.results.terms import Terms, terms_of

_SHOWN: Final[tuple[Column, ...]] = (
    "speed-up", "median", "size", "change in size", "accuracy", "change in accuracy", "worst language",
)  # fmt: skip


def render_markdown(report: RunReport) -> str:
    """Renders the short report as GitHub-flavoured markdown.

    Args:
        report: The run.

    Returns:
        Markdown in which texts from outside are escaped: they cannot start a table cell, a tag or a mention.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    table, terms = candidate_table(report), terms_of(report.metric)
    parts = [
        _title(report),
        _answer(report),
        "## By goal\n\n" + _goals(report, terms),
        "## Candidates\n\n" + _candidates(table, terms),
        _footnotes(table),
        *translation_parts(report),
        _alarms(report),
        _costs(report),
        _routing(report),
        _search(report),
        *making_parts(report),
        _harm(report),
        _warnings(report),
        _method(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(report: RunReport) -> str:
    first = headline(report)
    return f"# {first.before}{code(first.name) if first.name else ''}{first.after}"


def _answer(report: RunReport) -> str:
    shipped = primary(report)
    if shipped is None or shipped.name == report.baseline:
        return ""
    groups = group_languages(report, shipped)
    change = in_points(accuracy_change(report, shipped), signed=True)
    gains = (
        f"**{speed(shipped.speedup)}, {smaller(shipped.size_reduction)}, {terms_of(report.metric).quality} {change}.**"
    )
    lines = [
        f"- {HARMED} **harmed ({len(groups.harmed)}):** {_named_drops(groups.harmed) or 'none found'}",
        f"- {OPEN} **not proven ({len(groups.unproven)}):** {_needs(groups.unproven) or 'none'}",
        f"- {SAFE} **safe ({len(groups.safe)}):** {', '.join(language(line.tag) for line in groups.safe) or 'none'}",
    ]
    if shipped.alarms:
        lines.append(f"- ! **alarms ({len(shipped.alarms)}):** {', '.join(map(escape, alarm_codes(shipped)))}")
    return "\n".join([gains, "", *lines])


def _named_drops(lines: Iterable[LanguageLine]) -> str:
    return ", ".join(f"{language(line.tag)} {points(drop_of(line))}" for line in lines)


def _needs(lines: Iterable[LanguageLine]) -> str:
    shown = []
    for line in lines:
        needed = "not measured" if line.result is None else more_examples(line.result)
        shown.append(f"{language(line.tag)} ({needed})")
    return ", ".join(shown)


def _goals(report: RunReport, terms: Terms) -> str:
    rows = []
    for answer in answers(report):
        if answer.candidate is None:
            rows.append([goal_word(answer.goal, terms), "none qualifies", "", "", "", "", escape(answer.reason)])
            continue
        each = answer.candidate
        rows.append(
            [
                goal_word(answer.goal, terms),
                code(each.name),
                ratio(each.speedup),
                megabytes(each.size_bytes),
                in_points(accuracy_change(report, each), signed=True),
                _counts(report, each),
                escape(answer.reason),
            ]
        )
    if not rows:
        return "This run made no recommendation."
    head = ["Goal", "Candidate", "Speed-up", "Size", terms.heading, f"{SAFE} / {HARMED} / {OPEN}", "Why"]
    return table_of(head, rows, left={0, 1, 6})


def _counts(report: RunReport, candidate: Candidate) -> str:
    return "reference" if candidate.name == report.baseline else _counted(group_languages(report, candidate))


def _counted(groups: LanguageGroups) -> str:
    return f"{len(groups.safe)} / {len(groups.harmed)} / {len(groups.unproven)}"


def _candidates(table: CandidateTable, terms: Terms) -> str:
    head = [
        "Candidate",
        "Status",
        f"{SAFE} / {HARMED} / {OPEN}",
        *(terms.told(column.capitalize()) for column in _SHOWN),
    ]
    return table_of(head, [_candidate(row) for row in table.rows], left={0, 1})


def _candidate(row: CandidateRow) -> list[str]:
    candidate = row.candidate
    start = [code(candidate.name), candidate.status]
    if candidate.status == "failed":
        return [*start, f"failed: {escape(candidate.reason or 'no reason was recorded')}", *[""] * len(_SHOWN)]
    counts = "reference" if row.groups is None else _counted(row.groups)
    return [*start, counts, *(_cell(row.cells[column]) for column in _SHOWN)]


def _cell(cell: Cell) -> str:
    return cell.text if cell.note is None else f"{cell.text} ({cell.note})"


def _footnotes(table: CandidateTable) -> str:
    shown = {row.cells[column].note for row in table.rows for column in _SHOWN}
    notes = [f"({number}) {escape(note)}" for number, note in enumerate(table.notes, 1) if number in shown]
    return "  \n".join(notes)


def _alarms(report: RunReport) -> str:
    lines = alarm_lines(report)
    if not lines:
        return ""
    told = [
        f"- **{escape(line.alarm.code)}** {', '.join(map(code, line.candidates))}: {escape(line.alarm.message)}"
        for line in lines
    ]
    return "\n".join(["## Alarms\n", *told, "", f"Explained in {', '.join(map(code, explaining_pages(lines)))}."])


def _costs(report: RunReport) -> str:
    found = cost_table(report)
    if found is None:
        return ""
    columns = cost_columns(terms_of(report.metric))
    head = ["Candidate", *(column.capitalize() for column in columns)]
    rows = [[code(row.candidate.name), *(escape(row.cells[column]) for column in columns)] for row in found.rows]
    changes = "\n".join(f"- {escape(change)}" for change in found.changes)
    remarks = "\n\n".join(map(escape, (found.assumptions, HOW_COST_READS, *found.remarks)))
    return "\n\n".join(
        part for part in (f"## {escape(found.title)}", table_of(head, rows, left={0}), changes, remarks) if part
    )


def _search(report: RunReport) -> str:
    found, terms = search_table(report), terms_of(report.metric)
    if found is None:
        return ""
    told = "## Search\n\n" + escape(" ".join(found.sentences))
    if not found.rows:
        return told
    rows = [[code(row.name), *map(escape, row.cells), escape(row.reason)] for row in found.rows]
    head = [*(terms.told(column.capitalize()) for column in SEARCH_COLUMNS), "Why"]
    return f"{told}\n\n{table_of(head, rows, left={0, 1, len(head) - 1})}\n\n{escape(terms.told(HOW_SEARCH_READS))}"


def _routing(report: RunReport) -> str:
    if report.routing_facts is None:
        return ""
    facts, terms = report.routing_facts, terms_of(report.metric)
    told = "\n".join(f"- {escape(sentence)}" for sentence in (*routing_sentences(report), *facts.notes))
    rows = [[escape(row.cells[0]), code(row.variant), *map(escape, row.cells[2:])] for row in language_rows(report)]
    parts = [
        "## Routing",
        told,
        table_of([terms.told(heading.capitalize()) for heading in LANGUAGE_HEADINGS], rows, left={0, 1, 3, 4}),
    ]
    left_out = [f"- not considered: {code(name)}: {escape(why)}" for name, why in facts.excluded.items()]
    parts += ["\n".join(left_out)] if left_out else []
    if detected := [list(map(escape, row)) for row in detection_rows(report)]:
        head = [terms.told(heading.capitalize()) for heading in DETECTION_HEADINGS]
        parts += [terms.told("Languages as they are detected:"), table_of(head, detected, left={0})]
    return "\n\n".join(parts)


def _harm(report: RunReport) -> str:
    lines = []
    for candidate in challengers(report):
        harmed = group_languages(report, candidate).harmed
        if harmed:
            lines.append(f"- {code(candidate.name)}: {_named_drops(harmed)}")
    title = terms_of(report.metric).told("## Harmed languages, drop in points")
    return f"{title}\n\n" + "\n".join(lines) if lines else ""


def _warnings(report: RunReport) -> str:
    lines = [f"- {', '.join(map(code, names))}: {escape(warning)}" for names, warning in warning_lines(report)]
    lines += [f"- data: {escape(note)}" for note in report.data.notes]
    return "## Notes\n\n" + "\n".join(lines) if lines else ""


def _method(report: RunReport) -> str:
    data, terms = report.data, terms_of(report.metric)
    machine = report.environment
    return (
        f"<sub>{escape(report.model)} on {escape(data.source)}: {count(sum(data.examples.values()))} {terms.example}s "
        f"in {plural(len(data.examples), terms.language)}; {escape(machine.cpu)}, "
        f"{plural(machine.threads, 'thread')}; "
        f"{moment(report.created_at)}. {how_judged(report)}</sub>"
    )
