"""Terminal table of an audit of calibration data."""

from typing import Final

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import count, percent, points
from leanglot.report.format import language, plain, plural
from leanglot.report.terminal_parts import WIDTH, plain_table, signed_verdict
from leanglot.results.audits import AuditedVariant, CalibrationAudit
from leanglot.results.records import Verdict

UNQUANTIZED: Final = "FP32"


def audit_table(audit: CalibrationAudit) -> RenderableType:
    """Accuracy by language with the first mixture of texts, and what each other loses against it, in points."""
    reference, *others = audit.variants
    table = plain_table("Calibration by language")
    table.add_column("language", ratio=1, overflow="fold")
    for heading in ("n", UNQUANTIZED, reference.name):
        table.add_column(heading, justify="right", no_wrap=True)
    for variant in others:
        table.add_column(f"{variant.name} loses", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True, max_width=1)
    for tag, own in audit.unquantized.languages.items():
        cells = [language(tag), count(own.n), percent(own.accuracy)]
        row = [Text(cell) for cell in [*cells, percent(reference.quality.languages[tag].accuracy)]]
        for variant in others:
            row += _cells(variant, tag)
        table.add_row(*row)
    return Constrain(Group(table, Text(), *_remarks(audit)), WIDTH)


def _cells(variant: AuditedVariant, tag: str) -> list[Text]:
    verdict = variant.against_kept[tag]
    sign = signed_verdict(verdict.verdict)
    return [Text(_interval(verdict)), sign[:1]]


def _interval(verdict: Verdict) -> str:
    return f"{points(verdict.drop)} ({points(verdict.drop_low)} to {points(verdict.drop_high)})"


def _remarks(audit: CalibrationAudit) -> list[Text]:
    reference, *others = audit.variants
    level = f"{100 * (1 - audit.alpha):g}%"
    lines = [
        Text(f"Losses are in points, with their {level} interval; ✓ no more than the margin, ✗ harmed, ? not proven."),
        Text(f"Accuracy before quantization {percent(audit.unquantized.accuracy)}."),
    ]
    for variant in audit.variants:
        texts = sum(variant.texts.values())
        told = f"{variant.name}: {count(texts)} texts in {plural(len(variant.texts), 'language')}, accuracy "
        lines.append(Text(f"{told}{percent(variant.quality.accuracy)}.", style="bold" if variant is reference else ""))
    for variant in others:
        lines.append(Text(f"Against {reference.name} data, {variant.name}: {_standing(variant)}."))
        if variant.texts == reference.texts:
            lines.append(Text(f"Both have the same number of texts in each language: no comparison of {variant.name}."))
    notes = [f"{variant.name}: {note}" for variant in audit.variants for note in variant.notes]
    return [*lines, *(Text(plain(note), style="dim") for note in [*notes, *audit.data.notes])]


def _standing(variant: AuditedVariant) -> str:
    by_kind: dict[str, list[str]] = {"harmed": [], "safe": [], "inconclusive": []}
    for tag, verdict in variant.against_kept.items():
        by_kind[verdict.verdict].append(tag)
    harmed = ", ".join(map(language, by_kind["harmed"])) or "no language"
    total = len(variant.against_kept)
    return f"{harmed} proven harmed, {len(by_kind['safe'])} of {total} proven safe, the others not proven"
