"""Terminal tables of a search for the highest sparsity: what was found, and what is known of each language there."""

import math
from typing import Final

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import ABSENT, limit_words, percent, points
from leanglot.charts.style import VERDICT_SIGN, VERDICT_WORD
from leanglot.report.format import language, plain
from leanglot.report.terminal_parts import WIDTH, plain_table
from leanglot.results.sparsity import KindResult, SearchKind, SparsitySearch
from leanglot.results.verdicts import VerdictKind

_HEADING: Final[dict[SearchKind, str]] = {
    "magnitude": "single weights",
    "heads": "heads",
    "ffn": "FFN neurons",
    "layers": "layers",
}
_VERDICTS: Final[tuple[VerdictKind, ...]] = ("safe", "harmed", "inconclusive")


def sparsity_table(record: SparsitySearch) -> RenderableType:
    """What was found for each kind, each language there, and the sentences on it.

    Args:
        record: The search.
    """
    whom = "no language may lose" if record.worst_language else "the languages may on average not lose"
    title = f"How far {plain(record.model)} can be pruned: {whom} more than {limit_words(record.max_drop)}"
    parts: list[RenderableType] = [Text(title, style="bold"), Text(), _kinds(record), Text()]
    if any(result.verdicts for result in record.results):
        parts += [_languages(record), Text(_signs()), Text()]
    parts += [Text(plain(f"{_HEADING[result.kind]}: {result.reason}")) for result in record.results]
    parts += [Text(plain(note)) for note in record.notes]
    return Constrain(Group(*parts), WIDTH)


def _kinds(record: SparsitySearch) -> RenderableType:
    table = plain_table("Highest sparsity")
    table.add_column("pruned", ratio=1)
    signs = "/".join(VERDICT_SIGN[kind] for kind in _VERDICTS)
    for heading in ("sparsity", "removed", "worst drop", signs, "tried"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in record.results:
        found = result.found
        table.add_row(
            _HEADING[result.kind],
            "none" if result.sparsity is None else _to_type(result.sparsity),
            ABSENT if found is None else percent(found.actual),
            _worst(result, record),
            _counts(result),
            str(len(result.probes)),
        )
    return table


def _to_type(sparsity: float) -> str:
    """Rounded up: typed in again, it must not lose a head or a layer to rounding down."""
    return f"{math.ceil(sparsity * 1e4 - 1e-6) / 1e4:g}"


def _worst(result: KindResult, record: SparsitySearch) -> str:
    """The language that loses most at the sparsity found, of those that can be decided."""
    found = result.found
    if found is None:
        return ABSENT
    decided = [tag for tag in record.baseline if tag not in record.undecided]
    drops = {tag: record.baseline[tag] - found.accuracy[tag] for tag in decided}
    worst = max(decided, key=lambda tag: drops[tag])
    return f"{language(worst)} {points(drops[worst], signed=False)}" if drops[worst] > 0 else "no drop"


def _counts(result: KindResult) -> str:
    kinds = [verdict.verdict for verdict in result.verdicts.values()]
    return "/".join(str(kinds.count(kind)) for kind in _VERDICTS) if kinds else ABSENT


def _languages(record: SparsitySearch) -> RenderableType:
    """A row per language: what it loses at each sparsity found, and whether that is proven safe."""
    shown = [result for result in record.results if result.verdicts]
    table = plain_table("Change of accuracy at the sparsity found, in points")
    table.add_column("language", ratio=1, overflow="fold")
    for heading in ("examples", "unpruned", *(_HEADING[result.kind] for result in shown)):
        table.add_column(heading, justify="right", no_wrap=True)
    for tag, before in record.baseline.items():
        name = Text(language(tag) + (" *" if tag in record.undecided else ""))
        table.add_row(name, f"{record.examples[tag]:,}", percent(before), *(_change(result, tag) for result in shown))
    if record.undecided:
        table.caption, table.caption_justify = f"* {record.open_question}", "left"
    return table


def _change(result: KindResult, tag: str) -> str:
    verdict = result.verdicts.get(tag)
    if verdict is None or verdict.drop is None:
        return ABSENT
    return f"{points(-verdict.drop)} {VERDICT_SIGN[verdict.verdict]}"


def _signs() -> str:
    told = {"inconclusive": "only not observed to drop by more, or not enough data"}
    return ", ".join(f"{VERDICT_SIGN[kind]} {told.get(kind, VERDICT_WORD[kind])}" for kind in _VERDICTS)
