"""Reports to open in a browser: the stored ones, a priced one, one with hostile names, one of many languages."""

import re
import tempfile
from pathlib import Path

from leanglot.config import Costs
from leanglot.pricing import price_run
from leanglot.results.records import RunReport

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>alert(2)</script>",
    "\"'><svg onload=alert(3)>",
    "javascript:alert(4)#candidate=x&beside=y",
    "a&lt;b&amp;c %3Cscript%3E",
    "evil\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe\N{LINE SEPARATOR}x",
    "__proto__",
)
TAGS = re.findall(
    r"\S+",
    "af ar bg bn ca cs da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka ko lb lo lt "
    "lv mk ml mn mr ms my nb ne nl pa pl pt-BR ro ru si sk sl sq sr-Latn sv sw ta te th tr uk ur vi zh- "
    "Hant",
)[:60]


def stored(name):
    path = Path(__file__).parents[2] / "golden" / f"{name}.json"
    return RunReport.model_validate_json(path.read_text(encoding="utf-8"))


def priced_report():
    report = stored("report-v1")
    tags = list(report.data.examples)
    costs = Costs(
        monthly_predictions=20_000_000,
        traffic=dict.fromkeys(tags, 1 / len(tags)),
        error_cost=0.02,
        infrastructure={"price_per_hour": 1.5, "whole_machines": False},
        monthly_infra={"onnx": 9_000.0},
    )
    with tempfile.TemporaryDirectory() as folder:
        return price_run(report, Path(folder), costs)


def hostile_report():
    report = priced_report()
    first, *others = report.candidates
    renamed = dict(zip([each.name for each in others], HOSTILE, strict=True))
    candidates = [first]
    for each in others:
        name = renamed[each.name]
        rows = {
            **{tag: row.model_copy(update={"reason": name}) for tag, row in list(each.languages.items())[2:]},
            name: next(iter(each.languages.values()), None),
        }
        languages = {tag: row for tag, row in rows.items() if row is not None}
        candidates.append(
            each.model_copy(update={"name": name, "reason": name, "warnings": (name,), "languages": languages})
        )
    goals = {
        goal: each.model_copy(update={"candidate": renamed.get(each.candidate, each.candidate), "reason": HOSTILE[0]})
        for goal, each in report.recommendations.items()
    }
    pricing = report.pricing.model_copy(
        update={
            "cheapest": renamed.get(report.pricing.cheapest, report.pricing.cheapest),
            "costs": report.pricing.costs.model_copy(update={"currency": "<b>"}),
            "notes": HOSTILE,
        }
    )
    data = report.data.model_copy(update={"labels": HOSTILE, "notes": HOSTILE, "source": HOSTILE[0]})
    return report.model_copy(
        update={
            "candidates": tuple(candidates),
            "recommendations": goals,
            "pricing": pricing,
            "data": data,
            "model": HOSTILE[0],
        }
    )


def large_report(languages=60, candidates=40):
    """Sixty languages and forty candidates, their numbers taken in turns from the stored report."""
    report = stored("report-v1")
    baseline, *others = [each for each in report.candidates if each.languages]

    def spread(candidate, shift):
        rows = list(candidate.languages.values())
        return {tag: rows[(index + shift) % len(rows)] for index, tag in enumerate(TAGS[:languages])}

    made = [
        others[number % len(others)].model_copy(
            update={"name": f"variant-{number:02d}", "languages": spread(others[number % len(others)], number)}
        )
        for number in range(candidates - 1)
    ]
    data = report.data.model_copy(update={"examples": dict.fromkeys(TAGS[:languages], 500), "groups": {}})
    return report.model_copy(
        update={
            "candidates": (baseline.model_copy(update={"languages": spread(baseline, 0)}), *made),
            "recommendations": {},
            "data": data,
        }
    )
