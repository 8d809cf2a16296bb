"""What trimming the vocabulary cost each language, as words and tables of text."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from leanglot.charts.labels import language_tags
from leanglot.charts.quantities import ABSENT, count, percent
from leanglot.report.format import language, plural
from leanglot.report.summary import baseline_of
from leanglot.results.records import Candidate, RunReport
from leanglot.results.shaping import FEW_TEXTS, MUCH_MISSING, TokenChange, VocabularyFacts

VocabularyColumn = Literal["texts", "missing", "tokens", "baseline", "unknown", "as before"]
VOCABULARY_COLUMNS: Final[tuple[VocabularyColumn, ...]] = VocabularyColumn.__args__  # type: ignore[attr-defined]
HEADINGS: Final[Mapping[VocabularyColumn, str]] = {
    "texts": "Texts",
    "missing": "Missing pieces",
    "tokens": "Tokens per text",
    "baseline": "Baseline tokens",
    "unknown": "Unknown tokens",
    "as before": "Split as before",
}
HOW_TO_READ: Final = (
    "Texts: what it was cut on; missing: the share of the tokens of further texts whose piece is gone, estimated from "
    "them. Tokens, unknown and as before: the original and the trimmed tokenizer on judged texts that it was not cut "
    "on; baseline: tokens of all judged examples."
)
NOT_CUT_FOR: Final = "not cut for"
_WORST: Final = 5
_NAMED: Final = 6
_ARROW: Final = "\N{RIGHTWARDS ARROW}"


@dataclass(frozen=True)
class VocabularyRow:
    """One language.

    Attributes:
        tag: The language.
        cells: Its cells by column.
    """

    tag: str
    cells: Mapping[VocabularyColumn, str]


@dataclass(frozen=True)
class VocabularyTable:
    """One trimmed vocabulary.

    Attributes:
        names: The candidates that have it.
        cut: How far it was cut, and for whom.
        rows: All languages that it was cut for or judged in, in the order of the data.
        worst: Those among them that pay most, the worst first: all where they are few.
        remarks: Who was left out, and why numbers are absent.
    """

    names: tuple[str, ...]
    cut: str
    rows: tuple[VocabularyRow, ...]
    worst: tuple[VocabularyRow, ...]
    remarks: tuple[str, ...]

    @property
    def is_short(self) -> bool:
        """Whether the worst leaves languages out."""
        return len(self.worst) < len(self.rows)


def vocabulary_tables(report: RunReport) -> tuple[VocabularyTable, ...]:
    """One table for each vocabulary that was trimmed; candidates that share one share its table.

    Raises:
        RunError: When the report has no baseline of the name it gives.
    """
    alike: list[tuple[VocabularyFacts, list[Candidate]]] = []
    for each in report.candidates:
        if each.vocabulary is None or each.status == "failed":
            continue
        for facts, group in alike:
            if facts == each.vocabulary and group[0].tokens == each.tokens:
                group.append(each)
                break
        else:
            alike.append((each.vocabulary, [each]))
    return tuple(_table(report, facts, group) for facts, group in alike)


def vocabulary_lines(facts: VocabularyFacts) -> list[str]:
    """A trimmed vocabulary in few sentences: how far it was cut, and the languages to be careful with."""
    texts = plural(sum(facts.texts.values()), "text")
    lines = [f"Vocabulary: {cut_words(facts)}, on {texts}."]
    much = {tag: share for tag, share in facts.expected_missing.items() if share is not None and share > MUCH_MISSING}
    if much:
        ranked = sorted(much.items(), key=lambda pair: (-pair[1], pair[0]))
        named = [f"{language(tag)} {percent(share)}" for tag, share in ranked]
        lines.append(
            f"Over {percent(MUCH_MISSING, 0)} of the tokens of further texts lose their piece: {_some(named)}."
        )
    few = sorted((number, tag) for tag, number in facts.texts.items() if number < FEW_TEXTS)
    if few:
        named = [f"{language(tag)} {count(number)}" for number, tag in few]
        lines.append(f"Under {FEW_TEXTS} texts: {_some(named)}.")
    unknown = [language(tag) for tag in facts.languages if facts.expected_missing.get(tag) is None]
    if unknown:
        lines.append(f"What further texts lose cannot be said from one text or none: {_some(unknown)}.")
    return lines


def cut_words(facts: VocabularyFacts) -> str:
    """How far a vocabulary was cut, and for whom."""
    before, after = facts.pieces_before, facts.pieces_after
    named = f": {', '.join(map(language, facts.languages))}" if len(facts.languages) <= _NAMED else ""
    pieces = f"{count(before)} {_ARROW} {count(after)} pieces, {share(1 - after / before)} fewer"
    return f"{pieces}, cut for {plural(len(facts.languages), 'language')}{named}"


def share(fraction: float | None, decimals: int = 1) -> str:
    """A share as percent that never reads as none or all unless it is: ``< 0.1%``, ``> 99.9%``."""
    if fraction is None:
        return ABSENT
    shown, least = percent(fraction, decimals), 10**-decimals
    if shown == percent(0, decimals) and fraction > 0:
        return f"< {percent(least / 100, decimals)}"
    if shown == percent(1, decimals) and fraction < 1:
        return f"> {percent(1 - least / 100, decimals)}"
    return shown


def _table(report: RunReport, facts: VocabularyFacts, group: Sequence[Candidate]) -> VocabularyTable:
    tokens, baseline = group[0].tokens, baseline_of(report)
    tags = tuple(dict.fromkeys((*language_tags(report), *facts.languages, *tokens)))
    rows = {
        tag: VocabularyRow(tag, _cells(facts, tokens.get(tag), _baseline_tokens(baseline, tag), tag)) for tag in tags
    }
    ranked = sorted(tags, key=lambda tag: _cost(facts, tokens.get(tag), tag), reverse=True)
    return VocabularyTable(
        names=tuple(each.name for each in group),
        cut=cut_words(facts),
        rows=tuple(rows.values()),
        worst=tuple(rows[tag] for tag in (ranked[:_WORST] if len(tags) > _NAMED else ranked)),
        remarks=_remarks(report, facts, tokens, baseline, tags),
    )


def _baseline_tokens(baseline: Candidate, tag: str) -> float | None:
    result = baseline.languages.get(tag)
    return None if result is None else result.tokens_per_example


def _cells(
    facts: VocabularyFacts, change: TokenChange | None, whole: float | None, tag: str
) -> dict[VocabularyColumn, str]:
    is_cut_for = tag in facts.languages
    cells: dict[VocabularyColumn, str] = dict.fromkeys(VOCABULARY_COLUMNS, ABSENT)
    cells["texts"] = count(facts.texts.get(tag)) if is_cut_for else NOT_CUT_FOR
    cells["missing"] = share(facts.expected_missing.get(tag), 2)
    cells["baseline"] = ABSENT if whole is None else f"{whole:.1f}"
    if change is not None:
        cells["tokens"] = f"{change.before:.1f} {_ARROW} {change.after:.1f}"
        cells["unknown"] = f"{share(change.unknown_before, 2)} {_ARROW} {share(change.unknown_after, 2)}"
        cells["as before"] = f"{share(change.same)} of {count(change.texts)}"
    return cells


def _cost(facts: VocabularyFacts, change: TokenChange | None, tag: str) -> tuple[float, float, float]:
    """Sorts by what a language pays: unknown tokens, then longer texts, then texts that are split otherwise.

    Where nothing was compared the share of missing pieces stands in, since each becomes two tokens at least; a language
    of which nothing is known ranks as the worst.
    """
    if change is not None:
        growth = change.after / change.before - 1 if change.before else 0.0
        return change.unknown_after - change.unknown_before, growth, 1 - change.same
    missing = facts.expected_missing.get(tag)
    return (math.inf, 0.0, 0.0) if missing is None else (0.0, missing, missing)


def _remarks(
    report: RunReport,
    facts: VocabularyFacts,
    tokens: Mapping[str, TokenChange],
    baseline: Candidate,
    tags: Sequence[str],
) -> tuple[str, ...]:
    judged = [tag for tag in tags if tag in report.data.examples]
    left_out = [tag for tag in judged if tag not in facts.languages]
    alone = [tag for tag in tags if tag in facts.languages and facts.expected_missing.get(tag) is None]
    not_judged = [tag for tag in tags if tag not in judged]
    not_split = [tag for tag in judged if tag not in tokens]
    no_length = [tag for tag in judged if _baseline_tokens(baseline, tag) is None]
    remarks = [f"Judged, but not cut for: {', '.join(map(language, left_out))}."] if left_out else []
    absent = {
        ("missing", "one text or none leaves nothing to compare with"): alone,
        ("tokens", "cut on all judged texts, or not compared"): not_split,
        ("tokens and baseline", "not judged in this run"): not_judged,
        ("baseline", "not measured in this run"): no_length,
    }
    remarks += [
        f"{ABSENT} under {column} for {', '.join(map(language, concerned))}: {why}."
        for (column, why), concerned in absent.items()
        if concerned
    ]
    return tuple(remarks)


def _some(named: Sequence[str]) -> str:
    """The first few of a list, and how many more there are."""
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return ", ".join(named[:_NAMED]) + more
