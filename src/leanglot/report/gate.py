"""A gate's decision as markdown fit for a pull request: the answer first, the worst languages, the rest folded."""

from collections.abc import Sequence
from typing import Final

from leanglot.charts.quantities import count, limit_words, megabytes, percent, points, score
from leanglot.charts.style import VERDICT_SIGN, VERDICT_WORD
from leanglot.report.format import chance, in_points, interval, language, moment, more_examples, plain, plural
from leanglot.report.markdown_parts import code, escape
from leanglot.report.translation import signatures, told_failure
from leanglot.results.gate import Flips, Floor, FloorKind, GateLanguage, GateOutcome, GateReport
from leanglot.results.terms import CLASSIFICATION, Terms, terms_of

MOST_CHARACTERS: Final = 60_000
"""GitHub takes comments of at most 65,536 characters."""

_WORST_SHOWN: Final = 10
_NAME_CHARACTERS: Final = 200
_NOTES_SHOWN: Final = 20
OUTCOME_SIGN: Final[dict[GateOutcome, str]] = {
    "passed": VERDICT_SIGN["safe"],
    "failed": VERDICT_SIGN["harmed"],
    "unproven": VERDICT_SIGN["inconclusive"],
}
FLOOR_SIGN: Final[dict[FloorKind, str]] = {
    "met": VERDICT_SIGN["safe"],
    "below": VERDICT_SIGN["harmed"],
    "unproven": VERDICT_SIGN["inconclusive"],
}


def render_gate(report: GateReport) -> str:
    """Renders the decision as GitHub-flavoured markdown.

    Args:
        report: The gate's record.

    Returns:
        Markdown of at most `MOST_CHARACTERS` characters, in which texts from outside are escaped; languages that do
        not fit are counted.
    """
    ordered, terms = report.worst_first(), terms_of(report.metric)
    changed = "translations changed" if terms.translates else "answers changed"
    head = [terms.language, "n", "baseline", "candidate", "drop", "at most", "verdict", changed, "floor"]
    shown_columns = len(head) - all(each.floor is None for _, each in ordered)
    worst = [_row(tag, each, terms)[:shown_columns] for tag, each in ordered[:_WORST_SHOWN]]
    shown = "" if len(ordered) <= _WORST_SHOWN else f"The worst {_WORST_SHOWN} of {len(ordered)} {terms.language}s:"
    top = [
        f"### {OUTCOME_SIGN[report.outcome]} {escape(headline(report))}",
        _against(report),
        *([shown] if shown else []),
        _table(head[:shown_columns], worst, left={0, 6}),
        *(
            f"{VERDICT_SIGN['harmed']} More frequent: {escape(told_failure(each))}."
            for each in report.changes
            if each.found
        ),
        *(f"{_size_sign(kept=size.kept)} Size: {escape(size.reason)}" for size in report.sizes),
    ]
    bottom = [_notes(report), f"<sub>{_method(report)}</sub>"]
    room = MOST_CHARACTERS - sum(len(part) + 2 for part in (*top, *bottom))
    return "\n\n".join(part for part in (*top, _details(ordered, room, terms), *bottom) if part) + "\n"


def headline(report: GateReport) -> str:
    """The decision in one line that never claims more than was proven."""
    word = {
        "passed": "Gate passed",
        "failed": "Gate failed",
        "unproven": "Gate stopped: not proven" if report.strict else "Gate passed, but not proven",
    }[report.outcome]
    return f"{word}. {report.reason}"


def changes(flips: Flips, terms: Terms = CLASSIFICATION) -> str:
    """How many answers are others, such as ``5.7% of the answers changed: 139 right to wrong, …``."""
    if terms.translates:
        return (
            f"{percent(flips.flip_rate)} of the translations changed; {count(flips.right_to_wrong)} fail silently that "
            f"did not before, {count(flips.wrong_to_right)} no longer do"
        )
    others = flips.changed - flips.right_to_wrong - flips.wrong_to_right
    wrong = f", {count(others)} wrong to otherwise wrong" if others else ""
    return (
        f"{percent(flips.flip_rate)} of the answers changed ({count(flips.right_to_wrong)} right to wrong, "
        f"{count(flips.wrong_to_right)} wrong to right{wrong}); {percent(flips.agreement)} agree"
    )


def floor_words(floor: Floor | None, terms: Terms = CLASSIFICATION) -> str:
    """A floor with its sign, such as ``✗ 80%``; nothing where none was asked for."""
    return "" if floor is None else f"{FLOOR_SIGN[floor.kind]} {100 * floor.minimum:g}{terms.unit}"


def shortened(name: str) -> str:
    """A name from outside on one line, its middle left out where it is very long."""
    text = plain(name)
    half = _NAME_CHARACTERS // 2
    return text if len(text) <= _NAME_CHARACTERS else f"{text[: half - 1]}…{text[-half:]}"


