"""Every artifact of a run keeps what its model did, for its monitor, however the run was stopped or resumed."""

import json
import shutil

import pytest

import leanglot
from leanglot.artifacts import quantize_artifact
from leanglot.config import CandidateConfig, make_config
from leanglot.exam import Effort
from leanglot.pipeline import optimize
from leanglot.quantizers import Making
from leanglot.results.checkpoints import Checkpoints
from leanglot.results.manifest import read_manifest, verify_files
from leanglot.results.measures import ColdStart
from leanglot.results.monitor_baseline import read_monitor_baseline
from leanglot.techniques import Int8
from tiny_rows import LANGUAGES

LITTLE = Effort(latency_calls=8, batch_texts=16, rounds=1, cold_starts=1)
CANDIDATES = [{"name": "onnx"}, {"name": "int8", "recipe": [{"technique": "int8"}]}]
NAMES = ("pytorch-fp32", "onnx", "int8")
QUIET = "leanglot.measure.speed.NeighbourWatch.warnings"


def config_for(model, data, out, candidates=CANDIDATES):
    values = {"model": str(model), "data": str(data), "output": out, "threads": 1, "candidates": candidates}
    return make_config(values | {"steps": False})


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    cold = ColdStart(seconds=1.0, peak_rss_bytes=10**8, repetitions=1)
    monkeypatch.setattr("leanglot.trials.measure_cold_start", lambda *_args, **_kwargs: cold)
    monkeypatch.setattr(QUIET, lambda _: ())


@pytest.fixture(scope="module")
def finished(tiny_model, tiny_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("baselines") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QUIET, lambda _: ())
        return out, optimize(config_for(tiny_model, tiny_data, out), effort=LITTLE)


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished[0], tmp_path / "run")


def artifact_of(run, name):
    return run / "candidates" / name / "artifact"


def baselines(run):
    return {name: read_monitor_baseline(artifact_of(run, name)) for name in NAMES}


def forget(run):
    """The run as an older version left it."""
    for name in NAMES:
        folder = artifact_of(run, name)
        (folder / "monitor.json").unlink()
        values = json.loads((folder / "leanglot.json").read_text(encoding="utf-8"))
        del values["files"]["monitor.json"]
        (folder / "leanglot.json").write_text(json.dumps(values), encoding="utf-8")
        (folder.parent / "remembered.json").unlink()


def resume(run, model, data, monkeypatch):
    """Run again, where nothing but the baselines may be done."""

    def never(*_args, **_kwargs):
        raise AssertionError("a finished stage was done again")

    with monkeypatch.context() as patch:
        for stage in ("make_artifact", "answer_all", "measure_speed", "weigh"):
            patch.setattr(f"leanglot.trials.{stage}", never)
        return optimize(config_for(model, data, run), effort=LITTLE)


def test_each_artifact_keeps_what_its_own_model_did(finished, tiny_rows):
    out, report = finished
    for name, found in baselines(out).items():
        folder = artifact_of(out, name)
        verify_files(folder, read_manifest(folder))
        assert (found.name, found.labels, found.data) == (name, read_manifest(folder).labels, "tiny.jsonl")
        assert {tag: each.n for tag, each in found.languages.items()} == LANGUAGES
        answers = leanglot.load(folder, threads=1).predict([row["text"] for row in tiny_rows])
        right = dict.fromkeys(LANGUAGES, 0)
        for row, answer in zip(tiny_rows, answers, strict=True):
            right[row["language"]] += answer.label == row["label"]
        assert {tag: each.correct for tag, each in found.languages.items()} == right
        told = report.candidate(name).languages
        assert {tag: each.correct / each.n for tag, each in found.languages.items()} == pytest.approx(
            {tag: told[tag].candidate if name != "pytorch-fp32" else told[tag].baseline for tag in LANGUAGES}
        )


def test_sizes_do_not_count_what_only_a_monitor_reads(finished, run, tiny_model, tiny_data, monkeypatch):
    forget(run)
    assert resume(run, tiny_model, tiny_data, monkeypatch).candidates == finished[1].candidates


def test_an_older_run_gets_them_when_it_is_resumed(finished, run, tiny_model, tiny_data, monkeypatch):
    forget(run)
    assert set(baselines(run).values()) == {None}
    resume(run, tiny_model, tiny_data, monkeypatch)
    assert baselines(run) == baselines(finished[0])


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_damaged_one_is_written_again_and_nothing_else_is(damage, finished, run, tiny_model, tiny_data, monkeypatch):
    place = artifact_of(run, "int8") / "monitor.json"
    if damage == "lost":
        place.unlink()
    else:
        place.write_text("{}", encoding="utf-8")
    resume(run, tiny_model, tiny_data, monkeypatch)
    assert baselines(run) == baselines(finished[0])


def test_a_run_killed_before_it_noted_them_ends_alike(finished, tiny_model, tiny_data, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def dying(store, stage, key, record):
        if stage == "remembered" and store.folder.name == "onnx":
            raise Killed
        save(store, stage, key, record)

    save, out = Checkpoints.save, tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", dying)
        with pytest.raises(Killed):
            optimize(config_for(tiny_model, tiny_data, out), effort=LITTLE)
    optimize(config_for(tiny_model, tiny_data, out), effort=LITTLE)
    assert baselines(out) == baselines(finished[0])
    assert not list(out.rglob(".*.lg-*"))


def test_what_is_made_from_an_artifact_does_not_take_its_baseline(finished, tmp_path):
    made = CandidateConfig(name="smaller", recipe=(Int8(),))
    tmp_path = tmp_path / "smaller"
    tmp_path.mkdir()
    manifest = quantize_artifact(artifact_of(finished[0], "onnx"), made, tmp_path, Making())
    assert "monitor.json" not in manifest.files
    assert read_monitor_baseline(tmp_path) is None


def test_a_run_that_starts_from_an_artifact_is_kept_when_that_gets_a_baseline(
    torch_artifact, tiny_data, tmp_path, monkeypatch
):
    from leanglot.config import DataConfig
    from leanglot.steps import Setting, evaluate

    model = shutil.copytree(torch_artifact, tmp_path / "model")
    config = config_for(model, tiny_data, tmp_path / "run", CANDIDATES[:1])
    first = optimize(config, effort=LITTLE)
    evaluate(str(model), Setting(data=DataConfig(path=tiny_data), threads=1), save_baseline=True)
    assert read_monitor_baseline(model) is not None

    def never(*_args, **_kwargs):
        raise AssertionError("an artifact was made again")

    monkeypatch.setattr("leanglot.trials.make_artifact", never)
    assert optimize(config, effort=LITTLE).candidates == first.candidates


def test_a_router_brings_the_baselines_of_its_variants(run, tmp_path):
    from leanglot.routing.artifact import write_router

    parts = {name: artifact_of(run, name) for name in ("onnx", "int8")}
    write_router(tmp_path / "router", "tiny", parts, {"de": "int8", "en": "int8", "th": "onnx"}, "onnx")
    leanglot.load(tmp_path / "router", threads=1, verify=True)
    found, own = read_monitor_baseline(tmp_path / "router"), baselines(run)
    assert found.languages == {
        tag: own["int8" if tag in {"de", "en"} else "onnx"].languages[tag] for tag in sorted(LANGUAGES)
    }
