"""Reads what is left of a damaged report: every part that is whole, with the names of those that are not."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from leanglot.errors import RunError
from leanglot.results.folder import read_report_values
from leanglot.results.records import Candidate, RunReport

_NEEDED: Final = ("schema_version", "created_at", "environment", "data", "model", "margin", "alpha", "baseline")
_AGAIN: Final = "Run again: leanglot optimize --help"

# Parts of which each entry stands for itself, and the candidates that an entry names.
_ENTRIES: Final[Mapping[str, Callable[[str, Any], Collection[str | None]]]] = {
    "recommendations": lambda _, answer: {answer.candidate},
    "repairs": lambda name, _: {name},
    "chains": lambda name, way: {name, *way},
}
# Parts that stand or fall as a whole, and the candidates that they name.
_WHOLE: Final[Mapping[str, Callable[[Any], Collection[str | None]]]] = {
    "pricing": lambda pricing: {pricing.cheapest, *(each.instead for each in pricing.break_evens)},
    "routing": lambda routing: set(routing.values()),
    "routing_facts": lambda facts: {facts.fallback, *facts.variants, facts.single},
}


@dataclass(frozen=True)
class Loss:
    """Something that was left out.

    Attributes:
        what: Such as ``the candidate int8``.
        why: What is wrong with it.
    """

    what: str
    why: str

    def __str__(self) -> str:
        return f"Left out of a damaged report: {self.what} ({self.why})."


@dataclass(frozen=True)
class Salvaged:
    """What is left of a report.

    Attributes:
        report: Its whole parts; the losses stand among the notes on its data, so that no rendering hides them.
        losses: What was left out; nothing of a report that is whole.
    """

    report: RunReport
    losses: tuple[Loss, ...]


@dataclass
class _Sieve:
    """Keeps what is whole and writes down what is not.

    Attributes:
        names: Names of the candidates that are whole.
        losses: What was left out.
    """

    names: set[str] = field(default_factory=set)
    losses: list[Loss] = field(default_factory=list)

    def lose(self, what: str, why: str) -> None:
        self.losses.append(Loss(what, why))

    def keep(self, part: str, value: object, what: str, named: Callable[[Any], Collection[str | None]]) -> bool:
        """Whether a part is whole and names no candidate that was left out."""
        try:
            checked = _checked(RunReport.model_fields[part].annotation, value)
        except ValidationError as error:
            self.lose(what, _why(error))
            return False
        if lost := {name for name in named(checked) if name is not None} - self.names:
            self.lose(what, f"it names {min(lost)!r:.80}, which is damaged or missing")
            return False
        return True


def salvage_report(path: Path) -> Salvaged:
    """Reads the parts of a report that are whole. The file itself is left as it is.

    A candidate that is damaged is left out, and so is whatever names it: recommendations, repairs, chains of steps,
    prices and routing.

    Args:
        path: The run folder, or its ``report.json``.

    Raises:
        RunError: It is missing, no JSON, made by a newer leanglot, or damaged in a part that everything else needs:
            the machine, the data, or the baseline.
    """
    file, values = read_report_values(path)
    try:
        return _sieved(file, values)
    except RecursionError as error:
        raise RunError(f"The report {file} is damaged: it is nested too deep to be read.", _AGAIN) from error


def _sieved(file: Path, values: Mapping[str, Any]) -> Salvaged:
    sieve = _Sieve()
    candidates = _candidates(values.get("candidates"), sieve)
    kept: dict[str, Any] = {name: values[name] for name in _NEEDED if name in values}
    _check_needed(file, kept, candidates)
    sieve.names = {candidate["name"] for candidate in candidates}
    kept |= {"candidates": candidates, "recommendations": {}}
    if "recommendations" not in values:
        sieve.lose("all recommendations", "they are missing")
    for part, value in values.items():
        if part in kept and part != "recommendations":
            continue
        if part not in RunReport.model_fields:
            sieve.lose(f"the part {part!r:.60}", "no version up to this one has it")
        elif part in _ENTRIES:
            kept[part] = _entries(part, value, sieve)
        elif value is not None and sieve.keep(part, value, f"the part {part}", _WHOLE.get(part, lambda _: ())):
            kept[part] = value
    if ("routing" in kept) != ("routing_facts" in kept) and values.get("routing_facts") is not None:
        sieve.lose("the rest of the routing", "half of it tells nothing")
        kept.pop("routing", None)
        kept.pop("routing_facts", None)
    report = _checked(RunReport, kept)
    data = report.data.model_copy(update={"notes": (*report.data.notes, *map(str, sieve.losses))})
    return Salvaged(report.model_copy(update={"data": data}), tuple(sieve.losses))


def _candidates(found: object, sieve: _Sieve) -> list[Any]:
    """The candidates that are whole, as they are in the file."""
    whole: dict[str, Any] = {}
    for number, value in enumerate(found if isinstance(found, list) else [], 1):
        try:
            name = _checked(Candidate, value).name
        except ValidationError as error:
            sieve.lose(candidate_words(value, number), _why(error))
            continue
        if name in whole:
            sieve.lose(f"a second candidate {name:.80}", "names are unique")
        else:
            whole[name] = value
    return list(whole.values())


def candidate_words(value: object, number: int) -> str:
    """A candidate that may be damaged, by its name, or by its place where it has none."""
    name = value.get("name") if isinstance(value, dict) else None
    return f"the candidate {name:.80}" if isinstance(name, str) and name else f"candidate {number}"


def _check_needed(file: Path, kept: Mapping[str, object], candidates: list[Any]) -> None:
    """Refuses a report without the parts that all others hang on."""
    try:
        shell = _checked(RunReport, {**kept, "candidates": [], "recommendations": {}})
    except ValidationError as error:
        raise RunError(f"Nothing of {file} can be used without what is damaged: {_why(error)}.", _AGAIN) from error
    baselines = [each["name"] for each in candidates if each["status"] == "baseline"]
    if baselines != [shell.baseline]:
        raise RunError(
            f"Nothing of {file} can be used: its baseline, {shell.baseline!r:.80}, is damaged or missing, and all "
            "others were judged against it.",
            _AGAIN,
        )


def _entries(part: str, found: object, sieve: _Sieve) -> dict[str, Any]:
    if not isinstance(found, dict):
        sieve.lose(f"all {part}", "no names with values")
        return {}

    def named(entry: dict[str, Any]) -> Collection[str | None]:
        return {other for name, value in entry.items() for other in _ENTRIES[part](name, value)}

    return {
        name: value
        for name, value in found.items()
        if sieve.keep(part, {name: value}, f"{name:.80} among the {part}", named)
    }


def _checked(kind: Any, value: object) -> Any:  # noqa: ANN401 - any type, and an instance of it
    return TypeAdapter(kind).validate_json(json.dumps(value))


def _why(error: ValidationError) -> str:
    """The first fault, and how many there are besides."""
    faults = error.errors()
    place = ".".join(str(part) for part in faults[0]["loc"])
    first = f"{place}: {faults[0]['msg']}" if place else faults[0]["msg"]
    return first if len(faults) == 1 else f"{first}; and {len(faults) - 1} more"
