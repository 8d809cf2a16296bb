"""Terminal table: what a trimmed vocabulary does to texts that it was not cut on."""

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import ABSENT, count, percent
from leanglot.report.format import language
from leanglot.report.terminal import WIDTH, plain_table
from leanglot.results.shaping import Retokenized, Unchanged


def retokenized_table(found: Retokenized, unchanged: Unchanged) -> RenderableType:
    """Tokens, unknown tokens and answers by language, before and after.

    Args:
        found: How the texts are split.
        unchanged: Which answers stayed.
    """
    table = plain_table("Texts that the vocabulary was not cut on")
    table.add_column("language", ratio=1, overflow="fold")
    for heading in ("texts", "tokens per text", "unknown", "split as before", "same answer"):
        table.add_column(heading, justify="right", no_wrap=True)
    for tag, change in found.tokens.items():
        cells = [
            language(tag),
            count(change.texts),
            f"{change.before:.2f} → {change.after:.2f}",
            f"{percent(change.unknown_before, 2)} → {percent(change.unknown_after, 2)}",
            percent(change.same),
            percent(unchanged.same[tag] / unchanged.texts[tag], 2) if unchanged.texts.get(tag) else ABSENT,
        ]
        table.add_row(*map(Text, cells))
    texts, same = sum(unchanged.texts.values()), sum(unchanged.same.values())
    told = [Text(f"Same answer for {count(same)} of {count(texts)} texts ({percent(same / texts, 2)}).", style="bold")]
    if found.known:
        told.append(Text(f"Left out, because the vocabulary was cut on them: {count(found.known)} texts.", style="dim"))
    return Constrain(Group(table, Text(), *told), WIDTH)
