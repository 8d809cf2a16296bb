"""The report as one HTML page: self-contained, for light, dark, print and phone, readable with and without script."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from markupsafe import Markup

from leanglot.charts.labels import challengers
from leanglot.report import routing
from leanglot.report.alarms import alarm_lines, explaining_pages
from leanglot.report.candidate_order import FIXED_COLUMNS
from leanglot.report.chains import chain_tables
from leanglot.report.cost import cost_table
from leanglot.report.figures import pictures
from leanglot.report.page_assets import MARK_SCRIPT, style_sheet, working_script
from leanglot.report.page_environment import page_environment
from leanglot.report.page_policy import content_policy, data_block
from leanglot.report.page_view import drop_grid, page_data
from leanglot.report.repairs import sentences
from leanglot.report.searching import search_table
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
from leanglot.report.tables import candidate_table, shown_columns
from leanglot.report.training import training_rows
from leanglot.report.translation import translation_section
from leanglot.report.vocabulary import vocabulary_tables
from leanglot.report.warnings import warning_lines
from leanglot.report.weights import thread_table, weight_table
from leanglot.results.records import RunReport
from leanglot.results.terms import Terms, terms_of

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
    data, terms = page_data(report), terms_of(report.metric)
    css, script = style_sheet(), working_script()
    template = page_environment(terms).get_template("page.html.j2")
    return template.render(
        report=report,
        policy=content_policy((MARK_SCRIPT, script), (css,)),
        css=Markup(css),  # noqa: S704 - our own file
        mark_script=Markup(MARK_SCRIPT),  # noqa: S704 - our own line
        script=Markup(script),  # noqa: S704 - our own files
        data_block=Markup(data_block(data)),  # noqa: S704 - escaped there
        data=data,
        grid=drop_grid(report),
        statuses=[(status, status) for status in dict.fromkeys(each.status for each in report.candidates)],
        candidate_columns=_candidate_columns(report, terms),
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
        costs=cost_table(report),
        translation=translation_section(report),
        routing_sentences=routing.routing_sentences(report),
        routing_variants=routing.variant_rows(report),
        routing_languages=routing.language_rows(report),
        routing_detection=routing.detection_rows(report),
        chains=chain_tables(report),
        ledger=weight_table(report),
        pruning=pruning_table(report),
        trainings=training_rows(report),
        vocabularies=vocabulary_tables(report),
        threads=thread_table(report),
        search=search_table(report),
        repairs={name: sentences(repair) for name, repair in report.repairs.items()},
        warnings=warning_lines(report),
        columns=shown_columns(report),
        challengers=challengers(report),
        pictures=pictures(report, charts),
    )


def _candidate_columns(report: RunReport, terms: Terms) -> list[tuple[str, str, bool]]:
    """Key, heading and whether it is shown at first, of each column of the table of candidates that may be hidden."""
    fixed = [(key, key.capitalize(), True) for key in FIXED_COLUMNS[1:]]
    return fixed + [(key, terms.told(key[0].upper() + key[1:]), key in _USUAL_COLUMNS) for key in shown_columns(report)]
