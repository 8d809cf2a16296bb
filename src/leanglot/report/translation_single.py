"""Terminal table of one translation model: quality by language pair, with the verdicts where there are any."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import ABSENT, count, points
from leanglot.report.format import language, more_examples, plain
from leanglot.report.terminal_parts import WIDTH, plain_table, signed_verdict
from leanglot.results.records import Verdict
from leanglot.results.translation import PairQuality


def translation_table(
    pairs: Mapping[str, PairQuality], verdicts: Mapping[str, Verdict] | None, remarks: Sequence[str]
) -> RenderableType:
    """chrF, BLEU and silent failures by pair, beside handing the source back.

    Args:
        pairs: Quality by language pair.
        verdicts: By pair; None when nothing was compared.
        remarks: What to know besides, one sentence each.
    """
    table = plain_table("Quality by language pair")
    table.add_column("pair", ratio=1, overflow="fold")
    judged = () if verdicts is None else ("drop", "verdict", "to settle it")
    for heading in ("n", "chrF", "BLEU", "copying", "failures", *judged):
        table.add_column(heading, justify="left" if heading == "verdict" else "right", no_wrap=True)
    for pair, own in pairs.items():
        scores = [_score(each) for each in (own.chrf, own.bleu, own.copying)]
        cells = [Text(language(pair)), Text(count(own.n)), *map(Text, scores), Text(_failures(own))]
        table.add_row(*cells, *(() if verdicts is None else _verdict(verdicts[pair])))
    told = [Text(plain(remark), style="dim") for remark in remarks]
    return Constrain(Group(table, Text(), *told), WIDTH)


def _score(value: float | None) -> str:
    return ABSENT if value is None else f"{100 * value:.1f}"


def _failures(own: PairQuality) -> str:
    """How many sentences fail silently, whatever the kind; one sentence may count twice."""
    return count(sum(own.failures.values()))


def _verdict(verdict: Verdict) -> list[Text]:
    needed = more_examples(verdict).removeprefix("about ")
    return [Text(points(verdict.drop)), signed_verdict(verdict.verdict), Text(needed)]
