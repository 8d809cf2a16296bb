"""The report as one HTML page: self-contained, for light, dark, print and phone, readable with and without script."""

from collections.abc import Callable, Mapping, Sequence
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
from leanglot.report.candidate_order import FIXED_COLUMNS
from leanglot.report.chains import HOW_STEPS_READ, chain_tables
from leanglot.report.figures import pictures
from leanglot.report.language_rows import strip_x
from leanglot.report.page_policy import content_policy, data_block
from leanglot.report.page_view import drop_grid, page_data
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
from leanglot.report.tables import COLUMNS, REFERENCE, candidate_table
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
_STYLES: Final = ("page.css", "tables.css", "controls.css", "print.css")
_SCRIPTS: Final = (
    "elements.js",
    "state.js",
    "sorting.js",
    "menus.js",
    "intervals.js",
    "detail.js",
    "candidates.js",
    "languages.js",
    "drops.js",
    "prices.js",
    "start.js",
)
_MARK_SCRIPT: Final = 'document.documentElement.className = "js";'
"""Runs before anything is shown, so that nothing moves when the rest of the script starts."""

_USUAL_COLUMNS: Final = frozenset(
    {"speed-up", "median", "p95", "size", "accuracy", "change in accuracy", "worst language", "monthly cost", "Pareto"}
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
    data = page_data(report)
    css, script = _joined(_STYLES), f"(() => {{\n'use strict';\n{_joined(_SCRIPTS)}}})();"
    template = _environment().get_template("page.html.j2")
    return template.render(
        report=report,
        policy=content_policy((_MARK_SCRIPT, script), (css,)),
        css=Markup(css),  # noqa: S704 - our own file
        mark_script=Markup(_MARK_SCRIPT),  # noqa: S704 - our own line
        script=Markup(script),  # noqa: S704 - our own files
        data_block=Markup(data_block(data)),  # noqa: S704 - escaped there
        data=data,
        grid=drop_grid(report),
        statuses=[(status, status) for status in dict.fromkeys(each.status for each in report.candidates)],
        candidate_columns=_candidate_columns(),
        language_columns=[(each.key, each.title, not each.extra) for each in data.columns],
        usual_columns=_USUAL_COLUMNS,
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


def _joined(names: Sequence[str]) -> str:
    folder = files(__package__).joinpath("html")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


def _candidate_columns() -> list[tuple[str, str, bool]]:
    """Key, heading and whether it is shown at first, of each column of the table of candidates that may be hidden."""
    fixed = [(key, key.capitalize(), True) for key in FIXED_COLUMNS[1:]]
    return fixed + [(key, key[0].upper() + key[1:], key in _USUAL_COLUMNS) for key in COLUMNS]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("leanglot.report", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({function.__name__: function for function in _FILTERS})
    environment.filters["strip_x"] = strip_x
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
        reference=REFERENCE,
        group_languages=group_languages,
        verdict_sign=VERDICT_SIGN,
        verdict_word=VERDICT_WORD,
    )
    return environment
