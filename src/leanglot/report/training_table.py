"""Terminal table: one training, language by language."""

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import ABSENT, count, percent
from leanglot.report.format import language
from leanglot.report.terminal_parts import WIDTH, plain_table
from leanglot.report.training import training_lines
from leanglot.results.training import Epoch, TrainingFacts


def training_table(facts: TrainingFacts) -> RenderableType:
    """Examples, losses and held-out accuracy by language."""
    table = plain_table("Training by language")
    table.add_column("language", ratio=1, overflow="fold")
    for heading in ("examples", "passes", "loss, first", "loss, last", "held out", "right, first", "right, kept"):
        table.add_column(heading, justify="right", no_wrap=True)
    first, last, kept = facts.epochs[0], facts.epochs[-1], facts.kept or facts.epochs[-1]
    for tag, examples in facts.examples.items():
        seen = sum(epoch.seen.get(tag, 0) for epoch in facts.epochs)
        check = kept.held_out.get(tag)
        table.add_row(
            Text(language(tag)),
            Text(count(examples)),
            Text(f"{seen / examples:.1f}"),
            *(Text(_loss(epoch, tag)) for epoch in (first, last)),
            Text(ABSENT if check is None else count(check.n)),
            *(Text(_right(epoch, tag)) for epoch in (first, kept)),
        )
    told = [Text(line, style="dim") for line in training_lines(facts)]
    return Constrain(Group(table, Text(), *told), WIDTH)


def _loss(epoch: Epoch, tag: str) -> str:
    return f"{epoch.loss[tag]:.3f}" if tag in epoch.loss else ABSENT


def _right(epoch: Epoch, tag: str) -> str:
    check = epoch.held_out.get(tag)
    return ABSENT if check is None else percent(check.accuracy)
