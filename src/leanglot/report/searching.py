"""A search for recipes as a table of text: how it went, and what came of each recipe that the report does not show."""

from dataclasses import dataclass
from typing import Final

from leanglot.charts.quantities import ABSENT, megabytes, points, ratio
from leanglot.report.format import duration, plural
from leanglot.results.records import RunReport
from leanglot.results.searching import MOST_SHOWN, SEARCH_NAME, SearchRecord, Tried, TryState

SEARCH_COLUMNS: Final = ("recipe", "came of it", "speed-up", "size", "accuracy", "took")
_WORDS: Final[dict[TryState, str]] = {
    "measured": "measured",
    "dropped": "dropped",
    "failed": "failed",
    "cut": "cut by the budget",
    "started": "unfinished",
}
_TOLD: Final[tuple[tuple[TryState, str], ...]] = (
    ("measured", "measured"),
    ("dropped", "dropped on part of the data"),
    ("failed", "failed"),
    ("cut", "cut by the end of the budget"),
    ("started", "left unfinished"),
)
HOW_SEARCH_READS: Final = (
    "Accuracy is its change in points. The numbers of a dropped recipe are those on the part of the data that it was "
    "dropped on."
)


@dataclass(frozen=True)
class SearchRow:
    """One recipe that the report does not show.

    Attributes:
        name: Its candidate's name.
        cells: What came of it, speed-up, size, change of accuracy and seconds, in the order of `SEARCH_COLUMNS`.
        reason: Why it is not among the candidates.
        is_out: Whether it was given up or failed, and not merely left out of the report.
    """

    name: str
    cells: tuple[str, ...]
    reason: str
    is_out: bool


@dataclass(frozen=True)
class SearchTable:
    """A search.

    Attributes:
        sentences: How it went.
        rows: The recipes that the report does not show, in the order of the tries.
    """

    sentences: tuple[str, ...]
    rows: tuple[SearchRow, ...]


def search_table(report: RunReport) -> SearchTable | None:
    """What a search tried; None where candidates were given.

    Args:
        report: The run.
    """
    search = report.search
    if search is None:
        return None
    hidden = [each for each in search.tried if each.name not in search.shown]
    return SearchTable((*_sentences(search), *search.notes), tuple(map(_row, hidden)))


def _sentences(search: SearchRecord) -> tuple[str, ...]:
    counts = [(len(search.of(state)), words) for state, words in _TOLD]
    told = ", ".join(f"{number:,} {words}" for number, words in counts if number)
    tried = f"{plural(len(search.tried), 'recipe')} {'was' if len(search.tried) == 1 else 'were'} tried"
    took = f"in {duration(search.spent_s)} of {duration(search.budget_s)}"
    first = f"{tried} {took}{': ' if told else ''}{told}."
    ended = () if search.ended is None else (search.ended,)
    shown = (
        f"Shown as candidates are {plural(len(search.shown), 'recipe')}: the recommended ones and the Pareto front of "
        f"speed, size and worst language, {MOST_SHOWN} at most; {SEARCH_NAME} has all."
    )
    return (first, *ended, *((shown,) if search.shown else ()))


def _row(tried: Tried) -> SearchRow:
    found = tried.full or tried.part
    numbers = (
        (ABSENT, ABSENT, ABSENT)
        if found is None
        else (ratio(found.speedup), megabytes(found.size_bytes), points(-found.accuracy_drop))
    )
    why = f"Neither recommended nor among the {MOST_SHOWN} best of the Pareto front."
    return SearchRow(
        tried.name,
        (_WORDS[tried.state], *numbers, duration(tried.seconds)),
        tried.reason or why,
        tried.state != "measured",
    )
