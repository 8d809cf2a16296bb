"""A candidate's merits and risks against the baseline, in one sentence with the numbers."""

from typing import Final

from leanglot.decide.standing import Standing
from leanglot.results.records import Candidate

TIMES: Final = "\N{MULTIPLICATION SIGN}"


def headline(standing: Standing) -> str:
    """Speed and size in a few words: 2.41 times as fast and 74% smaller, say."""
    speed = "of unknown speed" if standing.speed is None else f"{standing.speed:.2f}{TIMES} as fast"
    return f"{speed} and {_size(standing.smallness)}"


def describe(candidate: Candidate, standing: Standing) -> str:
    """Speed, size, accuracy, worst language and what is proven of the languages, as one sentence."""
    return (
        f"{candidate.name} is {headline(standing)} against the baseline; "
        f"{_accuracy(standing)}, {_worst(standing)}; {_proof(candidate)}."
    )


def _size(smallness: float | None) -> str:
    if smallness is None:
        return "of unknown size"
    change = 1 - 1 / smallness
    if abs(change) < 0.0005:
        return "of the same size"
    percent = f"{abs(change) * 100:.0f}%" if abs(change) >= 0.1 else f"{abs(change) * 100:.1f}%"
    return f"{percent} {'smaller' if change > 0 else 'larger'}"


def _accuracy(standing: Standing) -> str:
    drop = standing.accuracy_drop
    if drop is None:
        return "accuracy unknown"
    if abs(drop) < 0.00005:
        return "accuracy is unchanged"
    return f"accuracy {'falls' if drop > 0 else 'rises'} by {points(drop)}"


def _worst(standing: Standing) -> str:
    drop = standing.worst_drop
    if drop is None:
        return "the worst language is unknown"
    if drop <= 0:
        return "no language drops"
    return f"the worst language, {standing.worst_language}, falls by {points(drop)}"


def points(drop: float) -> str:
    """The size of a drop or gain of accuracy: 0.012 is ``1.2 points``."""
    value = abs(drop) * 100
    text = f"{value:.1f}" if value >= 0.1 else f"{value:.2f}"
    return f"{text} point{'' if text == '1.0' else 's'}"


def _proof(candidate: Candidate) -> str:
    if candidate.status == "certified":
        return "every language is proven safe"
    unproven = sum(result.verdict != "safe" for result in candidate.languages.values())
    if not candidate.languages:
        return "no language was judged"
    return (
        f"no language is proven harmed, but {unproven} of {len(candidate.languages)} "
        f"{'is' if unproven == 1 else 'are'} not proven safe"
    )
