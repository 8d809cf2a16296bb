"""A candidate's merits and risks against the baseline, in one sentence with the numbers."""

from typing import Final

from leanglot.decide.standing import Standing
from leanglot.results.records import Candidate
from leanglot.results.terms import CLASSIFICATION, Terms

TIMES: Final = "\N{MULTIPLICATION SIGN}"


def headline(standing: Standing) -> str:
    """Speed and size in a few words: 2.41 times as fast and 74% smaller, say."""
    speed = "of unknown speed" if standing.speed is None else f"{standing.speed:.2f}{TIMES} as fast"
    return f"{speed} and {_size(standing.smallness)}"


def describe(candidate: Candidate, standing: Standing, terms: Terms = CLASSIFICATION) -> str:
    """Speed, size, accuracy, worst language and what is proven of the languages, as one sentence in the run's words."""
    return (
        f"{candidate.name} is {headline(standing)} against the baseline; "
        f"{_accuracy(standing, terms)}, {_worst(standing, terms)}; {_proof(candidate, terms)}."
    )


def _size(smallness: float | None) -> str:
    if smallness is None:
        return "of unknown size"
    change = 1 - 1 / smallness
    if abs(change) < 0.0005:
        return "of the same size"
    percent = f"{abs(change) * 100:.0f}%" if abs(change) >= 0.1 else f"{abs(change) * 100:.1f}%"
    return f"{percent} {'smaller' if change > 0 else 'larger'}"


def _accuracy(standing: Standing, terms: Terms) -> str:
    drop = standing.accuracy_drop
    if drop is None:
        return f"{terms.quality} unknown"
    if abs(drop) < 0.00005:
        return f"{terms.quality} is unchanged"
    return f"{terms.quality} {'falls' if drop > 0 else 'rises'} by {points(drop)}"


def _worst(standing: Standing, terms: Terms) -> str:
    drop = standing.worst_drop
    if drop is None:
        return f"the worst {terms.language} is unknown"
    if drop <= 0:
        return f"no {terms.language} drops"
    return f"the worst {terms.language}, {standing.worst_language}, falls by {points(drop)}"


def points(drop: float) -> str:
    """The size of a drop or gain of accuracy: 0.012 is ``1.2 points``."""
    value = abs(drop) * 100
    text = f"{value:.1f}" if value >= 0.1 else f"{value:.2f}"
    return f"{text} point{'' if text == '1.0' else 's'}"


def _proof(candidate: Candidate, terms: Terms) -> str:
    if candidate.status == "certified":
        return f"every {terms.language} is proven safe"
    unproven = sum(result.verdict != "safe" for result in candidate.languages.values())
    if not candidate.languages:
        return f"no {terms.language} was judged"
    return (
        f"no {terms.language} is proven harmed, but {unproven} of {len(candidate.languages)} "
        f"{'is' if unproven == 1 else 'are'} not proven safe"
    )
