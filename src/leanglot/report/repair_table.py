"""Terminal tables of a repair: who was harmed, which layers hurt, what putting them back cost."""

from collections.abc import Mapping
from typing import Final

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import ABSENT, percent
from leanglot.report.format import language, plain
from leanglot.report.repairs import sentences
from leanglot.report.terminal_parts import WIDTH, plain_table
from leanglot.results.repairs import Outcome, Repair

_LAYERS_SHOWN: Final = 8


def repair_table(repairs: Mapping[str, Repair]) -> RenderableType:
    """Each repair: its languages before and after, the layers that hurt most, and the sentences on it.

    Args:
        repairs: By the name of the candidate that harmed a language.
    """
    parts: list[RenderableType] = []
    for name, repair in repairs.items():
        parts += [Text(f"Repair of {plain(name)}", style="bold"), Text()]
        if repair.before:
            parts += [_languages(repair), Text()]
        if repair.ranking:
            parts += [_layers(repair), Text()]
        parts += [Text(plain(sentence)) for sentence in sentences(repair)]
    return Constrain(Group(*parts), WIDTH)


def _languages(repair: Repair) -> RenderableType:
    table = plain_table("Accuracy of the harmed languages")
    table.add_column("language", ratio=1, overflow="fold")
    for heading in ("quantized", "all layers undone", "repaired"):
        table.add_column(heading, justify="right", no_wrap=True)
    for tag, before in repair.before.items():
        undone = None if repair.unquantized is None else repair.unquantized.get(tag)
        table.add_row(language(tag), *map(_outcome, (before, undone, repair.after.get(tag))))
    return table


def _outcome(outcome: Outcome | None) -> str:
    return ABSENT if outcome is None else f"{percent(outcome.accuracy)} {outcome.verdict}"


def _layers(repair: Repair) -> RenderableType:
    shown = repair.ranking[:_LAYERS_SHOWN]
    table = plain_table(f"Layers by harm, {len(shown)} of {len(repair.ranking)}: fall of the divergence when undone")
    table.add_column("layer", ratio=1, overflow="fold")
    for tag in shown[0].languages:
        table.add_column(tag, justify="right", no_wrap=True)
    table.add_column("put back", no_wrap=True)
    for each in shown:
        falls = [f"{fall:+.4f}" for fall in each.languages.values()]
        table.add_row(plain(each.layer), *falls, "yes" if each.layer in repair.layers else "")
    return table
