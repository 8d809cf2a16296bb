"""The monitor's core: takes what logs say, and knows each language's health and the alerts."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Self

import numpy as np

from leanglot.errors import DataError
from leanglot.languages import split_pair
from leanglot.monitor.alert_book import AlertBook
from leanglot.monitor.detector import Detector, DetectorState, references
from leanglot.monitor.events import Events, LateLabel, Reading, ShadowAnswer
from leanglot.monitor.grouping import by_language, never_back
from leanglot.monitor.health import healths
from leanglot.monitor.language import OTHER, LanguageWatch, restored
from leanglot.monitor.moments import LATEST, moment
from leanglot.monitor.pending import Pending, PendingLabels, shortened, waiting
from leanglot.monitor.recent import MinuteCounts
from leanglot.monitor.rightness import NOT_JUDGED, Rightness, rightness_of, same_label
from leanglot.monitor.rules import Rules
from leanglot.monitor.state import WatchState, check_origin, origin_of
from leanglot.monitor.traffic import Traffic, TrafficState
from leanglot.monitor.wording import EVERYTHING, notes
from leanglot.results.monitor_baseline import MonitorBaseline
from leanglot.results.monitoring import Alert, Snapshot
from leanglot.techniques import Task


class Watch:
    """Watches predictions by language against what the model did when it was judged.

    Its memory does not grow with time, and grows with the number of languages up to `Rules.max_languages`; the
    languages that are named or have a baseline always have a place of their own. One thread at a time may use it.

    Args:
        baseline: What is compared with; None counts, and tests nothing.
        rules: How it is tested; None takes the usual ones.
        languages: Languages that are watched from the start, beside those of the baseline.
        state: Where to go on: what `state` gave, under the same baseline and rules; None begins.

    Raises:
        RunError: The state belongs to another baseline or other rules.
    """

    def __init__(
        self,
        baseline: MonitorBaseline | None,
        rules: Rules | None = None,
        languages: Iterable[str] = (),
        state: WatchState | None = None,
    ) -> None:
        self.baseline = baseline
        self.rules = Rules() if rules is None else rules
        self._references = {} if baseline is None else references(baseline)
        if state is not None:
            self._resume(state)
            return
        self._began: float | None = None
        self._newest = -math.inf
        self._predictions = 0
        self._minutes = MinuteCounts()
        self._pending = PendingLabels()
        self._alerts = AlertBook()
        self._counters: Counter[str] = Counter()
        self._traffic = self._mix(None)
        self._languages = {
            tag: LanguageWatch(self.rules.recent, self._detector(tag, None), self._rightness(tag))
            for tag in dict.fromkeys([*languages, *sorted(self._references)])
        }

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that are watched, ``other`` among them where some had no place."""
        return tuple(self._languages)

    def add(self, reading: Reading) -> tuple[Alert, ...]:
        """Take what one look at the logs gave: first predictions, then shadow answers, then labels.

        Args:
            reading: Anything, also nothing.

        Returns:
            The alerts that opened.

        Raises:
            DataError: A time is no date; nothing was taken.
        """
        _check_times(reading.events)
        self._count(dict(reading.counters))
        opened = self._predicted(reading.events) if len(reading.events) else []
        for answer in reading.shadows:
            self._shadowed(answer)
        opened += self._labelled(reading.labels)
        self._pending.trim()
        return tuple(opened)

    def open_alerts(self, language: str) -> tuple[Alert, ...]:
        """Open alerts of a language, or of ``*``, the newest first."""
        return self._alerts.open(language)

    def newest_outcomes(self, language: str, window: int | None = None) -> tuple[int, int]:
        """Right ones among the newest labelled predictions, and how many these are.

        Args:
            language: One of `languages`.
            window: How many at most; None takes all that are kept.
        """
        return self._languages[language].outcomes.newest(window)

    def detectable_drop(self, language: str) -> float | None:
        """Smallest drop of accuracy that would have been found by now; None where not even a total loss."""
        detector = self._languages[language].detector
        return None if detector is None else detector.detectable_drop()

    def snapshot(self, now: datetime | None = None) -> Snapshot:
        """Everything that is known.

        Args:
            now: The end of the last hour; None, or a time before the newest prediction, takes that of the newest.
        """
        time = max(0.0, self._newest, 0.0 if now is None else now.timestamp())
        open_alerts = {name: self._alerts.open(name) for name in self._languages}
        return Snapshot(
            name="" if self.baseline is None else self.baseline.name,
            task=self._task(),
            began=None if self._began is None else moment(self._began),
            newest=None if self._began is None else moment(self._newest),
            predictions=self._predictions,
            per_minute=self._minutes.at(time),
            languages=healths(self._languages, self.baseline, open_alerts, time),
            alerts=self._alerts.all(),
            alpha=self.rules.alpha,
            counters={name: number for name, number in sorted(self._counters.items()) if number},
            notes=notes(self.baseline, self._counters),
        )

    def state(self) -> WatchState:
        """Everything that must be stored to go on later as if nothing had happened."""
        return WatchState(
            origin=origin_of(self.baseline, self.rules),
            began=self._began,
            newest=None if self._began is None else self._newest,
            predictions=self._predictions,
            minutes=self._minutes.state(),
            languages={name: own.state() for name, own in self._languages.items()},
            pending=self._pending.state(),
            early=self._pending.early_labels(),
            traffic=None if self._traffic is None else self._traffic.state(),
            alerts=self._alerts.state(),
            counters=dict(self._counters),
        )

    @classmethod
    def restored(cls, state: WatchState, baseline: MonitorBaseline | None, rules: Rules | None = None) -> Self:
        """The watch that goes on from a stored state.

        Args:
            state: What `state` gave.
            baseline: The one that the watch was begun with.
            rules: The ones that it was begun with.

        Raises:
            RunError: They are others.
        """
        return cls(baseline, rules, state=state)

    def _resume(self, state: WatchState) -> None:
        check_origin(state, self.baseline, self.rules)
        self._began = state.began
        self._newest = -math.inf if state.newest is None else state.newest
        self._predictions = state.predictions
        self._minutes = MinuteCounts(state.minutes)
        self._languages = {
            name: restored(own, self.rules.recent, self._detector(name, own.detector), self._rightness(name))
            for name, own in state.languages.items()
        }
        self._pending = PendingLabels.restored(state.pending, state.early)
        self._traffic = self._mix(state.traffic)
        self._alerts = AlertBook(state.alerts)
        self._counters = Counter(state.counters)

    def _predicted(self, events: Events) -> list[Alert]:
        events, late = never_back(events, self._newest)
        self._began = float(events.time[0]) if self._began is None else self._began
        self._newest = float(events.time[-1])
        self._predictions += len(events)
        self._minutes.add(events.time)
        self._count({"late": late})
        names = {language: self._name(language) for language in dict.fromkeys(events.language)}
        opened: list[Alert] = []
        for name, own in by_language(events, names):
            opened += self._alerts.update(name, self._languages[name].add(own))
            if known := self._pending.add(name, waiting(own)):
                self._count({"early_labels": len(known)})
                opened += self._became_known(name, known)
        if self._traffic is not None:
            opened += self._alerts.update(EVERYTHING, self._traffic.add(events, names))
        return opened

    def _shadowed(self, answer: ShadowAnswer) -> None:
        own = self._languages[self._name(answer.language)]
        tally = own.shadow
        tally.answered(answer.served, answer.shadow)
        if answer.label is not None and own.right is same_label:
            tally.became_known(answer.label, answer.served, answer.shadow)
        elif answer.id is not None:
            self._pending.shadowed(answer.id, answer.shadow)

    def _labelled(self, labels: Iterable[LateLabel]) -> list[Alert]:
        found: dict[str, list[tuple[Pending, str]]] = {}
        unknown = 0
        for late in labels:
            taken = self._pending.take(late.id)
            if taken is None:
                unknown += 1
                self._pending.early(late.id, late.label)
                continue
            language, row = taken
            found.setdefault(language, []).append((row, shortened(late.label)))
        self._count({"unknown_ids": unknown})
        return [alert for language, rows in found.items() for alert in self._became_known(language, rows)]

    def _became_known(self, language: str, rows: Sequence[tuple[Pending, str]]) -> list[Alert]:
        """Take the labels of predictions of one language that were taken before."""
        own = self._languages[language]
        judged = [(row, label, own.right(row.prediction, label)) for row, label in rows]
        known = [(row, label, right) for row, label, right in judged if right is not None]
        self._count({NOT_JUDGED: len(rows) - len(known)})
        for row, label, _ in known:
            if row.shadow is not None and own.right is same_label:  # of translations only the served one is judged
                own.shadow.became_known(label, row.prediction, row.shadow)
        if not known:
            return []
        findings = own.labelled(
            np.array([row.time for row, _, _ in known]),
            np.array([right for _, _, right in known], dtype=np.bool_),
            np.array([row.confidence for row, _, _ in known]),
        )
        return self._alerts.update(language, findings)

    def _name(self, language: str) -> str:
        """Under which name a language is watched; begins to watch it where there is a place left."""
        if language in self._languages:
            return language
        name = language if len(self._languages) < self.rules.max_languages else OTHER
        if name not in self._languages:
            self._languages[name] = LanguageWatch(self.rules.recent, self._detector(name, None), self._rightness(name))
        return name

    def _detector(self, language: str, state: DetectorState | None) -> Detector | None:
        reference = self._references.get(language)
        if reference is None:
            return None
        budget = self.rules.budget(len(self._references), translates=reference.translates)
        return Detector(reference, budget, self.rules, state)

    def _task(self) -> Task:
        """What the model does; without a baseline, as its first language tells."""
        if self.baseline is not None:
            return self.baseline.task
        first = next(iter(self._languages), "")
        return "text-classification" if split_pair(first) is None else "translation"

    def _rightness(self, language: str) -> Rightness:
        reference = self._references.get(language)
        return rightness_of(language, None if reference is None else reference.baseline.reach)

    def _mix(self, state: TrafficState | None) -> Traffic | None:
        return Traffic(sorted(self._references), self.rules, state) if self._references else None

    def _count(self, counters: Mapping[str, int]) -> None:
        self._counters.update({name: number for name, number in counters.items() if number})


def _check_times(events: Events) -> None:
    """Check that all times are dates.

    Raises:
        DataError: One is not.
    """
    wrong = events.time[~((events.time >= 0) & (events.time <= LATEST))]
    if wrong.size:
        raise DataError(
            f"A prediction's time is {wrong[0]!r}.", "Allowed are seconds since 1970 UTC, up to the year 9999."
        )
