"""Charts inside the page: SVG pictures that follow the reader's light or dark theme, with texts in their place."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

from leanglot.charts.files import drawings, impacts, svg_bytes, trainings, waterfalls
from leanglot.errors import RunError
from leanglot.report.format import plain
from leanglot.report.svg import data_uri, slim, themed
from leanglot.results.records import RunReport
from leanglot.results.terms import Terms, terms_of


@dataclass(frozen=True)
class ChartText:
    """What a chart says in words.

    Attributes:
        title: Its heading on the page.
        alt: What it shows, for readers who do not see it.
        caption: How to read it.
    """

    title: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Picture:
    """A chart as the page embeds it.

    Attributes:
        text: What it says in words.
        uri: The picture itself, as a data URI that may stand between double quotes.
        width: Width in CSS pixels at its natural size.
        height: Height in CSS pixels.
    """

    text: ChartText
    uri: Markup
    width: int
    height: int


TABLED: Final = frozenset({"drop_heatmap"})
"""Charts that the page has as a table with the same numbers."""

_NAME: Final = "\N{LEFT-POINTING ANGLE BRACKET}name\N{RIGHT-POINTING ANGLE BRACKET}"
"""Stands for a candidate's name while the words around it are chosen."""

TEXTS: Final[dict[str, ChartText]] = {
    "overview": ChartText(
        "What is gained and paid",
        "Four panels over all candidates: bars of the median latency with speed-ups, bars of the accuracy with the "
        "baseline as a dashed line, bars of the size on disk, and accuracy against speed-up with the best "
        "accuracy at each speed. The table of candidates above has the same numbers.",
        "The axis of the accuracy may start above 0; the line above its bars tells where.",
    ),
    "drop_heatmap": ChartText(
        "What each candidate costs each language",
        "A grid of candidates by languages: every cell has the drop in points and a sign for safe, harmed or not "
        "proven. The verdict tables below have the same numbers with their intervals.",
        "Red is a loss, blue a gain; the sign, not the colour, is the verdict.",
    ),
    "language_accuracy": ChartText(
        "Accuracy by language",
        "One row per language: the accuracy of the baseline and of one candidate with 95% intervals, the number of "
        "examples, the drop and the verdict. The verdict tables below have the same numbers.",
        "Overlapping intervals prove nothing: the verdict comes from the paired test on the same examples.",
    ),
    "retention_bars": ChartText(
        "How much of its accuracy each language keeps",
        "One bar per language: the candidate's accuracy divided by the baseline's, coloured by whether 99% and 97% are "
        "reached, with 95% intervals, the number of examples and the verdict. The verdict tables have the accuracies "
        "that this divides.",
        "Hatched bars are languages with too few examples to tell. The verdict goes by the drop in points, not by "
        "these thresholds.",
    ),
    "impact": ChartText(
        "What each language keeps as candidates get smaller",
        "A line per language over the candidates by size: the accuracy as a share of the baseline's. The languages "
        "that keep least are named. The verdict tables have the accuracies that this divides.",
        "Neighbours on the axis are different candidates, not steps of one.",
    ),
    "teacher": ChartText(
        "The teacher beside its students",
        "For the teacher and each student: a bar for the median latency, and marks for the mean accuracy over the "
        "languages and for the worst language, with 95% intervals. The table of candidates has the same numbers.",
        "Two axes: accuracy on the left, latency on the right, each with its own scale.",
    ),
    "cost": ChartText(
        "What each candidate costs in a month",
        "A bar per candidate, the cheapest first: machines and errors stacked, with the interval of the total, the "
        "total and the chance of being the cheapest. The table of costs has the same numbers.",
        "Intervals overlap more than candidates are alike: they err on the same examples, and the chances count that.",
    ),
    "break_even": ChartText(
        "What would change the choice",
        "For the cost of all errors and for the price of machines: lines of the totals of the cheapest candidate, the "
        "baseline and those that become the cheapest, against the factor on that price; below, how much more each "
        "costs than today's choice. The sentences beside the table of costs say where they cross.",
        "Expected totals, without their intervals; only candidates that may be shipped.",
    ),
    "cost_latency": ChartText(
        "Cost against latency",
        "A mark per candidate: its cost in a month, with the interval, against its 95th percentile of latency. A step "
        "line is the Pareto front. The table of costs has the same numbers.",
        "Overlapping intervals do not say that costs are equal: candidates err on the same examples, and the "
        "probability of being the cheapest counts that.",
    ),
    "latency_spread": ChartText(
        "How the latency spreads in each language",
        "One row per language: the middle half of the timed calls as a box, the median, and the range, of the baseline "
        "and of one candidate, with the tokens of a text. The verdict tables have the medians.",
        "Languages whose texts are cut into more tokens take longer.",
    ),
}


