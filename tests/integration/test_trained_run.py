"""Runs whose recipes train: trimmed, cut, distilled and quantized in one chain, and trained for the quantization."""

import json
from pathlib import Path

import pytest

import leanglot
from leanglot.config import make_config
from leanglot.exam import Effort
from leanglot.pipeline import optimize
from leanglot.progress import Silent
from leanglot.report.markdown import render_markdown
from leanglot.results.folder import read_report
from leanglot.results.manifest import read_manifest
from tiny_rows import rows

LITTLE = Effort(latency_calls=24, batch_texts=32, rounds=1, cold_starts=1)
SCHOOL = {"epochs": 0.5, "batch_size": 16, "learning_rate": 0.003}
CHAIN = [
    {"technique": "trim-vocabulary"},
    {"technique": "distil", "student": {"layers": 1}, "hidden": {}, "training": SCHOOL},
    {"technique": "int8", "embeddings": True},
]
AWARE = [{"technique": "qat", "embeddings": True, "samples": 32, "training": {**SCHOOL, "learning_rate": 0.001}}]


class Watch(Silent):
    """Remembers the stages of each candidate."""

    def __init__(self) -> None:
        self.stages: dict[str, list[str]] = {}

    def enter(self, candidate: str, stage: str, total: int = 1) -> None:
        self.stages.setdefault(candidate, []).append(stage)


@pytest.fixture(scope="module")
def config(tiny_model, tiny_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train = folder / "train.jsonl"
    lessons = rows({"de": 60, "en": 60, "th": 30, "sw": 12}, seed=12)
    train.write_text("".join(json.dumps(row) + "\n" for row in lessons), encoding="utf-8")
    values = {"model": str(tiny_model), "data": str(tiny_data), "output": folder / "run", "threads": 1}
    candidates = [{"name": "small", "recipe": CHAIN}, {"name": "aware", "recipe": AWARE}]
    return make_config(values | {"training": str(train), "corpus": str(train), "candidates": candidates})


@pytest.fixture(scope="module")
def run(config):
    watch = Watch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leanglot.measure.speed.NeighbourWatch.warnings", lambda _: ())  # as on a quiet machine
        return optimize(config, watch, LITTLE), watch


def test_every_candidate_is_made_and_judged(run):
    report, _ = run
    assert {each.name: each.reason for each in report.candidates if each.status == "failed"} == {}
    assert report.chains["small"][-2:] == ("small.2-distil", "small")
    small, aware = (next(each for each in report.candidates if each.name == name) for name in ("small", "aware"))
    assert [facts.technique for facts in (*small.training, *aware.training)] == ["distil", "qat"]
    assert small.size_bytes < aware.size_bytes
    assert small.accuracy > 0.5


def test_the_steps_of_a_chain_share_one_training(run, config):
    report, watch = run
    small, step = (
        next(each for each in report.candidates if each.name == name) for name in ("small", "small.2-distil")
    )
    assert small.training == step.training
    assert "training" in watch.stages["small.2-distil"]
    assert "training" not in watch.stages["small"]


def test_what_trainings_leave_behind_is_their_result_alone(run, config):
    names = {path.name for path in (config.output / "training").rglob("*") if path.is_file()}
    assert names == {"final.safetensors"}


def test_the_same_command_again_trains_nothing(run, config):
    watch = Watch()
    again = optimize(config, watch, LITTLE)
    assert {stages[-1] for stages in watch.stages.values()} == {"kept"}
    assert [each.training for each in again.candidates] == [each.training for each in run[0].candidates]


def test_a_lost_artifact_is_made_again_from_the_stored_training(run, config):
    artifact = config.output / "candidates" / "small.2-distil" / "artifact"
    before = read_manifest(artifact).files
    (artifact / "model.onnx.data").unlink()
    watch = Watch()
    optimize(config, watch, LITTLE)
    assert "training" not in watch.stages["small.2-distil"]
    assert read_manifest(artifact).files["model.onnx.data"] == before["model.onnx.data"]


def test_reports_and_charts_tell_of_the_trainings(run, config):
    text = render_markdown(read_report(config.output))
    assert "## Training" in text
    assert "| `small` | distillation |" in text
    assert "| `aware` | quantization |" in text
    page = (config.output / "report.html").read_text(encoding="utf-8")
    assert "How the training of small went" in page
    assert "distil into 1 layer" in page
    charts = {path.stem for path in (config.output / "charts").glob("training-*.png")}
    assert charts == {"training-small", "training-aware"}


def test_the_artifacts_answer(run, config):
    for name in ("small", "aware"):
        classifier = leanglot.load(config.output / "candidates" / name / "artifact")
        assert classifier.predict(["filler-1 de-music-1", "en-lights-2 filler-3"])


def test_without_examples_a_recipe_that_trains_is_refused(tiny_model, tiny_data, tmp_path):
    values = {"model": str(tiny_model), "data": str(tiny_data), "output": tmp_path / "run"}
    config = make_config(values | {"candidates": [{"name": "aware", "recipe": AWARE}]})
    with pytest.raises(leanglot.LeanglotError, match="--training FILE"):
        optimize(config, effort=LITTLE)


def test_trained_for_its_quantization_it_runs_on_onnx_runtime_alone(tiny_model, tiny_data):
    values = {"model": str(tiny_model), "data": str(tiny_data)}
    with pytest.raises(
        leanglot.LeanglotError, match="quantization-aware training runs on onnxruntime, not on openvino"
    ):
        make_config(values | {"candidates": [{"name": "a", "runtime": "openvino", "recipe": AWARE}]})


def test_recipes_from_a_file_of_their_own(tmp_path):
    path = tmp_path / "recipes.yaml"
    path.write_text("candidates:\n  - {name: small, recipe: [{technique: distil, student: {layers: 1}}]}\n")
    (candidate,) = leanglot.load_recipes(path)
    assert candidate.recipe[0].student.layers == 1
    path.write_text("candidates:\n  - {name: small, recipe: [{technique: distil, student: {layer: 1}}]}\nmodel: a\n")
    with pytest.raises(leanglot.LeanglotError, match="2 settings cannot be used") as caught:
        leanglot.load_recipes(path)
    assert "layer: unknown key" in str(caught.value)


def test_the_recipe_that_ships_is_valid():
    for path in Path(__file__).parents[2].glob("recipes/*.yaml"):
        assert leanglot.load_recipes(path)
