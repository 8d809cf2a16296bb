"""Baselines of a monitor as callers give them: a number, counts, metrics, or what an artifact carries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from leanglot.errors import ConfigError, DataError
from leanglot.familiar.tags import is_number
from leanglot.languages import canonical_tag
from leanglot.results.monitor_baseline import (
    CONFIDENCE_ENDS,
    FRAGMENTATION_ENDS,
    TOKEN_ENDS,
    LanguageBaseline,
    MonitorBaseline,
)

ASSUMED_N: Final = 1_000
_ALLOWED: Final = (
    "Give by language a number, such as 0.92; a mapping with accuracy and n, such as {'accuracy': 0.92, 'n': 2000}; "
    "what PerLanguageEvaluator.evaluate returns; or a MonitorBaseline."
)
_N_NAMES: Final = ("n", "sample_count")
_NOTHING: Final = (0,) * (len(CONFIDENCE_ENDS) + 1)


@dataclass(frozen=True, slots=True)
class GivenBaseline:
    """A baseline, and what had to be assumed for it.

    Attributes:
        baseline: What is compared with.
        notes: What was assumed or left out, one sentence each.
    """

    baseline: MonitorBaseline
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Accuracy:
    value: float
    n: int | None
    unused: tuple[str, ...] = ()


def tags_of(languages: Iterable[str]) -> tuple[str, ...]:
    """Canonical tags in the order given.

    Raises:
        ConfigError: There are none, one is no language tag, or one is given twice.
    """
    if isinstance(languages, str):
        raise ConfigError(f"languages is the string {languages!r}.", "Give a list of tags, such as ['en', 'th'].")
    if not isinstance(languages, Iterable):
        raise ConfigError(f"languages is {languages!r:.60}.", "Give a list of tags, such as ['en', 'th'].")
    try:
        tags = [canonical_tag(tag) for tag in languages]
    except DataError as error:
        raise ConfigError(f"languages cannot be used: {error.message}", error.hint) from error
    if not tags:
        raise ConfigError("languages is empty.", "Give at least one tag, such as en.")
    if twice := sorted({tag for tag in tags if tags.count(tag) > 1}):
        raise ConfigError(f"languages names {', '.join(twice)} twice.", "Give each language once.")
    return tuple(tags)


def given_baseline(languages: tuple[str, ...], metrics: object, assumed_n: int) -> GivenBaseline:
    """The baseline of the languages that are watched.

    Args:
        languages: Canonical tags.
        metrics: A `MonitorBaseline`; or by language a number, a mapping, or an object with ``accuracy`` and ``n``.
        assumed_n: Examples that are assumed behind an accuracy without a number of examples.

    Raises:
        ConfigError: Something cannot be used; names every fault.
    """
    if isinstance(metrics, MonitorBaseline):
        kept = {tag: own for tag, own in metrics.languages.items() if tag in languages}
        return GivenBaseline(metrics.model_copy(update={"languages": kept}), _notes(languages, metrics.languages))
    if not isinstance(metrics, Mapping):
        raise ConfigError(f"baseline_metrics is a {type(metrics).__name__}.", _ALLOWED)
    found = _accuracies(metrics)
    assumed = [tag for tag, own in found.items() if own.n is None and tag in languages]
    baselines = {tag: _language(own, assumed_n) for tag, own in found.items() if tag in languages}
    notes = list(_notes(languages, found))
    if assumed:
        notes.append(
            f"The baseline accuracy of {', '.join(sorted(assumed))} came without a number of examples; "
            f"{assumed_n:,} are assumed. Give n to have the test know how sure the baseline is."
        )
    if unused := sorted({name for own in found.values() for name in own.unused}):
        notes.append(f"Of baseline_metrics, {', '.join(unused)} is not used.")
    baseline = MonitorBaseline(name="baseline_metrics", labels=(), data="baseline_metrics", languages=baselines)
    return GivenBaseline(baseline, tuple(notes))


def _notes(languages: tuple[str, ...], given: Iterable[str]) -> tuple[str, ...]:
    given = set(given)
    missing, further = [tag for tag in languages if tag not in given], sorted(given - set(languages))
    notes = []
    if missing:
        notes.append(f"There is no baseline for {', '.join(missing)}: counted, but not tested.")
    if further:
        notes.append(f"baseline_metrics has {', '.join(further)}, which languages does not name; not used.")
    return tuple(notes)


def _accuracies(metrics: Mapping[object, object]) -> dict[str, _Accuracy]:
    found: dict[str, _Accuracy] = {}
    faults = []
    for key, value in metrics.items():
        try:
            tag = canonical_tag(key)  # type: ignore[arg-type] # refuses what is no string
        except DataError as error:
            faults.append(error.message.removesuffix("."))
            continue
        if tag in found:
            faults.append(f"{tag} is given twice")
        accuracy = _accuracy(value)
        if isinstance(accuracy, str):
            faults.append(f"{key}: {accuracy}")
        else:
            found[tag] = accuracy
    if faults:
        raise ConfigError(f"baseline_metrics cannot be used: {'; '.join(faults)}.", _ALLOWED)
    return found


def _accuracy(value: object) -> _Accuracy | str:
    """What one language was given, or what is wrong with it."""
    unused: tuple[str, ...] = ()
    n: object = None
    if isinstance(value, Mapping):
        accuracy: object = value.get("accuracy")
        n = next((value[name] for name in _N_NAMES if value.get(name) is not None), None)
        unused = tuple(str(name) for name in value if name not in {"accuracy", *_N_NAMES})
    elif hasattr(value, "accuracy"):
        accuracy, n = value.accuracy, getattr(value, "n", None)
    else:
        accuracy = value
    if not is_number(accuracy) or not 0 <= float(accuracy) <= 1:  # type: ignore[arg-type] # is_number has looked
        return f"the accuracy is {accuracy!r:.60}, not a number from 0 to 1"
    if n is None:
        return _Accuracy(float(accuracy), None, unused)  # type: ignore[arg-type]
    if not is_number(n) or float(n) != int(n) or int(n) < 1:  # type: ignore[arg-type, call-overload]
        return f"n is {n!r:.60}, not a whole number from 1 on"
    return _Accuracy(float(accuracy), int(n), unused)  # type: ignore[arg-type, call-overload]


def _language(accuracy: _Accuracy, assumed_n: int) -> LanguageBaseline:
    """Counts whose share of right answers is the accuracy, rounded to whole examples; all else is not known."""
    n = assumed_n if accuracy.n is None else accuracy.n
    return LanguageBaseline(
        n=n,
        correct=round(accuracy.value * n),
        confidence=_NOTHING,
        confidence_correct=_NOTHING,
        labels={},
        tokens=(0,) * (len(TOKEN_ENDS) + 1),
        fragmentation=(0,) * (len(FRAGMENTATION_ENDS) + 1),
        unknown=0,
        scripts={},
    )
