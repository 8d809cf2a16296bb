"""The table of ``distillation_evidence.py``: students by kind, with the mean over seeds and the worst language."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from leanglot.charts.quantities import percent, points

FEW: Final = 80
Students = dict[str, dict[str, Any]]


def write_table(results: Path) -> str:
    """Write the table beside the results; returns its text."""
    found = json.loads(results.read_text(encoding="utf-8"))
    teacher, kinds = found["teacher"], by_kind(found["students"])
    environment = found["environment"]
    minutes = [each["seconds"] / 60 for each in found["students"].values()]
    epochs = max(each["epochs"] for each in found["students"].values())
    count, accuracy = len(found["students"]), percent(teacher["macro_accuracy"])
    about = (
        f"{count} students of a teacher of 12 layers, whose mean accuracy over 24 languages is {accuracy}; "
        f"each trained and judged in {min(minutes):.0f} to {max(minutes):.0f} minutes on a core or two of "
        f"{environment['cpu']}, by `python scripts/distillation_evidence.py`. No judged sentence comes from a template "
        "that was trained on. Every number is a mean over the seeds, behind it the smallest and the largest."
    )
    reading = (
        "Drops are in points, below 0 a gain; the worst is that of the language that loses most, among all languages "
        f"and among those with at least {FEW} examples; beyond the mean: how much more the latter loses than the "
        "languages on average. Harmed: proven by the paired test, and in how many of the seeds. Every training draws "
        f"{epochs:g} times as many examples as there are."
    )
    title, tables = "# Distillation on the demo's classifier", (overview(teacher, kinds), languages(teacher, kinds))
    parts = [title, about, tables[0], reading, "## By language", tables[1]]
    text = "\n\n".join(parts) + "\n"
    results.with_suffix(".md").write_text(text, encoding="utf-8")
    return text


def by_kind(students: Students) -> dict[str, list[dict[str, Any]]]:
    """The seeds of each kind, in the order of their names."""
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name in sorted(students, key=lambda each: (-int(each.split("-")[0]), each)):
        kinds[name.rpartition("-")[0]].append(students[name])
    return dict(kinds)


def overview(teacher: dict[str, Any], kinds: dict[str, list[dict[str, Any]]]) -> str:
    """A row per kind."""
    head = [
        "Layers, loss, batches",
        "Seeds",
        "Macro accuracy",
        "Of the teacher's",
        "Mean drop",
        "Worst drop",
        f"Worst, n ≥ {FEW}",
        "Beyond the mean",
        "Harmed",
    ]
    rows = []
    for kind, seeds in kinds.items():
        macro = [seed["macro_accuracy"] for seed in seeds]
        worst, sure = ([worst_drop(teacher, seed, least) for seed in seeds] for least in (0, FEW))
        drops = [teacher["macro_accuracy"] - value for value in macro]
        beyond = [drop - mean for (_, drop), mean in zip(sure, drops, strict=True)]
        harmed = Counter(tag for seed in seeds for tag in seed["harmed"])
        rows.append(
            [
                kind.replace("-", ", "),
                str(len(seeds)),
                spread(macro, percent),
                percent(float(np.mean(macro)) / teacher["macro_accuracy"]),
                spread(drops),
                *(
                    f"{spread([drop for _, drop in found])} {', '.join(sorted({tag for tag, _ in found}))}"
                    for found in (worst, sure)
                ),
                spread(beyond),
                ", ".join(f"{tag} ({count})" for tag, count in sorted(harmed.items())) or "none",
            ]
        )
    return markdown(head, rows)


def languages(teacher: dict[str, Any], kinds: dict[str, list[dict[str, Any]]]) -> str:
    """A row per language, a column per kind."""
    head = ["Language", "n", "Teacher", *(kind.replace("-", ", ") for kind in kinds)]
    rows = [
        [
            tag,
            str(teacher["n"][tag]),
            percent(own),
            *(percent(float(np.mean([seed["accuracy"][tag] for seed in seeds]))) for seeds in kinds.values()),
        ]
        for tag, own in teacher["accuracy"].items()
    ]
    return markdown(head, rows)


def worst_drop(teacher: dict[str, Any], student: dict[str, Any], least: int) -> tuple[str, float]:
    """The language with the largest drop, among those with so many examples, and the drop."""
    drops = {tag: teacher["accuracy"][tag] - value for tag, value in student["accuracy"].items()}
    tag = max((each for each in drops if teacher["n"][each] >= least), key=lambda each: drops[each])
    return tag, drops[tag]


def in_points(fraction: float) -> str:
    """A difference in points, below 0 a gain."""
    return points(fraction, signed=False)


def spread(fractions: list[float], show: Callable[[float], str] = in_points) -> str:
    """Mean, smallest and largest."""
    mean, least, most = map(show, (float(np.mean(fractions)), min(fractions), max(fractions)))
    return mean if least == most else f"{mean} ({least} to {most})"


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
