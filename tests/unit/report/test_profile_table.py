"""What the terminal shows of a profile, and the chart: names, shares, errors, what is missing, and the steps."""

import io

import pytest
from rich.console import Console

from leanglot.charts.files import png_bytes
from leanglot.charts.profile import draw
from leanglot.report.profile import profile_table, texts_told
from leanglot.results.environment import read_environment
from leanglot.results.profile import EngineProfile, NextStep, Profile, ProfiledTexts, ProfileRow


def row(name, share, size=0, **changes):
    facts = {"name": name, "runs": 2, "time_ms": 10 * share, "share": share, "share_error": 0.01}
    return ProfileRow(**facts | {"size_bytes": size, "size_share": size / 100} | changes)


@pytest.fixture
def engine():
    rows = (row("MatMul", 0.5, 60), row("Add", 0.2), row("Gather", 0.1, 40))
    return EngineProfile(
        engine="onnxruntime",
        origin="artifact",
        threads=2,
        unprofiled_p50_ms=9.0,
        profiled_p50_ms=10.0,
        outside_share=0.2,
        operators=rows,
        modules=rows,
        kinds=rows,
        places=rows,
        parts=(row("embeddings", 0.1, 40), row("ffn", 0.7, 60)),
        size_bytes=100,
        unplaced_bytes=2_000_000,
        adopted_share=0.031,
        warnings=("Other processes used 50%.",),
    )


@pytest.fixture
def record(engine):
    texts = ProfiledTexts(
        source="d.jsonl", batch=8, calls=32, rounds=3, tokens_min=4, tokens_p50=9, tokens_max=18, padding_share=0.25,
        languages={"de": 128, "th": 128}, tokenization_p50_ms=0.5, truncated=2,
    )  # fmt: skip
    steps = (
        NextStep(stage="easy wins", title="Trim", evidence="80%.", touches_bytes=5_000_000, command="leanglot trim x"),
        NextStep(
            stage="architecture", title="Cut", evidence="40%.", touches=0.1, most_speedup=1.11, command="leanglot p"
        ),
        NextStep(stage="engine", title="Export", state="done", evidence="It is."),
    )
    environment = read_environment(2)
    return Profile(model="a\x1b[31mmodel", environment=environment, texts=texts, engines=(engine,), next_steps=steps)


def shown(record, top=2):
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(profile_table(record, top))
    return " ".join(console.export_text().split())


def test_the_tables_tell_shares_errors_and_what_could_not_be_placed(record):
    text = shown(record)
    for told in (
        "Profile of a [31mmodel",
        "256 texts of d.jsonl in 2 languages, 4 to 18 tokens, 9 in the median: 32 calls of 8 texts, 25% of the tokens",
        "each made 3 times",
        "2 texts cut at the longest input.",
        "ONNX Runtime, the artifact (no compression), 2 threads",
        "Median call, at its fastest: 9.0 ms; 10.0 ms while its operators were profiled.",
        "within ±2.0 points (95%, 32 calls)",
        "Tokenization, on top: 0.50 ms per call.",
        "No executed operator was found for 2.0 MB of the weights.",
        "outside of all operators: 20.0% of the time, of which profiling may have added 10.0%",
        "1 more 2 1.0 ms 10.0% 0.0 MB 40.0%",
        "3.1% of the time counts for the module before it",
        "Other processes used 50%.",
        "1. easy wins → Trim. 80%. It touches 5.0 MB of weights. leanglot trim x",
        "2. architecture → Cut. 40%. It touches 10% of the time: at most 1.11× as fast by Amdahl's law, not measured.",
        "3. engine ✓ done Export. It is.",
    ):
        assert told in text, text


def test_all_rows_are_shown_where_there_is_room(record):
    text = shown(record, top=5)
    assert "Gather" in text
    assert " more " not in text


def test_means_and_modules_timed_apart_are_told(record, engine):
    flat = tuple(each.model_copy(update={"share_error": None}) for each in engine.operators)
    means = engine.model_copy(
        update={"operators": flat, "parts": flat, "hooked_p50_ms": 11.0, "warnings": (), "unplaced_bytes": 0}
    )
    text = shown(record.model_copy(update={"engines": (means,)}))
    assert "its counters are means over all calls" in text
    assert "11.0 ms with its modules timed" in text


def test_random_tokens_are_told(record):
    random = record.texts.model_copy(update={"source": None, "batch": 1, "tokens_max": 32, "truncated": 0})
    assert texts_told(random).startswith("32 texts of 32 random tokens: 32 calls of 1 text; each made 3 times")


def test_the_chart_draws_a_panel_per_engine_with_what_no_operator_took(record, engine):
    eager = engine.model_copy(update={"engine": "pytorch", "origin": "model", "hooked_p50_ms": 1.0})
    figure = draw(record.model_copy(update={"engines": (eager, engine)}))
    first, second = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["embeddings", "feed-forward"]
    assert [label.get_text() for label in second.get_yticklabels()] == ["embeddings", "feed-forward", "no operator"]
    told = [text.get_text() for text in second.texts]
    assert {"10%", "40%", "70%", "60%", "20%", "ONNX Runtime, artifact", "median call 9.0 ms, 2 threads"} <= set(told)
    assert png_bytes(figure) == png_bytes(figure)
