"""The report in short as markdown, fit for a pull request: the answer, the candidates, who is harmed."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from leanglot.charts.labels import challengers
from leanglot.charts.quantities import count, megabytes, points, ratio, smaller
from leanglot.charts.style import VERDICT_SIGN
from leanglot.report.alarms import alarm_codes, alarm_lines, explaining_pages
from leanglot.report.chains import HOW_STEPS_READ, STEP_COLUMNS, ChainTable, StepRow, chain_tables
from leanglot.report.cost import COST_COLUMNS, HOW_COST_READS, cost_table
from leanglot.report.format import (
    GOAL_WORD,
    in_points,
    language,
    moment,
    more_examples,
    plain,
    plural,
    speed,
)
from leanglot.report.repairs import sentences
from leanglot.report.routing import (
    DETECTION_HEADINGS,
    LANGUAGE_HEADINGS,
    detection_rows,
    language_rows,
    routing_sentences,
)
from leanglot.report.searching import HOW_SEARCH_READS, SEARCH_COLUMNS, search_table
from leanglot.report.shaping import PruningRow, pruning_table
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
from leanglot.report.training import HEADINGS as TRAINING_HEADINGS
from leanglot.report.training import HOW_TRAINING_READS, training_rows
from leanglot.report.vocabulary import HEADINGS, HOW_TO_READ, VOCABULARY_COLUMNS, VocabularyTable, vocabulary_tables
from leanglot.report.warnings import warning_lines
from leanglot.report.weights import PART_WORD, thread_table, weight_table
from leanglot.results.records import Candidate, RunReport

_SHOWN: Final[tuple[Column, ...]] = (
    "speed-up", "median", "size", "change in size", "accuracy", "change in accuracy", "worst language",
)  # fmt: skip
_SAFE, _HARMED, _OPEN = VERDICT_SIGN["safe"], VERDICT_SIGN["harmed"], VERDICT_SIGN["inconclusive"]


def render_markdown(report: RunReport) -> str:
    """Renders the short report as GitHub-flavoured markdown.

    Args:
        report: The run.

    Returns:
        Markdown in which texts from outside are escaped: they cannot start a table cell, a tag or a mention.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    table = candidate_table(report)
    parts = [
        _title(report),
        _answer(report),
        "## By goal\n\n" + _goals(report),
        "## Candidates\n\n" + _candidates(table),
        _footnotes(table),
        _alarms(report),
        _costs(report),
        _routing(report),
        _search(report),
        _repairs(report),
        _chains(report),
        _weights(report),
        _pruning(report),
        _training(report),
        _vocabularies(report),
        _threads(report),
        _harm(report),
        _warnings(report),
        _method(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """A text from outside as literal markdown on one line."""
    safe = re.sub(r"([\\`*_{}\[\]<>|#~$!&])", r"\\\1", plain(text))
    # No escape stops a mention; a joiner of no width after the sign does.
    return re.sub(r"@(?=\w)", "@\N{WORD JOINER}", safe)


def code(text: str) -> str:
    """A name from outside as code that can stand in a table."""
    shown = plain(text).replace("|", "\N{BROKEN BAR}")
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _title(report: RunReport) -> str:
    first = headline(report)
    return f"# {first.before}{code(first.name) if first.name else ''}{first.after}"


def _answer(report: RunReport) -> str:
    shipped = primary(report)
    if shipped is None or shipped.name == report.baseline:
        return ""
    groups = group_languages(report, shipped)
    change = in_points(accuracy_change(report, shipped), signed=True)
    gains = f"**{speed(shipped.speedup)}, {smaller(shipped.size_reduction)}, accuracy {change}.**"
    lines = [
        f"- {_HARMED} **harmed ({len(groups.harmed)}):** {_named_drops(groups.harmed) or 'none found'}",
        f"- {_OPEN} **not proven ({len(groups.unproven)}):** {_needs(groups.unproven) or 'none'}",
        f"- {_SAFE} **safe ({len(groups.safe)}):** {', '.join(language(line.tag) for line in groups.safe) or 'none'}",
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


def _goals(report: RunReport) -> str:
    rows = []
    for answer in answers(report):
        if answer.candidate is None:
            rows.append([GOAL_WORD[answer.goal], "none qualifies", "", "", "", "", escape(answer.reason)])
            continue
        each = answer.candidate
        rows.append(
            [
                GOAL_WORD[answer.goal],
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
    head = ["Goal", "Candidate", "Speed-up", "Size", "Accuracy", f"{_SAFE} / {_HARMED} / {_OPEN}", "Why"]
    return _table(head, rows, left={0, 1, 6})


def _counts(report: RunReport, candidate: Candidate) -> str:
    return "reference" if candidate.name == report.baseline else _counted(group_languages(report, candidate))


def _counted(groups: LanguageGroups) -> str:
    return f"{len(groups.safe)} / {len(groups.harmed)} / {len(groups.unproven)}"


def _candidates(table: CandidateTable) -> str:
    head = ["Candidate", "Status", f"{_SAFE} / {_HARMED} / {_OPEN}", *(column.capitalize() for column in _SHOWN)]
    return _table(head, [_candidate(row) for row in table.rows], left={0, 1})


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
    head = ["Candidate", *(column.capitalize() for column in COST_COLUMNS)]
    rows = [[code(row.candidate.name), *(escape(row.cells[column]) for column in COST_COLUMNS)] for row in found.rows]
    changes = "\n".join(f"- {escape(change)}" for change in found.changes)
    remarks = "\n\n".join(map(escape, (found.assumptions, HOW_COST_READS, *found.remarks)))
    return "\n\n".join(
        part for part in (f"## {escape(found.title)}", _table(head, rows, left={0}), changes, remarks) if part
    )


def _search(report: RunReport) -> str:
    found = search_table(report)
    if found is None:
        return ""
    told = "## Search\n\n" + escape(" ".join(found.sentences))
    if not found.rows:
        return told
    rows = [[code(row.name), *map(escape, row.cells), escape(row.reason)] for row in found.rows]
    head = [*(column.capitalize() for column in SEARCH_COLUMNS), "Why"]
    return f"{told}\n\n{_table(head, rows, left={0, 1, len(head) - 1})}\n\n{escape(HOW_SEARCH_READS)}"


def _routing(report: RunReport) -> str:
    if report.routing_facts is None:
        return ""
    facts = report.routing_facts
    told = "\n".join(f"- {escape(sentence)}" for sentence in (*routing_sentences(report), *facts.notes))
    rows = [[escape(row.cells[0]), code(row.variant), *map(escape, row.cells[2:])] for row in language_rows(report)]
    parts = ["## Routing", told, _table([*map(str.capitalize, LANGUAGE_HEADINGS)], rows, left={0, 1, 3, 4})]
    left_out = [f"- not considered: {code(name)}: {escape(why)}" for name, why in facts.excluded.items()]
    parts += ["\n".join(left_out)] if left_out else []
    if detected := [list(map(escape, row)) for row in detection_rows(report)]:
        head = [*map(str.capitalize, DETECTION_HEADINGS)]
        parts += ["Languages as they are detected:", _table(head, detected, left={0})]
    return "\n\n".join(parts)


def _repairs(report: RunReport) -> str:
    lines = [f"- {code(name)}: {escape(' '.join(sentences(repair)))}" for name, repair in report.repairs.items()]
    return "## Repair\n\n" + "\n".join(lines) if lines else ""


def _chains(report: RunReport) -> str:
    tables = chain_tables(report)
    return "\n\n".join(["## Step by step", *map(_chain, tables), escape(HOW_STEPS_READ)]) if tables else ""


def _chain(table: ChainTable) -> str:
    signs = f"{_SAFE} / {_HARMED} / {_OPEN}"
    head = ["Step", *(column.capitalize() for column in STEP_COLUMNS), signs, "Newly harmed"]
    rows = [_step(row) for row in table.rows]
    return "\n\n".join(
        [f"{code(table.name)}:", _table(head, rows, left={0, len(head) - 1}), *map(escape, table.absences)]
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
    return "## Weights by part, MB\n\n" + _table(head, rows, left={0})


def _pruning(report: RunReport) -> str:
    table = pruning_table(report)
    if table is None:
        return ""
    compressed = ["Weights after gzip"] if table.has_compressed else []
    head = ["Candidate", "Technique", "Asked for", "Reached", "Left", "Size", *compressed, "Speed-up"]
    rows = [_pruned(row, gzip=table.has_compressed) for row in table.rows]
    remarks = "".join(f"\n\n{escape(remark)}" for remark in table.remarks)
    return "## Pruning\n\n" + _table(head, rows, left={0, 1, 4}) + remarks


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
    return (
        f"## Training\n\n{_table(list(TRAINING_HEADINGS), rows, left={0, 1, 5})}\n\n{HOW_TRAINING_READS}"
        if rows
        else ""
    )


def _vocabularies(report: RunReport) -> str:
    tables = vocabulary_tables(report)
    return "\n\n".join(["## Vocabulary", *map(_vocabulary, tables), escape(HOW_TO_READ)]) if tables else ""


def _vocabulary(table: VocabularyTable) -> str:
    head = ["Language", *(HEADINGS[column] for column in VOCABULARY_COLUMNS)]
    rows = [
        [escape(language(row.tag)), *(escape(row.cells[column]) for column in VOCABULARY_COLUMNS)]
        for row in table.worst
    ]
    told = f"{', '.join(map(code, table.names))}: {escape(table.cut)}."
    if table.is_short:
        told += f" The worst {len(rows)} of {len(table.rows)} languages; all are in report.html."
    return "\n\n".join([told, _table(head, rows, left={0}), *map(escape, table.remarks)])


def _threads(report: RunReport) -> str:
    table = thread_table(report)
    if table is None:
        return ""
    head = ["Candidate", "Threads used", *(f"Median, {plural(number, 'thread')}" for number in table.counts)]
    rows = [
        [code(row.candidate.name), row.used, *(row.medians[number] for number in table.counts)] for row in table.rows
    ]
    return "## Threads\n\n" + _table(head, rows, left={0})


def _harm(report: RunReport) -> str:
    lines = []
    for candidate in challengers(report):
        harmed = group_languages(report, candidate).harmed
        if harmed:
            lines.append(f"- {code(candidate.name)}: {_named_drops(harmed)}")
    return "## Harmed languages, drop in points\n\n" + "\n".join(lines) if lines else ""


def _warnings(report: RunReport) -> str:
    lines = [f"- {', '.join(map(code, names))}: {escape(warning)}" for names, warning in warning_lines(report)]
    lines += [f"- data: {escape(note)}" for note in report.data.notes]
    return "## Notes\n\n" + "\n".join(lines) if lines else ""


def _method(report: RunReport) -> str:
    data = report.data
    machine = report.environment
    return (
        f"<sub>{escape(report.model)} on {escape(data.source)}: {count(sum(data.examples.values()))} examples in "
        f"{plural(len(data.examples), 'language')}; {escape(machine.cpu)}, {plural(machine.threads, 'thread')}; "
        f"{moment(report.created_at)}. Safe: the upper confidence bound of the paired drop lies below "
        f"{in_points(report.margin)}. Harmed: an exact McNemar test, Holm-adjusted over the languages, finds a drop. "
        "Not proven: neither, and no pass.</sub>"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], left: set[int]) -> str:
    rule = [":--" if index in left else "--:" for index in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
