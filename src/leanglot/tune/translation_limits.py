"""Finds how far a translation model can be cut before a pair loses too much: bisection over judged probes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from leanglot.decide.failure_changes import failure_changes, with_failures
from leanglot.decide.translation_verdict import judge_translations
from leanglot.errors import ConfigError, DataError
from leanglot.measure.translation_quality import pair_quality
from leanglot.results.translation_limits import Limit, LimitKind, LimitProbe
from leanglot.results.translations import Translations
from leanglot.techniques import MetricName

Probing = Callable[[float], LimitProbe]
"""Cuts the model to a level and judges it."""

_UNITS: dict[LimitKind, str] = {
    "magnitude": "{level:.0%} of the weights of the linear layers at zero",
    "decoder-layers": "a decoder of {level:.0f} layers",
}


@dataclass(frozen=True, slots=True)
class LimitRule:
    """What every pair has to keep.

    Attributes:
        metric: What quality is measured in.
        max_drop: No pair may lose so much, as a fraction.
        alpha: Error level of the verdicts.
        seed: Seed of their resampling.

    Raises:
        ConfigError: The drop is no fraction between 0 and 1.
    """

    metric: MetricName = "bleu"
    max_drop: float = 0.01
    alpha: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.max_drop < 1:
            raise ConfigError(
                f"The drop that no pair may have is {self.max_drop:g}.",
                "It is a fraction above 0 and below 1: --max-drop 0.01 is one point.",
            )

    def scores(self, translations: Translations) -> dict[str, float]:
        """The metric by pair.

        Raises:
            DataError: A pair has no score.
        """
        found = {}
        for pair, quality in pair_quality(translations, copying=False).items():
            value = quality.chrf if self.metric == "chrf" else quality.bleu
            if value is None:
                raise DataError(f"{pair} has no {self.metric} score.", "Give sentences with references.")
            found[pair] = value
        return found

    def judge(
        self, baseline: Translations, candidate: Translations, level: float, actual: float, seconds: float
    ) -> LimitProbe:
        """The record of a level.

        Args:
            baseline: What the whole model made of the sentences.
            candidate: What the model at this level made of them.
            level: What was asked for.
            actual: What became of it.
            seconds: What that took.
        """
        before, after = self.scores(baseline), self.scores(candidate)
        worst = max(before, key=lambda pair: (before[pair] - after[pair], pair))
        drop = before[worst] - after[worst]
        verdicts = judge_translations(baseline, candidate, self.metric, self.max_drop, self.alpha, self.seed)
        changes = failure_changes(baseline, candidate, self.alpha, self.seed)
        return LimitProbe(
            level=level,
            actual=actual,
            scores=after,
            worst=worst,
            drop=drop,
            within=drop < self.max_drop,
            verdicts=with_failures(verdicts, changes),
            seconds=seconds,
        )


def search_limit(
    kind: LimitKind, levels: Sequence[float], probing: Probing, rule: LimitRule, *, trained: bool
) -> Limit:
    """Find the furthest level at which no pair loses too much, and the furthest that is proven safe.

    The level half-way is tried first, then half-way between the furthest level within and the next that is not, until
    nothing lies between; then the same for the verdicts, below what was found. This finds the furthest of all levels
    where a further cut hurts more; whatever the course, what is found was tried, and so was the next level beyond it.

    Args:
        kind: What is cut.
        levels: The levels that may be tried, the mildest first.
        probing: Tries one; called once per level at most.
        rule: What has to be kept.
        trained: Whether each probe is trained again.
    """
    course = _Course(tuple(levels), probing)
    within = safe = tried = -1
    while len(course.probes) != tried:  # a probe of one question may answer the other anew
        tried = len(course.probes)
        within = course.furthest(lambda probe: probe.within, len(levels))
        safe = course.furthest(lambda probe: probe.safe, len(levels))
    return Limit(
        kind=kind,
        trained=trained,
        level=None if within < 0 else levels[within],
        safe_level=None if safe < 0 else levels[safe],
        reason=_reason(kind, course, within, safe, rule),
        probes=tuple(course.probes[place] for place in sorted(course.probes)),
    )


@dataclass(slots=True)
class _Course:
    """The probes so far, by the position of their level."""

    levels: tuple[float, ...]
    probing: Probing
    probes: dict[int, LimitProbe] = field(default_factory=dict)

    def furthest(self, good: Callable[[LimitProbe], bool], count: int) -> int:
        """Position of the furthest good level, whose next was tried too; -1 where there is none."""
        while True:
            low = max((place for place, probe in self.probes.items() if good(probe)), default=-1)
            bad = (place for place, probe in self.probes.items() if place > low and not good(probe))
            high = min(bad, default=count)
            if high - low <= 1:
                return low
            middle = (low + high) // 2
            self.probes[middle] = self.probing(self.levels[middle])


def _reason(kind: LimitKind, course: _Course, within: int, safe: int, rule: LimitRule) -> str:
    """What was found, and what limits it."""
    if not course.levels:
        return "Nothing was tried, since there is nothing to cut."
    limit = f"{100 * rule.max_drop:g} {'BLEU' if rule.metric == 'bleu' else 'chrF'}"

    def told(place: int) -> str:
        return _UNITS[kind].format(level=course.levels[place])

    next_one = course.probes.get(within + 1)
    beyond = "" if next_one is None else f"; with {told(within + 1)}, {next_one.worst} loses {100 * next_one.drop:.2f}"
    if within < 0:
        first = f"Even with {told(0)} a pair loses {limit} or more{beyond}."
    else:
        probe = course.probes[within]
        first = f"With {told(within)} no pair loses {limit}: {probe.worst} loses most, {100 * probe.drop:.2f}{beyond}."
    if safe < 0:
        return f"{first} No level that was tried is proven safe in every pair."
    return f"{first} Proven safe in every pair: {told(safe)}."
