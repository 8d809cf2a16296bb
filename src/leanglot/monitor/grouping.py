"""Parts predictions by language, in order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from leanglot.monitor.events import Events, Floats, Ints

_Column = TypeVar("_Column")


def by_language(events: Events, names: Mapping[str, str]) -> Iterator[tuple[str, Events]]:
    """The predictions of each language, in the order in which the languages first appear.

    Args:
        events: At least one.
        names: Under which name each language is watched; several may share one.
    """
    places: dict[str, int] = {}
    codes = {language: places.setdefault(name, len(places)) for language, name in names.items()}
    numbers = np.fromiter(map(codes.__getitem__, events.language), dtype=np.int64, count=len(events))
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers, minlength=len(places)))
    for name, start, end in zip(places, [0, *ends.tolist()], ends.tolist(), strict=False):
        if start < end:
            yield name, rows_of(events, order[start:end])


def rows_of(events: Events, rows: Ints) -> Events:
    """Some of the predictions.

    Args:
        events: All of them.
        rows: Their positions, shape ``(n,)``.
    """
    places = rows.tolist()
    return Events(
        time=events.time[rows],
        language=_chosen(events.language, places),
        prediction=_chosen(events.prediction, places),
        confidence=events.confidence[rows],
        latency_ms=events.latency_ms[rows],
        label=_chosen(events.label, places),
        id=_chosen(events.id, places),
        variant=_chosen(events.variant, places),
        tokens=events.tokens[rows],
        unknown=events.unknown[rows],
        characters=events.characters[rows],
        script=_chosen(events.script, places),
        output_characters=events.output_characters[rows],
    )


def never_back(events: Events, newest: float) -> tuple[Events, int]:
    """The same predictions with times that never fall.

    Args:
        events: At least one.
        newest: Time of the newest prediction before them; minus infinity where there is none.

    Returns:
        The predictions, and how many of them are counted into a later minute than their own.
    """
    times: Floats = np.maximum(np.maximum.accumulate(events.time), newest)
    late = int(np.sum(times // 60 > events.time // 60))
    return replace(events, time=times), late


def _chosen(column: Sequence[_Column], places: list[int]) -> tuple[_Column, ...]:
    return tuple(map(column.__getitem__, places))
