from pathlib import Path

import pytest

from leanglot.results.records import RunReport


@pytest.fixture(scope="session")
def golden():
    """24 languages and 8 candidates; one failed, one rejected, one language with a single example."""
    stored = Path(__file__).parents[2] / "golden" / "report-v1.json"
    return RunReport.model_validate_json(stored.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def bare(golden):
    """The same run with nothing but the baseline."""
    return golden.model_copy(update={"candidates": golden.candidates[:1], "recommendations": {}})


@pytest.fixture(scope="session")
def hollow(golden):
    """Candidates without a single number, languages without results, and names that charts cannot spell."""
    first, *others = golden.candidates
    blank = {
        "size_bytes": None,
        "latency_ms": None,
        "speedup": None,
        "size_reduction": None,
        "accuracy": None,
        "pareto": None,
        "languages": {},
    }
    strange = ("$a_b$ \\frac{", "日本語の候補", "x" * 200, "tab\tand\nline", "ok")
    named = [each.model_copy(update={**blank, "name": name}) for each, name in zip(others, strange, strict=False)]
    return golden.model_copy(update={"candidates": (first, *named), "recommendations": {}})


@pytest.fixture(scope="session")
def crowded(golden):
    """Ten more candidates with almost the same speed and accuracy, and forty languages."""
    model = golden.candidates[3]
    tags = [f"{a}{b}" for a in "abdefghk" for b in "aeiou"]
    row = model.languages["th"]
    twins = tuple(
        model.model_copy(
            update={
                "name": f"candidate-number-{n}",
                "speedup": 3.0 + n / 100,
                "languages": {**dict.fromkeys(tags, row)},
            }
        )
        for n in range(10)
    )
    return golden.model_copy(update={"candidates": (golden.candidates[0], *twins), "recommendations": {}})
