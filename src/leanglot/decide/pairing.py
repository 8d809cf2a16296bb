"""Are two sets of answers to the same examples? Without that, no paired test means anything."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from leanglot.results.predictions import Predictions

_LISTED: Final = 5


def differences(one: Predictions, other: Predictions) -> tuple[str, ...]:
    """What tells the examples of two sets of answers apart, as far as answers tell it: texts are not stored with them.

    Args:
        one: Answers.
        other: Answers to the same examples in the same order, or not.

    Returns:
        Each difference in a few words, the first set's value first; none when all rows agree.
    """
    counts = tuple(Counter(each.language) for each in (one, other))
    if counts[0] != counts[1]:
        return (_by_language(*counts),)
    rows = tuple(_rows(each) for each in (one, other))
    if (one.group is None) == (other.group is None) and rows[0] != rows[1] and sorted(rows[0]) == sorted(rows[1]):
        return (f"the same {len(one):,} examples stand in another order",)
    found = []
    columns = {"number": (_index(one), _index(other)), "language": (one.language, other.language)}
    columns["label"] = (one.label, other.label)
    if one.group is not None and other.group is not None:
        columns["group"] = (one.group, other.group)
    elif one.group is not other.group:
        found.append(f"the first has {_groups(one)}, the second {_groups(other)}")
    return (*(told for name, pair in columns.items() if (told := _column(name, *pair))), *found)


def _by_language(one: Counter[str], other: Counter[str]) -> str:
    unequal = [tag for tag in sorted({*one, *other}) if one[tag] != other[tag]]
    told = ", ".join(f"{tag} {one[tag]:,} and {other[tag]:,}" for tag in unequal[:_LISTED])
    rest = f" and {len(unequal) - _LISTED} languages more" if len(unequal) > _LISTED else ""
    return f"numbers of examples: {told}{rest}; {one.total():,} and {other.total():,} in all"


def _rows(answers: Predictions) -> list[tuple[str, ...]]:
    groups = answers.group or ("",) * len(answers)
    return list(zip(_index(answers), answers.language, answers.label, groups, strict=True))


def _index(answers: Predictions) -> tuple[str, ...]:
    return tuple(map(str, answers.index.tolist()))


def _groups(answers: Predictions) -> str:
    return "no groups" if answers.group is None else f"{len(set(answers.group)):,} groups"


def _column(name: str, one: Sequence[str], other: Sequence[str]) -> str | None:
    unequal = [position for position, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]]
    if not unequal:
        return None
    first = unequal[0]
    return (
        f"the {name} of {len(unequal):,} of {len(one):,} examples, first in row {first + 1:,}: "
        f"{one[first]!r:.60} and {other[first]!r:.60}"
    )
