"""Writes what a run found, language by language: ``docs/evidence/recovery.md`` and ``docs/evidence/qat.md``.

``python scripts/run_evidence.py`` reads ``runs/recovery`` and ``runs/qat``, which ``leanglot demo --recipe
recipes/NAME.yaml --out runs/NAME`` makes, and leaves out a run that is not there.
"""

from pathlib import Path
from typing import Final

from distillation_table import FEW, in_points, markdown
from rich.console import Console

from leanglot.charts.quantities import megabytes, percent
from leanglot.results.folder import read_report
from leanglot.results.records import Candidate, RunReport

ROOT: Final = Path(__file__).resolve().parent.parent
TITLES: Final = {
    "recovery": "Recovery after half of the neurons and a quarter of the heads were cut out",
    "qat": "Training for INT8 against quantization after training",
}


def main() -> None:
    """Write the page of each run that is there."""
    for name, title in TITLES.items():
        path = ROOT / "runs" / name / "report.json"
        if not path.is_file():
            Console().print(f"No runs/{name}: leanglot demo --recipe recipes/{name}.yaml --out runs/{name}")
            continue
        text = page(name, title, read_report(path.parent))
        (ROOT / "docs" / "evidence" / f"{name}.md").write_text(text, encoding="utf-8")
        Console(soft_wrap=True).print(text)


def page(name: str, title: str, report: RunReport) -> str:
    """Candidates, then languages."""
    environment, data = report.environment, report.data
    shown = [each for each in report.candidates if each.status != "failed"]
    failed = [f"`{each.name}` failed: {each.reason}" for each in report.candidates if each.status == "failed"]
    about = (
        f"`leanglot demo --recipe recipes/{name}.yaml --out runs/{name}` on {environment.cpu}, one seed; "
        f"{sum(data.examples.values()):,} judged sentences in {len(data.examples)} languages, none of a template that "
        "was trained on. Drops are in points against the model as it was, below 0 a gain; the worst is that of the "
        f"language that loses most, among all languages and among those with at least {FEW} examples."
    )
    parts = [f"# {title}", about, overview(shown), *failed, "## By language", languages(shown)]
    return "\n\n".join(parts) + "\n"


def overview(candidates: list[Candidate]) -> str:
    """A row per candidate."""
    head = [
        "Candidate",
        "Size",
        "Mean accuracy",
        "Mean drop",
        "Worst drop",
        f"Worst, n ≥ {FEW}",
        "✓ / ✗ / ?",
        "Harmed",
    ]
    return markdown(head, [row(each) for each in candidates])


def row(candidate: Candidate) -> list[str]:
    """One candidate."""
    found = candidate.languages
    drops = {tag: each.drop for tag, each in found.items() if each.drop is not None}
    size, accuracy = megabytes(candidate.size_bytes), percent(candidate.macro_accuracy)
    if not drops:
        return [candidate.name, size, accuracy, *["reference"] * 4, ""]
    sure = {tag: drop for tag, drop in drops.items() if found[tag].n >= FEW}
    verdicts = [each.verdict for each in found.values()]
    counts = " / ".join(str(verdicts.count(each)) for each in ("safe", "harmed", "inconclusive"))
    harmed = ", ".join(tag for tag, each in found.items() if each.verdict == "harmed")
    mean = in_points(sum(drops.values()) / len(drops))
    return [candidate.name, size, accuracy, mean, worst(drops), worst(sure), counts, harmed or "none"]


def worst(drops: dict[str, float]) -> str:
    """The language that loses most, and how much."""
    tag = max(drops, key=lambda each: drops[each])
    return f"{in_points(drops[tag])} {tag}" if drops[tag] > 0 else "no drop"


def languages(candidates: list[Candidate]) -> str:
    """A row per language, a column per candidate."""
    rows = [
        [tag, str(each.n), *(percent(candidate.languages[tag].candidate) for candidate in candidates)]
        for tag, each in candidates[0].languages.items()
    ]
    return markdown(["Language", "n", *(each.name for each in candidates)], rows)


if __name__ == "__main__":
    main()
