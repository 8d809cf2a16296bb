"""A gate's decision as JUnit XML, which CI servers show as tests: one for each language, floor and size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from xml.etree import ElementTree as ET

from leanglot.report.format import language, plain
from leanglot.report.gate import headline, method
from leanglot.results.gate import Floor, GateLanguage, GateReport, SizeLimit
from leanglot.results.terms import Terms, terms_of

_PACKAGE: Final = "leanglot.gate"
_NO_TIME: Final = "0.000"
_METRIC_NAMES: Final = {
    "baseline_accuracy": "baseline_score",
    "candidate_accuracy": "candidate_score",
    "accuracy": "score",
    "right_to_wrong": "newly_failing",
    "wrong_to_right": "no_longer_failing",
}


@dataclass(frozen=True)
class _Case:
    """One test.

    Attributes:
        name: What is tested.
        ending: How it ended.
        kind: The ending in one word, for those that sort by it.
        reason: Why.
    """

    name: str
    ending: Literal["passed", "failure", "skipped"]
    kind: str
    reason: str


def render_junit(report: GateReport) -> str:
    """Renders the decision as XML in the form that Ant, Jenkins, GitLab and GitHub's actions read.

    The elements and attributes are those that the schemas in wide use have in common: of Apache Ant's reports (Windy
    Road, 2011) and of Jenkins's xUnit plugin (``junit-10.xsd``). Numbers are properties of the suites, named
    ``TAG.drop`` and so on, since the former has none for single tests.

    Args:
        report: The gate's record.

    Returns:
        The document. Harmed languages, missed floors and exceeded sizes are failures; what is not proven is skipped,
        with the reason, or under ``strict`` a failure.
    """
    root, terms = ET.Element("testsuites"), terms_of(report.metric)
    floors = {tag: each.floor for tag, each in report.languages.items() if each.floor is not None}
    judged = [_language(tag, each, strict=report.strict) for tag, each in report.worst_first()]
    suites: dict[str, tuple[Sequence[_Case], Mapping[str, str]]] = {
        f"{terms.language.replace(' ', '-')}s": (judged, _whole(report) | _numbers(report))
    }
    if floors:
        held = [_floor(tag, floor, terms, strict=report.strict) for tag, floor in floors.items()]
        suites["floors"] = (held, _floor_numbers(floors, terms))
    if report.sizes:
        suites["sizes"] = ([_size(each) for each in report.sizes], _size_numbers(report.sizes))
    for number, (name, (cases, properties)) in enumerate(suites.items()):
        _add_suite(root, number, name, cases, properties, report)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _add_suite(
    root: ET.Element,
    number: int,
    name: str,
    cases: Sequence[_Case],
    properties: Mapping[str, str],
    report: GateReport,
) -> None:
    endings = [case.ending for case in cases]
    suite = ET.SubElement(
        root,
        "testsuite",
        {
            "name": name,
            "package": _PACKAGE,
            "id": str(number),
            "timestamp": f"{report.created_at:%Y-%m-%dT%H:%M:%S}",
            "hostname": "localhost",
            "tests": str(len(cases)),
            "failures": str(endings.count("failure")),
            "errors": "0",
            "skipped": str(endings.count("skipped")),
            "time": _NO_TIME,
        },
    )
    told = ET.SubElement(suite, "properties")
    for key, value in properties.items():
        ET.SubElement(told, "property", {"name": plain(key), "value": plain(value)})
    for case in cases:
        shown = {"name": plain(case.name), "classname": f"{_PACKAGE}.{name}", "time": _NO_TIME}
        element = ET.SubElement(suite, "testcase", shown)
        if case.ending != "passed":
            ending = ET.SubElement(element, case.ending, {"type": case.kind, "message": plain(case.reason)})
            ending.text = plain(case.reason)
    ET.SubElement(suite, "system-out").text = plain(f"{headline(report)} {method(report)}.")
    ET.SubElement(suite, "system-err")


def _language(tag: str, each: GateLanguage, *, strict: bool) -> _Case:
    verdict = each.verdict
    unproven: Literal["failure", "skipped"] = "failure" if strict else "skipped"
    endings: dict[str, Literal["passed", "failure", "skipped"]] = {"safe": "passed", "harmed": "failure"}
    return _Case(language(tag), endings.get(verdict.verdict, unproven), verdict.verdict, verdict.reason)


def _floor(tag: str, floor: Floor, terms: Terms, *, strict: bool) -> _Case:
    name = f"{language(tag)}: {terms.quality} of at least {100 * floor.minimum:g}{terms.unit}"
    unproven: Literal["failure", "skipped"] = "failure" if strict else "skipped"
    endings: dict[str, Literal["passed", "failure", "skipped"]] = {"met": "passed", "below": "failure"}
    return _Case(name, endings.get(floor.kind, unproven), floor.kind, floor.reason)


def _size(limit: SizeLimit) -> _Case:
    name = f"size of at most {limit.limit_bytes / 1e6:,.1f} MB"
    return _Case(name, "passed" if limit.kept else "failure", "kept" if limit.kept else "exceeded", limit.reason)


def _whole(report: GateReport) -> dict[str, str]:
    numbers: dict[str, float | int | str | None] = {
        "baseline": report.baseline.name,
        "candidate": report.candidate.name,
        "data": report.data,
        "outcome": report.outcome,
        "exit_code": report.exit_code,
        "status": report.status,
        "margin": report.margin,
        "alpha": report.alpha,
        "strict": str(report.strict).lower(),
        "n": report.flips.n,
        "baseline_accuracy": report.baseline_accuracy,
        "candidate_accuracy": report.candidate_accuracy,
        "flip_rate": report.flips.flip_rate,
        "agreement": report.flips.agreement,
        "right_to_wrong": report.flips.right_to_wrong,
        "wrong_to_right": report.flips.wrong_to_right,
        "baseline_size_bytes": report.baseline.size_bytes,
        "candidate_size_bytes": report.candidate.size_bytes,
    }
    terms = terms_of(report.metric)
    numbers = {_called(name, terms): value for name, value in numbers.items()}
    if report.metric is not None:
        numbers |= {"metric": report.metric.name, "signature": report.metric.signature}
        numbers |= {f"signature.{pair}": each for pair, each in report.metric.pair_signatures.items()}
    return _texts(numbers) | {f"note.{number}": note for number, note in enumerate(report.notes, 1)}


def _numbers(report: GateReport) -> dict[str, str]:
    found, terms = dict[str, str](), terms_of(report.metric)
    for tag, each in report.worst_first():
        values = each.verdict.model_dump(exclude={"reason"}) | each.flips.model_dump(exclude={"n"})
        found |= _texts(
            {f"{tag}.{_called(name, terms)}": value for name, value in {"margin": each.margin, **values}.items()}
        )
    return found


def _floor_numbers(floors: Mapping[str, Floor], terms: Terms) -> dict[str, str]:
    return _texts(
        {
            f"{tag}.{_called(name, terms)}": value
            for tag, floor in floors.items()
            for name, value in floor.model_dump(exclude={"reason"}).items()
        }
    )


def _size_numbers(sizes: Sequence[SizeLimit]) -> dict[str, str]:
    return _texts(
        {
            f"{number}.{name}": value
            for number, size in enumerate(sizes, 1)
            for name, value in {"limit_bytes": size.limit_bytes, "size_bytes": size.size_bytes}.items()
        }
    )


def _called(name: str, terms: Terms) -> str:
    """A number's name; translations have scores and silent failures."""
    return _METRIC_NAMES.get(name, name) if terms.translates else name


def _texts(values: Mapping[str, float | int | str | None]) -> dict[str, str]:
    """The values that there are, as text; what is absent has no property rather than a number."""
    return {
        name: f"{value:.6g}" if isinstance(value, float) else str(value)
        for name, value in values.items()
        if value is not None
    }
