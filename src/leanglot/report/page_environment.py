"""The templates of the page, with the words and numbers that all of them may use."""

from collections.abc import Callable
from functools import partial
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from leanglot.charts import quantities
from leanglot.charts.style import VERDICT_SIGN, VERDICT_WORD
from leanglot.report import format as words
from leanglot.report import routing
from leanglot.report.chains import HOW_STEPS_READ
from leanglot.report.cost import HOW_COST_READS, cost_columns
from leanglot.report.language_rows import strip_x
from leanglot.report.searching import HOW_SEARCH_READS, SEARCH_COLUMNS
from leanglot.report.summary import group_languages
from leanglot.report.tables import REFERENCE
from leanglot.report.training import HEADINGS as TRAINING_HEADINGS
from leanglot.report.training import how_training_reads
from leanglot.report.vocabulary import HEADINGS, HOW_TO_READ, VOCABULARY_COLUMNS
from leanglot.report.weights import PART_WORD
from leanglot.results.terms import Terms

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


def page_environment(terms: Terms) -> Environment:
    """Templates with the words and numbers that they may use; all they are given is escaped.

    Args:
        terms: What the run calls things.
    """
    environment = Environment(
        loader=PackageLoader("leanglot.report", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({function.__name__: function for function in _FILTERS})
    environment.filters |= {"strip_x": strip_x, "told": terms.told, "score": partial(quantities.score, terms=terms)}
    environment.globals.update(
        goal_word=partial(words.goal_word, terms=terms),
        interval=words.interval,
        part_word=PART_WORD,
        cost_columns=cost_columns(terms),
        how_cost_reads=HOW_COST_READS,
        how_steps_read=terms.told(HOW_STEPS_READ),
        how_vocabulary_reads=terms.told(HOW_TO_READ),
        how_training_reads=how_training_reads(terms),
        how_search_reads=terms.told(HOW_SEARCH_READS),
        search_columns=[*map(terms.told, SEARCH_COLUMNS)],
        training_headings=[*map(terms.told, TRAINING_HEADINGS)],
        vocabulary_columns=VOCABULARY_COLUMNS,
        vocabulary_headings=HEADINGS,
        plural=words.plural,
        routing_headings=[*map(terms.told, routing.LANGUAGE_HEADINGS)],
        detection_headings=[*map(terms.told, routing.DETECTION_HEADINGS)],
        reference=REFERENCE,
        terms=terms,
        group_languages=group_languages,
        verdict_sign=VERDICT_SIGN,
        verdict_word=VERDICT_WORD,
    )
    return environment
