"""The report as one HTML page: self-contained, without scripts, readable in light, dark, print and on a phone."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from leanglot.charts import quantities
from leanglot.charts.labels import challengers
from leanglot.charts.style import VERDICT_SIGN, VERDICT_WORD
from leanglot.report import format as words
from leanglot.report.alarms import alarm_lines, explaining_pages
from leanglot.report.chains import HOW_STEPS_READ, chain_tables
from leanglot.report.figures import pictures
from leanglot.report.repairs import sentences
from leanglot.report.shaping import pruning_table
from leanglot.report.summary import (
    accuracy_change,
    answers,
    baseline_of,
    group_languages,
    headline,
    primary,
    worst_language,
)
from leanglot.report.tables import COLUMNS, candidate_table
from leanglot.report.training import HEADINGS as TRAINING_HEADINGS
from leanglot.report.training import HOW_TRAINING_READS, training_rows
from leanglot.report.vocabulary import HEADINGS, HOW_TO_READ, VOCABULARY_COLUMNS, vocabulary_tables
from leanglot.report.warnings import warning_lines
from leanglot.report.weights import PART_WORD, thread_table, weight_table
from leanglot.results.records import RunReport

_FILTERS: Final[tuple[Callable[..., str], ...]] = (
    quantities.count,
    quantities.megabytes,
    quantities.milliseconds,
    quantities.percent,
    quantities.points,
    quantities.ratio,
    quantities.smaller,
    words.chance,
    words.in_points,
    words.language,
    words.moment,
    words.more_examples,
    words.plain,
    words.speed,
)


def render_page(report: RunReport, charts: Mapping[str, Path] | None = None) -> str:
    """Renders the whole report; the answer comes first.

    Args:
        report: The run.
        charts: SVG files by chart name, as `leanglot.charts.files.write_charts` writes them; None draws them
            afresh; an empty mapping leaves them out.

    Returns:
        HTML that loads nothing from anywhere: styles and pictures are inside of it.

    Raises:
        RunError: When the report names candidates that it does not have, or a chart cannot be read.
    """
    shipped = primary(report)
    template = _environment().get_template("page.html.j2")
    return template.render(
        report=report,
        css=Markup(files(__package__).joinpath("page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        headline=headline(report),
        baseline=baseline_of(report),
        shipped=shipped,
        change=None if shipped is None else accuracy_change(report, shipped),
        worst=None if shipped is None else worst_language(shipped),
        shipped_groups=None if shipped is None else group_languages(report, shipped),
        answers=[
            (answer, None if answer.candidate is None else accuracy_change(report, answer.candidate))
            for answer in answers(report)
        ],
        alarms=(alarms := alarm_lines(report)),
        explained=explaining_pages(alarms),
        table=candidate_table(report),
        chains=chain_tables(report),
        ledger=weight_table(report),
        pruning=pruning_table(report),
        trainings=training_rows(report),
        vocabularies=vocabulary_tables(report),
        threads=thread_table(report),
        repairs={name: sentences(repair) for name, repair in report.repairs.items()},
        warnings=warning_lines(report),
        columns=COLUMNS,
        challengers=challengers(report),
        pictures=pictures(report, charts),
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("leanglot.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({function.__name__: function for function in _FILTERS})
    environment.globals.update(
        goal_word=words.GOAL_WORD,
        interval=words.interval,
        part_word=PART_WORD,
        how_steps_read=HOW_STEPS_READ,
        how_vocabulary_reads=HOW_TO_READ,
        how_training_reads=HOW_TRAINING_READS,
        training_headings=TRAINING_HEADINGS,
        vocabulary_columns=VOCABULARY_COLUMNS,
        vocabulary_headings=HEADINGS,
        plural=words.plural,
        group_languages=group_languages,
        verdict_sign=VERDICT_SIGN,
        verdict_word=VERDICT_WORD,
    )
    return environment
