"""Terminal tables of a learning curve: accuracy after each number of examples, and by language."""

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.text import Text

from leanglot.charts.quantities import ABSENT, count, percent
from leanglot.report.format import language, plain
from leanglot.report.terminal_parts import WIDTH, plain_table
from leanglot.results.learning_curve import LearningCurve
from leanglot.results.measures import Quality

_COLUMNS = 6  # numbers of examples that the table by language has room for


def learning_curve_table(record: LearningCurve) -> RenderableType:
    """The curve over all languages, its first and last points by language, and the sentences on it.

    Args:
        record: The curve.
    """
    title = f"What more examples teach {plain(record.model)}"
    notes = [Text(plain(note)) for note in record.notes]
    return Constrain(
        Group(Text(title, style="bold"), Text(), _overall(record), Text(), _by_language(record), Text(), *notes), WIDTH
    )


def _overall(record: LearningCurve) -> RenderableType:
    table = plain_table("Accuracy by the number of training examples")
    table.add_column("examples", justify="right", no_wrap=True)
    for heading in ("steps", "mean of languages", "all examples"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("worst language", ratio=1)
    start = "none" if record.step.student is None else "whole model"
    table.add_row(start, "0", *_numbers(record.before))
    for point in record.points:
        table.add_row(count(point.total), count(point.steps), *_numbers(point.quality))
    return table


def _numbers(quality: Quality) -> tuple[str, str, str]:
    tag = min(quality.languages, key=lambda each: (quality.languages[each].accuracy, each))
    worst = quality.languages[tag]
    said = f"{language(tag)} {percent(worst.accuracy)}, n = {worst.n}"
    return percent(quality.macro_accuracy), percent(quality.accuracy), plain(said)


def _by_language(record: LearningCurve) -> RenderableType:
    table = plain_table("By language")
    table.add_column("language", ratio=1, overflow="fold")
    table.add_column("judged", justify="right", no_wrap=True)
    points = record.points[-_COLUMNS:]
    for heading in ("before", *(count(point.total) for point in points)):
        table.add_column(heading, justify="right", no_wrap=True)
    for tag, n in record.data.examples.items():
        qualities = [record.before, *(point.quality for point in points)]
        known = [each.languages.get(tag) for each in qualities]
        table.add_row(
            Text(language(tag)), count(n), *(ABSENT if each is None else percent(each.accuracy) for each in known)
        )
    return table
