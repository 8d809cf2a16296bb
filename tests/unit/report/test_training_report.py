"""What reports tell of trainings: rows, sentences, the table by language, the chart's name."""

import io

import pytest
from rich.console import Console

from leanglot.charts.files import trainings
from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.report.terminal import render_tables
from leanglot.report.training import training_lines, training_rows
from leanglot.report.training_table import training_table
from leanglot.results.training import Epoch, LanguageCheck, TrainingFacts


def epoch(step, right, held_out=True):
    checks = {"de": LanguageCheck(n=40, right=right, loss=0.3), "sw": LanguageCheck(n=4, right=2, loss=1.0)}
    return Epoch(
        step=step,
        epoch=step / 30,
        learning_rate=1e-4,
        seen={"de": 90, "sw": 90},
        loss={"de": 1.25, "sw": 0.5},
        accuracy={"de": 0.9},
        parts={"loss": 0.9},
        held_out=checks if held_out else {},
        seconds=75.0,
        peak_memory_bytes=812_000_000,
    )


def facts(**changes):
    values = {
        "technique": "distil",
        "examples": {"de": 1_200, "sw": 30},
        "unlabelled": 12,
        "steps": 90,
        "stopped_at": 60,
        "kept_step": 30,
        "processes": 2,
        "precision": "fp32",
        "epochs": (epoch(30, 36), epoch(60, 35)),
    }
    return TrainingFacts.model_validate(values | changes)


@pytest.fixture
def trained(golden):
    """A run in which two candidates share a training, and one has two of its own."""
    own = (facts(technique="movement", stopped_at=None, kept_step=60, steps=60, processes=1), facts(technique="qat"))
    given = {1: (facts(),), 2: (facts(),), 3: own}
    candidates = tuple(
        each.model_copy(update={"training": given.get(place, ())}) for place, each in enumerate(golden.candidates)
    )
    return golden.model_copy(update={"candidates": candidates})


def printed(renderable) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100).print(renderable)
    return stream.getvalue()


def test_a_row_per_training(trained):
    rows = training_rows(trained)
    names = [each.name for each in trained.candidates]
    shown = [(row.candidate, row.technique) for row in rows]
    expected = [(names[1], "distillation"), (names[2], "distillation")]
    assert shown[:2] == expected
    assert {technique for _, technique in shown[2:]} <= {"movement pruning", "quantization"}
    assert rows[0].examples == "1,230 in 2 languages"
    assert rows[0].steps == "60 of 90, weights of 30"
    assert rows[0].took == "2 min 30 s, 812.0 MB"
    assert rows[0].worst == "Swahili (sw) 50.0% of 4"
    assert rows[0].mean == "70.0%"


def test_without_trainings_nothing_is_told(golden):
    assert training_rows(golden) == ()
    assert "## Training" not in render_markdown(golden)
    assert 'id="training"' not in render_page(golden, {})


def test_every_report_has_the_rows(trained):
    name = trained.candidates[1].name
    assert f"| `{name}` | distillation | 1,230 in 2 languages |" in render_markdown(trained)
    page = render_page(trained, {})
    assert 'id="training"' in page
    assert "Swahili (sw) 50.0% of 4" in page
    assert "distillation" in printed(render_tables(trained))


def test_candidates_of_one_chain_share_a_chart(trained):
    drawn = trainings(trained)
    last = trained.candidates[2].name
    assert drawn[f"training-{last}"] == (last, facts())
    assert f"training-{trained.candidates[1].name}" not in drawn


def test_sentences():
    lines = " ".join(training_lines(facts()))
    assert "1,230 examples in 2 languages, 12 of them without a label: 60 steps in 2 processes in 2 min 30 s" in lines
    assert "Stopped early after step 60 of 90." in lines
    assert "The weights are those of step 30, the best on held-out examples." in lines
    assert "the worst is Swahili (sw), 50.0% of 4" in lines
    alone = facts(epochs=(epoch(60, 35, held_out=False),), stopped_at=None, kept_step=60, steps=60, processes=1)
    assert len(training_lines(alone)) == 1


def test_the_table_by_language():
    text = " ".join(printed(training_table(facts())).split())
    assert "German (de) 1,200 0.1 1.250 1.250 40 90.0% 90.0%" in text
    assert "Swahili (sw) 30 6.0 0.500 0.500 4 50.0% 50.0%" in text
