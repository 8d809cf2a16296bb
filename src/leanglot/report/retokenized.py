"""Terminal table: what a trimmed vocabulary does to texts that it was not cut on."""

from collections.abc import Collection

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import ABSENT, count, percent
from leanglot.report.format import language
from leanglot.report.terminal_parts import WIDTH, plain_table
from leanglot.results.shaping import Retokenized, Unchanged, VocabularyFacts


def retokenized_table(found: Retokenized, unchanged: Unchanged, vocabulary: VocabularyFacts | None) -> RenderableType:
    """Tokens, unknown tokens and answers by language, before and after.

    Args:
        found: How the texts are split.
        unchanged: Which answers stayed.
        vocabulary: What it was cut for; None where that is not known.
    """
    kept = set(found.tokens if vocabulary is None else vocabulary.languages)
    table = plain_table("Texts that the vocabulary was not cut on")
    table.add_column("language", ratio=1, overflow="fold")
    for heading in ("texts", "tokens per text", "unknown", "split as before", "same answer"):
        table.add_column(heading, justify="right", no_wrap=True)
    for tag, change in found.tokens.items():
        cells = [
            language(tag) + ("" if tag in kept else ", not cut for"),
            count(change.texts),
            f"{change.before:.2f} → {change.after:.2f}",
            f"{percent(change.unknown_before, 2)} → {percent(change.unknown_after, 2)}",
            percent(change.same),
            percent(unchanged.same[tag] / unchanged.texts[tag], 2) if unchanged.texts.get(tag) else ABSENT,
        ]
        table.add_row(*map(Text, cells))
    told = [Text(_same_answers(unchanged, kept & unchanged.texts.keys(), "the languages that it was cut for"), "bold")]
    if others := unchanged.texts.keys() - kept:
        told.append(Text(_same_answers(unchanged, others, "other languages")))
    if found.known:
        told.append(Text(f"Left out, because the vocabulary was cut on them: {count(found.known)} texts.", style="dim"))
    return Constrain(Group(table, Text(), *told), WIDTH)


def _same_answers(unchanged: Unchanged, tags: Collection[str], whose: str) -> str:
    texts, same = (sum(counts[tag] for tag in tags) for counts in (unchanged.texts, unchanged.same))
    share = f" ({percent(same / texts, 2)})" if texts else ""
    return f"Same answer for {count(same)} of {count(texts)} texts in {whose}{share}."
