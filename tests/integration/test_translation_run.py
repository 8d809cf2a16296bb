"""The whole run of a tiny translation model that was taught its sentences: verdicts, files, resuming."""

import json
from pathlib import Path

import pytest

import leanglot
from leanglot.cli import main
from leanglot.config import CandidateConfig, DataConfig, RunConfig
from leanglot.errors import ConfigError, DataError
from leanglot.exam import Effort
from leanglot.pipeline import optimize
from leanglot.results.folder import read_report
from leanglot.results.monitor_baseline import read_monitor_baseline
from leanglot.results.translation_store import read_translations
from leanglot.techniques import Int8, SideLayers
from tiny_translators import make_translator, parallel

LITTLE = Effort(latency_calls=16, batch_texts=16, rounds=1, cold_starts=1)
NEIGHBOURS = "leanglot.measure.speed.NeighbourWatch.warnings"
CANDIDATES = (
    CandidateConfig(name="onnx-fp32"),
    CandidateConfig(name="onnx-int8", recipe=(Int8(embeddings=True),)),
    CandidateConfig(name="ctranslate2-int8", runtime="ctranslate2", recipe=(Int8(),)),
    CandidateConfig(name="shallow", recipe=(SideLayers(decoder=1),)),
)


def write(path: Path, rows=None, **changes):
    data = parallel()
    columns = (data.sources, data.references, data.source_languages, data.target_languages)
    names = ("source", "target", "source_language", "target_language")
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)] if rows is None else rows
    path.write_text("".join(json.dumps({**row, **changes}, ensure_ascii=False) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("translation-run")


@pytest.fixture(scope="module")
def config(folder):
    model = make_translator(folder / "model", "marian", steps=150, width=32)
    return RunConfig(
        model=str(model),
        task="translation",
        data=DataConfig(path=write(folder / "data.jsonl")),
        output=folder / "run",
        threads=1,
        candidates=CANDIDATES,
    )


@pytest.fixture(scope="module")
def report(config):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NEIGHBOURS, lambda _: ())  # as on a quiet machine
        return optimize(config, effort=LITTLE)


def test_every_candidate_is_made_measured_and_judged_by_pair(report):
    assert {each.name: each.reason for each in report.candidates if each.status == "failed"} == {}
    assert [each.name for each in report.candidates] == ["pytorch-fp32", *(each.name for each in CANDIDATES)]
    pairs = set(parallel().pairs)
    for each in report.candidates:
        assert set(each.languages) == pairs
        assert set(each.translation.pairs) == pairs
        assert each.latency_ms.p50 > 0
        assert each.peak_rss_bytes > 0
    assert report.metric.name == "chrf"
    assert "nc:6|nw:0" in report.metric.signature


def test_every_artifact_keeps_what_its_monitor_compares_with(report, config):
    for each in report.candidates:
        baseline = read_monitor_baseline(config.output / "candidates" / each.name / "artifact")
        assert (baseline.name, baseline.task, baseline.data) == (each.name, "translation", "data.jsonl")
        assert {pair: found.n for pair, found in baseline.languages.items()} == report.data.examples
        assert all(found.correct >= found.n / 2 for found in baseline.languages.values())


def test_engines_translate_as_the_model_does(report, config):
    run = config.output / "candidates"
    baseline = read_translations(run / "pytorch-fp32" / "translations.parquet")
    for name in ("onnx-fp32", "onnx-int8", "ctranslate2-int8"):
        other = read_translations(run / name / "translations.parquet")
        same = sum(a == b for a, b in zip(baseline.hypothesis, other.hypothesis, strict=True)) / len(baseline)
        assert same == 1 if name == "onnx-fp32" else same > 0.8


def test_the_model_beats_copying_and_a_cut_decoder_is_not_passed_as_safe(report):
    baseline, shallow = report.candidate("pytorch-fp32"), report.candidate("shallow")
    assert all(own.chrf > own.copying for own in baseline.translation.pairs.values())
    assert shallow.status in {"rejected", "unrefuted"}
    assert shallow.accuracy < baseline.accuracy


def test_the_report_and_its_files_are_written(report, config):
    assert read_report(config.output) == report
    for name in ("report.html", "report.md", "languages.csv"):
        assert "en→de" in (config.output / name).read_text(encoding="utf-8")
    assert "chrF" in (config.output / "report.md").read_text(encoding="utf-8")


def test_artifacts_translate_on_their_own(report, config):
    translator = leanglot.load(config.output / "candidates" / "onnx-int8" / "artifact", threads=1)
    data = parallel()
    (answer,) = translator.translate([data.sources[0]], pairs=[data.pairs[0]])
    assert answer.text


class Watch:
    def __init__(self):
        self.last = {}

    def plan(self, names):
        pass

    def enter(self, name, stage, total=None):
        self.last[name] = stage

    def advance(self, name, done):
        pass

    def __getattr__(self, name):
        return lambda *_, **__: None


def test_started_again_it_keeps_what_was_finished(report, config):
    watch = Watch()
    again = optimize(config, watch, LITTLE)
    assert set(watch.last.values()) == {"kept"}
    assert again.model_copy(update={"created_at": report.created_at, "environment": report.environment}) == report


def test_disturbed_timings_are_taken_again(config, folder, monkeypatch):
    alone = config.model_copy(update={"output": folder / "disturbed", "candidates": CANDIDATES[:1]})
    with monkeypatch.context() as patch:
        patch.setattr(NEIGHBOURS, lambda _: ("A neighbour was busy.",))
        assert "A neighbour was busy." in optimize(alone, effort=LITTLE).candidates[1].warnings
    monkeypatch.setattr(NEIGHBOURS, lambda _: ())
    watch = Watch()
    assert optimize(alone, watch, LITTLE).candidates[1].warnings == ()
    assert set(watch.last.values()) == {"done"}
    optimize(alone, watch, LITTLE)
    assert set(watch.last.values()) == {"kept"}


def test_a_pair_that_the_model_does_not_know_is_refused(config, folder):
    data = write(folder / "unknown.jsonl", target_language="sw")
    with pytest.raises(DataError, match="sw"):
        optimize(config.model_copy(update={"data": DataConfig(path=data), "output": folder / "refused"}))
    assert not (folder / "refused").exists()


def test_steps_of_classifiers_are_refused():
    recipe = [{"technique": "distil", "student": {"layers": 2}}]
    with pytest.raises(ConfigError, match="distil-sequence"):
        leanglot.config.make_config(
            {
                "model": "m",
                "task": "translation",
                "data": "d.jsonl",
                "candidates": [{"name": "small", "recipe": recipe}],
            }
        )


def test_the_gate_takes_stored_translations(report, config, capsys):
    run = config.output
    with pytest.raises(SystemExit) as same:
        main(["gate", f"{run}:pytorch-fp32", f"{run}:onnx-fp32", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert same.value.code == 0
    assert found["metric"]["name"] == "chrf"
    assert set(found["languages"]) == set(parallel().pairs)
    with pytest.raises(SystemExit) as floor:
        main(["gate", f"{run}:pytorch-fp32", f"{run}:shallow", "--min-accuracy", "0.999", "--metric", "bleu"])
    assert floor.value.code == 1


def test_the_gate_translates_with_live_artifacts(report, config, capsys):
    artifact = config.output / "candidates" / "onnx-fp32" / "artifact"
    with pytest.raises(SystemExit) as ended:
        main(["gate", config.model, str(artifact), "--data", str(config.data.path), "--threads", "1"])
    assert ended.value.code == 0
    assert "0.0% of the translations changed" in " ".join(capsys.readouterr().out.split())


def test_a_gate_between_models_needs_sentences(config, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["gate", config.model, config.model])
    assert ended.value.code == 2
    assert "Add --data FILE" in capsys.readouterr().err


def test_one_model_is_evaluated_and_compared(report, config, capsys):
    artifact = config.output / "candidates" / "onnx-int8" / "artifact"
    options = ["--data", str(config.data.path), "--threads", "1"]
    ends_well("evaluate", artifact, "--against", config.model, *options)
    told = " ".join(capsys.readouterr().out.split())
    assert "English → German (en→de)" in told
    assert "not proven" in told
    ends_well("evaluate", artifact, "--json", "--metric", "bleu", "--beam", 2, *options)
    found = json.loads(capsys.readouterr().out)
    assert found["metric"]["name"] == "bleu"
    assert found["verdicts"] is None


def test_long_texts_are_judged_as_they_are_translated(report, config, folder, capsys):
    first = parallel().subset([0])
    long = " ".join([first.sources[0]] * 40)
    row = {"source": long, "target": " ".join([first.references[0]] * 40)}
    data = write(folder / "long.jsonl", [row], source_language="en", target_language="de")
    artifact = config.output / "candidates" / "onnx-fp32" / "artifact"
    ends_well("evaluate", artifact, "--data", data, "--threads", "1", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["split"] == 1
    assert found["pairs"]["en→de"]["chrf"] > 0.9
    ends_well("evaluate", artifact, "--data", data, "--threads", "1")
    told = " ".join(capsys.readouterr().out.split())
    assert "translated sentence by sentence: 1." in told


def test_an_unknown_metric_is_refused(config, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", config.model, "--data", str(config.data.path), "--metric", "comet"])
    assert ended.value.code == 2
    assert "Allowed are chrf, bleu" in capsys.readouterr().err


def test_one_model_is_timed_in_turns_with_another(report, config, capsys):
    artifact = config.output / "candidates" / "onnx-fp32" / "artifact"
    data = write(config.output.parent / "few.jsonl", json_rows(config.data.path)[:12])
    ends_well("benchmark", artifact, "--against", config.model, "--data", data, "--threads", 1, "--quick")
    told = " ".join(capsys.readouterr().out.split())
    assert "speed-up, p50" in told
    assert "texts/s" in told


def json_rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ends_well(*words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == 0
