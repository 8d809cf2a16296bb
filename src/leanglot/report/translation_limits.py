"""Terminal table of how far a translation model can be cut."""

from typing import Final

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import ABSENT
from leanglot.report.format import plain
from leanglot.report.terminal_parts import WIDTH, plain_table
from leanglot.results.translation_limits import Limit, LimitKind, TranslationLimits

_HEADING: Final[dict[LimitKind, str]] = {"magnitude": "single weights", "decoder-layers": "decoder layers"}


def limits_table(record: TranslationLimits) -> RenderableType:
    """Every probe of each way of cutting, and the sentences on what was found.

    Args:
        record: The search.
    """
    metric = "BLEU" if record.metric.name == "bleu" else "chrF"
    title = f"How far {plain(record.model)} can be cut: no pair may lose {100 * record.max_drop:g} {metric}"
    parts: list[RenderableType] = [Text(title, style="bold"), Text()]
    for limit in record.limits:
        parts += [_probes(limit, metric), Text(plain(limit.reason)), Text()]
    parts += [Text(plain(note)) for note in record.notes]
    return Constrain(Group(*parts), WIDTH)


def _probes(limit: Limit, metric: str) -> RenderableType:
    table = plain_table(f"{_HEADING[limit.kind]}{', each trained again' if limit.trained else ''}")
    table.add_column("level", justify="right")
    for heading in ("removed", "worst pair", f"{metric} lost", "within", "proven safe"):
        table.add_column(heading, justify="right", no_wrap=True)
    for probe in limit.probes:
        safe = sum(verdict.verdict == "safe" for verdict in probe.verdicts.values())
        table.add_row(
            f"{probe.level:.0%}" if limit.kind == "magnitude" else f"{probe.level:.0f}",
            f"{probe.actual:.0%}",
            plain(probe.worst),
            f"{100 * probe.drop:.2f}",
            "yes" if probe.within else "no",
            f"{safe} of {len(probe.verdicts)}",
        )
    if not limit.probes:
        table.add_row(*[ABSENT] * 6)
    return table
