"""Tests whether the mix of languages changed, against the first predictions of all languages."""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from leanglot.monitor.course import Course, CourseState
from leanglot.monitor.events import Events
from leanglot.monitor.findings import Finding
from leanglot.monitor.rules import Rules
from leanglot.monitor.share_tests import LearnedState, ShareTests, Watched
from leanglot.monitor.signals import Cell
from leanglot.monitor.stream import Stream
from leanglot.monitor.wording import language_name


class TrafficState(BaseModel):
    """Stored form of `Traffic`.

    Attributes:
        course: The predictions of all languages.
        learned: The mix that is compared with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    course: CourseState
    learned: LearnedState


class Traffic:
    """The mix of languages: each of the baseline's, and all others together.

    Args:
        languages: Those of the baseline, at least one.
        rules: Levels, tolerance and sizes.
        state: Where to go on; None begins.

    Raises:
        RunError: The state belongs to another baseline or other rules.
    """

    def __init__(self, languages: Sequence[str], rules: Rules, state: TrafficState | None = None) -> None:
        self._places = {language: place for place, language in enumerate(languages)}
        size = len(languages) + 1
        names = [*map(language_name, languages), "languages that the baseline lacks"]
        cells = [
            Cell("traffic", f"predictions in {name}", place, place + 1, 0, size, size)
            for place, name in enumerate(names)
        ]
        watched = Watched(rules.traffic_level, rules.tolerances.of("traffic"), learned=True)
        nothing = np.zeros(size, dtype=np.int64)
        self._tests = ShareTests(cells, nothing, {"traffic": watched}, rules, state.learned if state else None)
        stream = Stream(rules.block, size, state.course.stream if state else None)
        self._course = Course(stream, [self._tests], state.course if state else None)

    def add(self, events: Events, names: Mapping[str, str]) -> tuple[Finding, ...]:
        """Take predictions of all languages.

        Args:
            events: At least one; their times never fall.
            names: Under which name each of their languages is watched.

        Returns:
            What opened or ended.
        """
        elsewhere = len(self._places)
        codes = {language: self._places.get(name, elsewhere) for language, name in names.items()}
        places = np.fromiter(map(codes.__getitem__, events.language), dtype=np.int64, count=len(events))
        return self._course.add(events.time, [places])

    def state(self) -> TrafficState:
        """What was counted and found."""
        return TrafficState(course=self._course.state(), learned=self._tests.state())
