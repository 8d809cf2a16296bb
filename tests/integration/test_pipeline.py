"""The whole run on a tiny model: its results, its failures, and what it keeps when it is stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import leanglot
from leanglot.config import RunConfig, make_config
from leanglot.errors import ModelError, StorageError
from leanglot.exam import Effort
from leanglot.pipeline import optimize
from leanglot.progress import Silent
from leanglot.results.checkpoints import Checkpoints
from leanglot.results.measures import ColdStart
from leanglot.results.records import Candidate, RunReport

LITTLE = Effort(latency_calls=24, batch_texts=32, rounds=1, cold_starts=1)
CANDIDATES = [
    {"name": "onnx-fp32"},
    {"name": "pruned-50-int8", "recipe": [{"technique": "magnitude", "sparsity": 0.5}, {"technique": "int8"}]},
]


def config_for(model: Path, data: Path, out: Path, **changes: object) -> RunConfig:
    values = {"model": str(model), "data": str(data), "output": out, "threads": 1, "candidates": CANDIDATES}
    values["steps"] = False
    return make_config(values | changes)


def settled(report: RunReport) -> dict[str, object]:
    """What must not depend on when or in how many attempts a run was done."""

    def plain(candidate: Candidate) -> dict[str, object]:
        timed = {"latency_ms", "tokenization_p50_ms", "throughput_per_s", "speedup", "throughput_gain", "pareto"}
        timed |= {"peak_rss_bytes", "cold_start_s", "warnings", "languages"}
        kept = candidate.model_dump(exclude=timed)
        languages = {
            tag: own.model_dump(exclude={"latency_p50_ms", "latency_spread"})
            for tag, own in candidate.languages.items()
        }
        return kept | {"languages": languages}

    return {candidate.name: plain(candidate) for candidate in report.candidates}


@pytest.fixture(scope="module")
def unbroken(tiny_model: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    out = tmp_path_factory.mktemp("runs") / "unbroken"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leanglot.measure.speed.NeighbourWatch.warnings", lambda _: ())  # as on a quiet machine
        return out, optimize(config_for(tiny_model, tiny_data, out), effort=LITTLE)


def test_a_run_leaves_everything_it_promises(unbroken):
    out, report = unbroken
    assert [candidate.name for candidate in report.candidates] == ["pytorch-fp32", "onnx-fp32", "pruned-50-int8"]
    for name in ("report.json", "report.html", "report.md"):
        assert (out / name).stat().st_size > 500
    assert {path.suffix for path in (out / "charts").iterdir()} == {".png", ".svg"}
    for candidate in report.candidates:
        assert (out / str(candidate.artifact) / "leanglot.json").is_file()
        assert (out / "candidates" / candidate.name / "predictions.parquet").is_file()
    assert leanglot.read_report(out) == report


def test_the_numbers_are_those_of_the_models(unbroken):
    _, report = unbroken
    baseline, plain, pruned = report.candidates
    assert baseline.status == "baseline"
    assert baseline.accuracy is not None
    assert baseline.accuracy > 0.9
    assert baseline.languages["de"].verdict is None
    assert plain.languages["de"].drop == 0
    assert plain.languages["sw"].verdict == "inconclusive"
    assert plain.languages["sw"].samples_needed is not None
    assert plain.languages["sw"].samples_needed > 100
    assert plain.languages["de"].groups == 30
    assert pruned.sparsity is not None
    assert 0.5 <= pruned.sparsity < 0.6
    assert pruned.size_bytes is not None
    assert plain.size_bytes is not None
    assert pruned.size_bytes < plain.size_bytes
    assert plain.latency_ms is not None
    assert plain.latency_ms.p95 is None
    assert "130" in plain.latency_ms.missing["p95"]


def test_artifacts_answer_as_in_the_run(unbroken, tiny_rows):
    out, report = unbroken
    for candidate in report.candidates:
        answers = leanglot.load(out / str(candidate.artifact), threads=1).predict([row["text"] for row in tiny_rows])
        right = sum(answer.label == row["label"] for answer, row in zip(answers, tiny_rows, strict=True))
        assert right / len(tiny_rows) == pytest.approx(candidate.accuracy)


def test_the_same_command_again_measures_nothing_anew(unbroken, tiny_model, tiny_data, monkeypatch):
    out, report = unbroken
    monkeypatch.setattr("leanglot.trials.make_artifact", _must_not_be_called)
    monkeypatch.setattr("leanglot.trials.measure_speed", _must_not_be_called)
    monkeypatch.setattr("leanglot.trials.measure_cold_start", _must_not_be_called)
    watch = Watch()
    again = optimize(config_for(tiny_model, tiny_data, out), watch, LITTLE)
    assert again.candidates == report.candidates
    assert watch.last == dict.fromkeys(["pytorch-fp32", "onnx-fp32", "pruned-50-int8"], "kept")


def _must_not_be_called(*_args: object, **_kwargs: object) -> None:
    raise AssertionError("a finished stage was done again")


@pytest.fixture
def no_cold_start(monkeypatch):
    """Three more fresh processes per run would only make the other stages' tests slow."""
    cold = ColdStart(seconds=1.0, peak_rss_bytes=10**8, repetitions=1)
    monkeypatch.setattr("leanglot.trials.measure_cold_start", lambda *_args, **_kwargs: cold)


