"""Names as charts can show them: short enough, printable, and in English for languages."""

from functools import cache
from typing import Final

from leanglot.errors import DataError
from leanglot.languages import PAIR_ARROW, display_name
from leanglot.results.records import Candidate, RunReport

_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"


def language_name(tag: str) -> str:
    """The language's English name; the tag itself where a stored report has one that names nothing."""
    try:
        return display_name(tag)
    except DataError:
        return tag


def drawable_name(tag: str, length: int) -> str:
    """The language's name as far as charts can show it; a pair whose names are too long is told by its tag.

    With its middle cut out, a pair would lose one of its languages.
    """
    name = language_name(tag)
    return drawable(tag if PAIR_ARROW in name and len(name) > length else name, length)


def language_tags(report: RunReport) -> tuple[str, ...]:
    """All languages of the data and of any candidate, in the order in which they first appear."""
    tags = [*report.data.examples, *(tag for candidate in report.candidates for tag in candidate.languages)]
    return tuple(dict.fromkeys(tags))


def challengers(report: RunReport) -> tuple[Candidate, ...]:
    """All candidates but the baseline."""
    return tuple(candidate for candidate in report.candidates if candidate.name != report.baseline)


def role_words(report: RunReport, candidate: Candidate) -> str:
    """What the report makes of a candidate: ``recommended``, for what where that is not cost, or its status."""
    goals = [goal for goal, answer in report.recommendations.items() if answer.candidate == candidate.name]
    if not goals:
        return f"{candidate.status}, not recommended"
    return "recommended" if report.pricing is None or "cost" in goals else f"recommended for {goals[0]}, not for cost"


def shorten(text: str, length: int) -> str:
    """Cuts the middle out of a long text, since names tend to differ at both ends."""
    plain = " ".join(text.split())
    if len(plain) <= length:
        return plain
    tail = (length - 1) // 3
    return f"{plain[: length - 1 - tail]}{_ELLIPSIS}{plain[len(plain) - tail :]}"


def drawable(text: str, length: int) -> str:
    """The text shortened, with a question mark for each character that the charts' font lacks."""
    known = _charted_characters()
    return "".join(character if ord(character) in known else "?" for character in shorten(text, length))


@cache
def _charted_characters() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())