TRANSLATION_TEXTS: Final[dict[str, ChartText]] = {
    "language_accuracy": ChartText(
        "Accuracy by language",
        "One row per language: the accuracy of the baseline and of one candidate, the number of examples, the drop and "
        "the verdict. The verdict tables below have the same numbers, with the intervals of the drops.",
        "The verdict comes from the paired bootstrap on the same examples. Languages are not ranked by their accuracy.",
    ),
    "teacher": ChartText(
        "The teacher beside its students",
        "For the teacher and each student: a bar for the median latency, and marks for the mean accuracy over the "
        "languages and for the worst language. The table of candidates has the same numbers.",
        "Two axes: accuracy on the left, latency on the right, each with its own scale.",
    ),
}
"""Where a score of translations has no interval of its own."""


def pictures(report: RunReport, charts: Mapping[str, Path] | None) -> tuple[Picture, ...]:
    """The charts for the page.

    Args:
        report: The run.
        charts: SVG files by chart name; None draws them afresh. Charts without a file are left out.

    Raises:
        RunError: When a file cannot be read or is not an SVG picture with a size.
    """
    terms = terms_of(report.metric)
    trained = _translation_training_text if terms.translates else _training_text
    steps = {name: _in_terms(_steps_text, candidate, terms) for name, candidate in waterfalls(report).items()}
    courses = {name: _in_terms(trained, candidate, terms) for name, (candidate, _) in trainings(report).items()}
    ways = {name: _in_terms(_impact_text, candidate, terms) for name, candidate in impacts(report).items()}
    fixed = TEXTS | TRANSLATION_TEXTS if terms.translates else TEXTS
    texts = {name: _told(text, terms) for name, text in fixed.items()} | steps | ways | courses
    found = []
    for name, draw in drawings(report).items():
        text = texts.get(name) or _plain_text(name)
        if name in TABLED:
            continue
        if charts is None:
            found.append(_picture(text, svg_bytes(draw(report)).decode(), f"chart {name}"))
        elif name in charts:
            found.append(_picture(text, _read(charts[name]), str(charts[name])))
    return tuple(found)


def _told(text: ChartText, terms: Terms) -> ChartText:
    """A fixed text in the words of the run."""
    return ChartText(*(terms.told(part) for part in (text.title, text.alt, text.caption)))


def _in_terms(text: Callable[[str], ChartText], candidate: str, terms: Terms) -> ChartText:
    """A text about a candidate in the words of the run, its name left as it is."""
    told = _told(text(_NAME), terms)
    return ChartText(*(part.replace(_NAME, plain(candidate)) for part in (told.title, told.alt, told.caption)))


def _plain_text(name: str) -> ChartText:
    """What can be said of a chart that has no words of its own here."""
    title = re.sub(r"[\W_]+", " ", name).strip().capitalize() or "Chart"
    return ChartText(
        title,
        f'The chart "{title}". It is drawn from the records of this run, whose numbers stand in the tables of this '
        "page and in report.json.",
        f"{title}, drawn from the records of this run.",
    )


def _steps_text(candidate: str) -> ChartText:
    return ChartText(
        f"What each step of {plain(candidate)} gains and costs",
        f"Two waterfalls over the steps of {plain(candidate)}, of the size on disk and of the median latency: what "
        "each step takes off or adds. Below, a grid of steps by languages: the drop at each step and the verdict after "
        "it. The table of its steps above has the sizes, the medians and the languages newly harmed.",
        "The latency is the baseline's divided by each speed-up, since each candidate was timed side by side with the "
        "baseline alone. In the grid red is a loss at that step; the sign is the verdict against the baseline.",
    )


def _impact_text(candidate: str) -> ChartText:
    return ChartText(
        f"What each language keeps along the steps of {plain(candidate)}",
        f"A line per language over the steps of {plain(candidate)}: the accuracy after each step as a share of the "
        "baseline's. The languages that keep least at the end are named. The verdict tables have the accuracies.",
        "Where a step makes a language collapse, the lower part of the scale is logarithmic, which is said above it.",
    )


def _training_text(candidate: str) -> ChartText:
    return ChartText(
        f"How the training of {plain(candidate)} went",
        f"Lines over the epochs of the training of {plain(candidate)}, one per language: the share of held-out "
        "examples answered right, and the loss on those trained on. The table of trainings has where it ended.",
        "Held-out examples belong to the training data: they tell how training goes, and are no verdict.",
    )


def _translation_training_text(candidate: str) -> ChartText:
    return ChartText(
        f"How the training of {candidate} went",
        f"Lines over the epochs of the training of {candidate}, one per language: the share of held-out tokens "
        "predicted right where all tokens before are given, and the loss on what was trained on. The table of "
        "trainings has where it ended.",
        "Held-out examples belong to the training data: they tell how training goes, and are no verdict.",
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(
            f"Cannot read the chart {path}: {error}.", "Write the charts again with write_charts."
        ) from error


def _picture(text: ChartText, svg: str, source: str) -> Picture:
    size = re.search(r'<svg\b[^>]*\bwidth="([\d.]+)pt" height="([\d.]+)pt"', svg)
    if size is None:
        raise RunError(
            f"{source} is not an SVG picture with a width and a height in points.",
            "Pass the .svg files that write_charts wrote.",
        )
    width, height = (round(float(part) * 4 / 3) for part in size.groups())
    return Picture(text, data_uri(themed(slim(svg))), width, height)