class Watch(Silent):
    """Remembers the last stage of each candidate."""

    def __init__(self) -> None:
        self.last: dict[str, str] = {}

    def enter(self, candidate: str, stage: str, total: int = 1) -> None:
        self.last[candidate] = stage


class StopAt(Silent):
    """Stops the run the moment it enters its n-th stage."""

    def __init__(self, stage: int) -> None:
        self.left = stage

    def enter(self, candidate: str, stage: str, total: int = 1) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stage", [1, 3, 6, 8, 10, 13])
@pytest.mark.usefixtures("no_cold_start")
def test_a_run_stopped_between_stages_ends_like_an_unbroken_one(stage, unbroken, tiny_model, tiny_data, tmp_path):
    config = config_for(tiny_model, tiny_data, tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        optimize(config, StopAt(stage), LITTLE)
    report = optimize(config, effort=LITTLE)
    assert settled(report) == settled(unbroken[1])


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [4.0, 6.0, 8.0, 11.0])
def test_a_killed_run_ends_like_an_unbroken_one(seconds, unbroken, tiny_model, tiny_data, tmp_path):
    out = tmp_path / "run"
    config = tmp_path / "config.yaml"
    settings = {"model": str(tiny_model), "data": str(tiny_data), "output": str(out), "threads": 1}
    config.write_text(json.dumps(settings | {"candidates": CANDIDATES, "steps": False}))
    command = [sys.executable, "-m", "leanglot.cli", "optimize", str(config), "--quick"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert settled(leanglot.read_report(out)) == settled(unbroken[1])
    assert not list(out.rglob("*.*.lg-*"))


class Killed(BaseException):
    """Stands for a process that is gone: nothing of ours catches it."""


@pytest.mark.usefixtures("no_cold_start")
@pytest.mark.parametrize("stage", ["made", "evaluated"])
def test_a_changed_run_killed_between_a_file_and_its_key_leaves_nothing_stale(
    stage, tiny_model, tiny_data, tmp_path, monkeypatch
):
    out = tmp_path / "run"

    def config(sparsity):
        recipe = [{"technique": "magnitude", "sparsity": sparsity}]
        return config_for(tiny_model, tiny_data, out, candidates=[{"name": "pruned", "recipe": recipe}])

    def killed(store, name, key, record):
        if name == stage and store.folder.name == "pruned":
            raise Killed
        save(store, name, key, record)

    first = settled(optimize(config(0.3), effort=LITTLE))
    save = Checkpoints.save
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", killed)
        with pytest.raises(Killed):
            optimize(config(0.9), effort=LITTLE)
    again = optimize(config(0.3), effort=LITTLE)
    assert settled(again) == first
    texts = [json.loads(line)["text"] for line in tiny_data.read_text().splitlines()]
    labels = [json.loads(line)["label"] for line in tiny_data.read_text().splitlines()]
    answers = leanglot.load(out / str(again.candidates[1].artifact), threads=1, verify=True).predict(texts)
    right = sum(answer.label == label for answer, label in zip(answers, labels, strict=True))
    assert right / len(texts) == pytest.approx(again.candidates[1].accuracy)


@pytest.mark.usefixtures("no_cold_start")
def test_a_model_in_half_precision_is_said_to_be_weighed_in_full(tiny_model, tiny_data, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "half")
    weights = load_file(folder / "model.safetensors")
    save_file({name: each.half() for name, each in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    config = config_for(folder, tiny_data, tmp_path / "run", candidates=CANDIDATES[:1])
    told = [warning for warning in optimize(config, effort=LITTLE).candidates[0].warnings if "stored as F16" in warning]
    assert len(told) == 1


@pytest.mark.usefixtures("no_cold_start")
def test_a_damaged_artifact_is_made_again(tiny_model, tiny_data, tmp_path):
    config = config_for(tiny_model, tiny_data, tmp_path / "run", candidates=CANDIDATES[:1])
    first = optimize(config, effort=LITTLE)
    weights = tmp_path / "run" / str(first.candidates[1].artifact) / "model.onnx.data"
    content = weights.read_bytes()
    weights.write_bytes(b"")
    assert settled(optimize(config, effort=LITTLE)) == settled(first)
    assert weights.read_bytes() == content


@pytest.mark.usefixtures("no_cold_start")
def test_disturbed_timings_are_taken_again(tiny_model, tiny_data, tmp_path, monkeypatch):
    config = config_for(tiny_model, tiny_data, tmp_path / "run", candidates=CANDIDATES[:1])
    with monkeypatch.context() as patch:
        patch.setattr("leanglot.measure.speed.NeighbourWatch.warnings", lambda _: ("A neighbour was busy.",))
        disturbed = optimize(config, effort=LITTLE)
    assert "A neighbour was busy." in disturbed.candidates[1].warnings
    monkeypatch.setattr("leanglot.measure.speed.NeighbourWatch.warnings", lambda _: ())
    quiet = optimize(config, effort=LITTLE)
    assert quiet.candidates[1].warnings == ()
    assert quiet.candidates[1].latency_ms != disturbed.candidates[1].latency_ms
    assert optimize(config, effort=LITTLE).candidates == quiet.candidates


@pytest.mark.usefixtures("no_cold_start")
def test_a_baseline_that_cannot_be_measured_is_one_message(tiny_model, tiny_data, tmp_path, monkeypatch):
    def broken(*_args: object) -> None:
        raise IndexError("index out of range in self")

    monkeypatch.setattr("leanglot.trials.answer_all", broken)
    with pytest.raises(ModelError, match="The baseline, tiny-xlmr, cannot be measured: IndexError"):
        optimize(config_for(tiny_model, tiny_data, tmp_path / "run"), effort=LITTLE)


@pytest.mark.usefixtures("no_cold_start")
def test_changed_data_is_noticed(unbroken, tiny_model, tiny_rows, tmp_path, tiny_data):
    out, run = tmp_path / "run", tmp_path / "data.jsonl"
    run.write_text("".join(json.dumps(row) + "\n" for row in tiny_rows))
    first = optimize(config_for(tiny_model, run, out), effort=LITTLE)
    changed = [{**row, "label": "music"} for row in tiny_rows]
    run.write_text("".join(json.dumps(row) + "\n" for row in changed))
    second = optimize(config_for(tiny_model, run, out), effort=LITTLE)
    assert first.data.digest != second.data.digest
    assert first.candidates[0].accuracy > second.candidates[0].accuracy


@pytest.mark.usefixtures("no_cold_start")
def test_texts_that_were_cut_are_told_once(tiny_model, tiny_rows, tmp_path):
    data = tmp_path / "data.jsonl"
    long = {**tiny_rows[0], "text": "filler-1 " * 100}
    data.write_text("".join(json.dumps(row) + "\n" for row in [*tiny_rows, long]))
    report = optimize(config_for(tiny_model, data, tmp_path / "run", candidates=CANDIDATES[:1]), effort=LITTLE)
    told = [warning for candidate in report.candidates for warning in candidate.warnings if "cut" in warning]
    assert told == ["Texts longer than 32 tokens, which were cut: 1."]
    assert told[0] in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_cold_start")
def test_a_changed_recipe_is_noticed(tiny_model, tiny_data, tmp_path):
    out = tmp_path / "run"

    def one(sparsity: float) -> Candidate:
        recipe = [{"technique": "magnitude", "sparsity": sparsity}]
        candidates = [{"name": "pruned", "recipe": recipe}]
        return optimize(config_for(tiny_model, tiny_data, out, candidates=candidates), effort=LITTLE).candidates[1]

    assert one(0.3).sparsity == pytest.approx(0.3, abs=0.01)
    assert one(0.6).sparsity == pytest.approx(0.6, abs=0.01)


@pytest.mark.usefixtures("no_cold_start")
def test_a_candidate_that_fails_says_why_and_the_run_goes_on(tiny_model, tiny_data, tmp_path, monkeypatch):
    from leanglot import quantizers

    def broken(*_args: object) -> None:
        raise RuntimeError("the quantizer met a shape it does not know")

    monkeypatch.setattr(quantizers.int8, "quantize", broken)
    report = optimize(config_for(tiny_model, tiny_data, tmp_path / "run"), effort=LITTLE)
    statuses = {candidate.name: candidate.status for candidate in report.candidates}
    assert statuses["pruned-50-int8"] == "failed"
    assert statuses["onnx-fp32"] == "unrefuted"
    failed = report.candidate("pruned-50-int8")
    assert failed.reason == "RuntimeError: the quantizer met a shape it does not know"
    assert failed.latency_ms is None
    assert failed.accuracy is None
    assert failed.artifact is None
    assert "failed" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_cold_start")
def test_a_full_disk_stops_the_run_and_keeps_what_was_finished(tiny_model, tiny_data, tmp_path, monkeypatch):
    from leanglot import artifacts

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "export_onnx", full)
        with pytest.raises(StorageError, match="no space left"):
            optimize(config_for(tiny_model, tiny_data, tmp_path / "run"), effort=LITTLE)
    assert not (tmp_path / "run" / "report.json").exists()
    assert not list((tmp_path / "run").rglob("*.*.lg-*"))
    assert (tmp_path / "run" / "candidates" / "pytorch-fp32" / "artifact" / "leanglot.json").is_file()
    assert optimize(config_for(tiny_model, tiny_data, tmp_path / "run"), effort=LITTLE).candidates[1].status != "failed"
