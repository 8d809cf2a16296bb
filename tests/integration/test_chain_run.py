"""A chain of trimming, pruning and quantization in one run: each step measured, shown, and kept in the artifact."""

import json
from pathlib import Path

import numpy as np
import pytest

import leanglot
from leanglot.config import make_config
from leanglot.exam import Effort
from leanglot.models.text_classifier import load_text_classifier
from leanglot.pipeline import optimize
from leanglot.progress import Silent
from leanglot.results.importance import read_importance
from leanglot.results.manifest import read_manifest
from leanglot.results.records import RunReport

LITTLE = Effort(latency_calls=24, batch_texts=32, rounds=1, cold_starts=1)
CHAIN = [
    {"technique": "trim-vocabulary"},
    {"technique": "heads", "sparsity": 0.25, "importance": {"samples": 24}},
    {"technique": "ffn", "sparsity": 0.5, "importance": {"samples": 24}},
    {"technique": "int8", "embeddings": True},
]
WAY = ("pytorch-fp32", "small.0-export", "small.1-trim-vocabulary", "small.2-heads", "small.3-ffn", "small")


class Watch(Silent):
    """Remembers the last stage of each candidate."""

    def __init__(self) -> None:
        self.last: dict[str, str] = {}

    def enter(self, candidate: str, stage: str, total: int = 1) -> None:
        self.last[candidate] = stage


def config_for(model: Path, data: Path, texts: Path, out: Path, **changes: object):
    values = {"model": str(model), "data": str(data), "calibration": str(texts), "output": out, "threads": 1}
    return make_config(values | {"candidates": [{"name": "small", "recipe": CHAIN}]} | changes)


@pytest.fixture(scope="module")
def texts(tiny_rows, tmp_path_factory) -> Path:
    """Unlabelled texts like the judged ones, half of which are judged too."""
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    others = [{"text": f"{row['text']} filler-{n % 5}", "language": row["language"]} for n, row in enumerate(tiny_rows)]
    known = [{"text": row["text"], "language": row["language"]} for row in tiny_rows[::2]]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*others, *known]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chained(tiny_model, tiny_data, texts, tmp_path_factory) -> tuple[Path, RunReport]:
    out = tmp_path_factory.mktemp("runs") / "chain"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leanglot.measure.speed.NeighbourWatch.warnings", lambda _: ())  # as on a quiet machine
        return out, optimize(config_for(tiny_model, tiny_data, texts, out), effort=LITTLE)


def test_each_step_is_a_candidate_of_its_own(chained):
    _, report = chained
    assert [candidate.name for candidate in report.candidates] == list(WAY)
    assert report.chains == {"small": WAY}
    assert [candidate.status for candidate in report.candidates].count("failed") == 0
    assert [len(candidate.recipe) for candidate in report.candidates] == [0, 0, 1, 2, 3, 4]
    sizes = [candidate.size_bytes for candidate in report.candidates]
    assert sizes[1:] == sorted(sizes[1:], reverse=True)


def test_the_artifact_tells_how_it_was_made(chained):
    out, _ = chained
    artifact = out / "candidates" / "small" / "artifact"
    manifest = read_manifest(artifact)
    assert [step.technique for step in manifest.recipe] == ["trim-vocabulary", "heads", "ffn", "int8"]
    assert [(facts.technique, facts.removed) for facts in manifest.pruning] == [("heads", 2), ("ffn", 64)]
    assert manifest.vocabulary is not None
    assert manifest.vocabulary.languages == ("de", "en", "sw", "th")
    assert [each.kind for each in read_importance(artifact)] == ["heads", "ffn"]
    assert leanglot.load(artifact, verify=True).predict(["filler-1 de-music-1"])


def test_texts_it_was_cut_on_are_told_apart(chained, tiny_rows):
    _, report = chained
    small = report.candidate("small")
    assert sum(change.texts for change in small.tokens.values()) == len(tiny_rows) - len(tiny_rows[::2])
    assert any("stand in the corpus of the vocabulary too" in warning for warning in small.warnings)
    assert report.candidate("small.0-export").tokens == {}


def test_the_graph_answers_like_the_sliced_model(chained, tiny_model, tiny_rows):
    """The candidate before INT8 is an export of the same cut that PyTorch computes."""
    out, _ = chained
    exported = leanglot.load(out / "candidates" / "small.3-ffn" / "artifact", threads=1)
    manifest = exported.manifest
    assert manifest.source == load_text_classifier(tiny_model).source
    rows = exported.encode([row["text"] for row in tiny_rows]).rows
    small = leanglot.load(out / "candidates" / "small" / "artifact", threads=1)
    agreement = (exported.logits(rows).argmax(axis=1) == small.logits(rows).argmax(axis=1)).mean()
    assert agreement > 0.9
    assert np.isfinite(exported.logits(rows)).all()


def test_the_way_is_drawn_and_told(chained):
    out, _ = chained
    assert (out / "charts" / "waterfall-small.png").stat().st_size > 10_000
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "trim" in page
    assert (out / "charts" / "importance-small-1-heads.png").stat().st_size > 10_000
    assert leanglot.read_report(out).chains == {"small": WAY}


def test_the_same_command_again_measures_nothing_anew(chained, tiny_model, tiny_data, texts):
    out, report = chained
    watch = Watch()
    again = optimize(config_for(tiny_model, tiny_data, texts, out), watch, LITTLE)
    assert again.candidates == report.candidates
    assert watch.last == dict.fromkeys(WAY, "kept")


def test_without_steps_only_the_candidate_is_measured(tiny_model, tiny_data, texts, tmp_path):
    config = config_for(tiny_model, tiny_data, texts, tmp_path / "run", steps=False)
    report = optimize(config, effort=LITTLE)
    assert [candidate.name for candidate in report.candidates] == ["pytorch-fp32", "small"]
    assert report.chains == {}


def test_texts_that_lack_a_judged_language_are_told(tiny_model, tiny_data, texts, tmp_path):
    rows = [line for line in texts.read_text(encoding="utf-8").splitlines() if json.loads(line)["language"] != "th"]
    (tmp_path / "no-th.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    candidates = [{"name": "trimmed", "recipe": CHAIN[:1]}]
    config = config_for(tiny_model, tiny_data, tmp_path / "no-th.jsonl", tmp_path / "run", candidates=candidates)
    report = optimize(config, effort=LITTLE)
    told = " ".join(report.candidate("trimmed").warnings)
    assert "not cut for languages that the model is judged in: th" in told