def method(report: GateReport) -> str:
    """What was compared on what, by which limits, when."""
    terms = terms_of(report.metric)
    own = {tag: each.margin for tag, each in report.languages.items() if each.margin != report.margin}
    margins = "".join(f", {tag} {limit_words(margin)}" for tag, margin in own.items())
    data = "" if report.data is None else f"{plain(report.data)}: "
    return (
        f"{data}{plural(report.flips.n, terms.example)} in {plural(len(report.languages), terms.language)}; margin "
        f"{limit_words(report.margin)}{margins}, error level {report.alpha:g}"
        f"{', strict' if report.strict else ''}; {moment(report.created_at)}"
    )


def _against(report: GateReport) -> str:
    candidate, baseline, terms = report.candidate, report.baseline, terms_of(report.metric)
    change = in_points(report.candidate_accuracy - report.baseline_accuracy, signed=True)
    sizes = ""
    if candidate.size_bytes is not None and baseline.size_bytes is not None:
        sizes = f" Size {megabytes(baseline.size_bytes)} to {megabytes(candidate.size_bytes)}."
    return (
        f"{code(shortened(candidate.name))} against {code(shortened(baseline.name))}: {terms.quality} "
        f"{score(report.baseline_accuracy, terms)} to {score(report.candidate_accuracy, terms)} ({change}). "
        f"{escape(changes(report.flips, terms))}.{sizes}"
    )


def _row(tag: str, each: GateLanguage, terms: Terms) -> list[str]:
    verdict = each.verdict
    cells = [
        language(tag),
        count(verdict.n),
        score(verdict.baseline, terms),
        score(verdict.candidate, terms),
        points(verdict.drop),
        points(verdict.drop_bound),
        f"{VERDICT_SIGN[verdict.verdict]} {VERDICT_WORD[verdict.verdict]}",
        percent(each.flips.flip_rate),
        floor_words(each.floor, terms),
    ]
    return [escape(cell) for cell in cells]


def _details(ordered: Sequence[tuple[str, GateLanguage]], room: int, terms: Terms) -> str:
    """All languages with their reasons, folded; as many as there is room for."""
    flips = ("newly failing", "no longer failing") if terms.translates else ("right to wrong", "wrong to right")
    head = [terms.language, "margin", "drop, interval", "p", *flips, "to settle it", "why"]
    start = f"<details><summary>All {len(ordered)} {terms.language}s, with reasons</summary>"
    left_out = f"and {len(ordered)} {terms.language}s more, which would make this text too long"
    room -= len(start) + len(_table(head, [], left=set())) + len(left_out) + 40
    rows: list[list[str]] = []
    for tag, each in ordered:
        row = _detail(tag, each)
        room -= len(_line(row)) + 1
        if room < 0:
            break
        rows.append(row)
    rest = len(ordered) - len(rows)
    told = f"\n\nand {plural(rest, terms.language)} more, which would make this text too long" if rest else ""
    return f"{start}\n\n{_table(head, rows, left={0, 7})}{told}\n\n</details>"


def _detail(tag: str, each: GateLanguage) -> list[str]:
    verdict = each.verdict
    cells = [
        language(tag),
        f"{100 * each.margin:g}",
        interval(verdict.drop_low, verdict.drop_high),
        chance(verdict.p_value if verdict.p_adjusted is None else verdict.p_adjusted),
        count(each.flips.right_to_wrong),
        count(each.flips.wrong_to_right),
        more_examples(verdict).removeprefix("about "),
        verdict.reason + ("" if each.floor is None else f" {each.floor.reason}"),
    ]
    return [escape(cell) for cell in cells]


def _notes(report: GateReport) -> str:
    lines = [f"- {escape(note[: _NAME_CHARACTERS * 2])}" for note in report.notes[:_NOTES_SHOWN]]
    rest = len(report.notes) - len(lines)
    return "\n".join([*lines, *([f"- and {plural(rest, 'note')} more"] if rest else [])])


def _method(report: GateReport) -> str:
    terms = terms_of(report.metric)
    harmed = "a paired test finds a drop"
    if report.metric is not None:
        harmed += ", or silent failures became more frequent"
    measured = "" if report.metric is None else "".join(f" {escape(each)}" for each in signatures(report.metric))
    return (
        f"{escape(method(report))}. Drop and margin are in points of {terms.quality}; safe: the drop is at most as "
        f"large as shown, and that is below the margin; harmed: {harmed}. {terms.told('Languages')} come the worst "
        f"first.{measured}"
    )


def _size_sign(*, kept: bool) -> str:
    return VERDICT_SIGN["safe" if kept else "harmed"]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], left: set[int]) -> str:
    rule = [":--" if index in left else "--:" for index in range(len(head))]
    return "\n".join(_line(row) for row in (head, rule, *rows))


def _line(row: Sequence[str]) -> str:
    return f"| {' | '.join(cell or ' ' for cell in row)} |"
