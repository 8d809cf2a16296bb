from pathlib import Path

import pytest
from hostile_names import HOSTILE
from shaped_runs import shaped_run

from leanglot.results.records import RunReport


def stored(name):
    path = Path(__file__).parents[2] / "golden" / name
    return RunReport.model_validate_json(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def golden():
    """24 languages and 8 candidates; one failed, one rejected, one language with a single example."""
    return stored("report-v1.json")


@pytest.fixture(scope="session")
def quantized():
    """The same run with every alarm, with size ledgers and threads."""
    return stored("report-v1-quantized.json")


@pytest.fixture(scope="session")
def shaped(golden):
    """The same run with pruned candidates, a trimmed vocabulary that two share, and what gzip makes of zeros."""
    return shaped_run(golden)


@pytest.fixture(scope="session")
def bare(golden):
    """The same run with nothing but the baseline."""
    return golden.model_copy(update={"candidates": golden.candidates[:1], "recommendations": {}})


@pytest.fixture(scope="session")
def hollow(golden):
    """Candidates without a single number, languages without results, and names that mean something to a markup."""
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
    strange = HOSTILE
    named = tuple(
        each.model_copy(update={**blank, "name": name, "reason": name, "warnings": (name,)})
        for each, name in zip(others, strange, strict=False)
    )
    data = golden.data.model_copy(update={"source": HOSTILE[0], "notes": HOSTILE})
    return golden.model_copy(
        update={"candidates": (first, *named), "recommendations": {}, "data": data, "model": HOSTILE[0]}
    )
