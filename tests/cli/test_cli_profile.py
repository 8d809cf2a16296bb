"""``leanglot profile``: operators, modules, parts and next steps, of a model and of artifacts."""

import json
import shutil

import pytest

from commands import captured
from leanglot.artifacts import make_artifact
from leanglot.config import CandidateConfig
from leanglot.quantizers import Making
from leanglot.results.profile import Profile
from leanglot.techniques import Int8


def run(capsys, *arguments, code=0):
    printed = captured(capsys, *arguments, code=code)
    return printed.out if code == 0 else " ".join(printed.err.split())


@pytest.fixture(scope="module")
def int8_artifact(tiny_classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    candidate = CandidateConfig(name="int8", recipe=(Int8(embeddings=True),))
    make_artifact(tiny_classifier, candidate, folder, Making())
    return folder


def test_a_model_is_profiled_on_pytorch_and_as_its_export(tiny_model, tiny_data, tmp_path, capsys):
    out = tmp_path / "profile"
    printed = run(capsys, "profile", tiny_model, "--data", tiny_data, "--out", out, "--top", 60)
    for told in ("PyTorch, the model", "ONNX Runtime, the model's plain export", "aten::linear", "MatMul"):
        assert told in printed
    assert "32 texts of tiny.jsonl in 4 languages" in printed
    order = [printed.index(f"{number}. {stage}") for number, stage in enumerate(("measure", "easy wins"), start=1)]
    assert order == sorted(order)
    assert "outside of all operators" in printed
    record = Profile.model_validate_json((out / "profile.json").read_bytes())
    assert [each.engine for each in record.engines] == ["pytorch", "onnxruntime"]
    assert record.texts.languages == {"de": 8, "en": 8, "sw": 8, "th": 8}
    assert record.texts.tokenization_p50_ms > 0
    assert (out / "profile.png").stat().st_size > 10_000
    assert (out / "profile.svg").is_file()


def test_an_artifact_in_batches_as_json(int8_artifact, capsys):
    options = ["--batch", 4, "--length", 9, "--threads", 1, "--json"]
    record = Profile.model_validate(json.loads(run(capsys, "profile", int8_artifact, *options)))
    (engine,) = record.engines
    assert (engine.engine, engine.origin, engine.threads) == ("onnxruntime", "artifact", 1)
    assert (record.texts.source, record.texts.batch, record.texts.tokens_max) == (None, 4, 9)
    assert [step.state for step in record.next_steps if step.title.startswith("Quantize")] == ["done"]
    assert "random tokens" in record.notes[0]


def test_one_engine_of_a_pytorch_artifact(torch_artifact, capsys):
    options = ["--threads", 1, "--json", "--length", 6, "--engine", "onnxruntime"]
    record = Profile.model_validate(json.loads(run(capsys, "profile", torch_artifact, *options)))
    assert [(each.engine, each.origin) for each in record.engines] == [("onnxruntime", "plain export")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--engine", "tensorrt"], "--engine tensorrt is not known."),
        (["--engine", "pytorch"], "holds a graph for onnxruntime, which --engine pytorch cannot execute."),
        (["--engine", "both"], "which --engine both cannot execute. Use --engine onnxruntime"),
        (["--length", "33"], "--length 33 is not a length that the model reads. Allowed are 1 to 32 tokens"),
        (["--length", "0"], "--length 0 is not a length"),
        (["--batch", "0"], "The batch size is 0."),
        (["--batch", "5000"], "Allowed are 1 to 1024."),
        (["--data", "DATA", "--length", "8"], "--length has no effect here"),
        (["--data", "EMPTY"], "empty"),
        (["--data", "no-such.jsonl"], "no-such.jsonl"),
    ],
)
def test_what_cannot_be_profiled_is_refused(onnx_artifact, tiny_data, tmp_path, capsys, options, expected):
    (tmp_path / "empty.jsonl").write_text("")
    places = {"DATA": tiny_data, "EMPTY": tmp_path / "empty.jsonl"}
    arguments = [places.get(option, option) for option in options]
    message = run(capsys, "profile", onnx_artifact, *arguments, "--out", tmp_path / "out", code=2)
    assert expected in message
    assert "Error:" in message
    assert not (tmp_path / "out").exists()


def test_a_model_needs_an_export_for_openvino(tiny_model, capsys):
    message = run(capsys, "profile", tiny_model, "--engine", "openvino", code=2)
    assert "Export it first: leanglot export" in message


def test_no_model_is_refused(tmp_path, capsys):
    assert "does not exist" in run(capsys, "profile", tmp_path / "none", code=2)


def test_a_damaged_artifact_is_refused(onnx_artifact, tmp_path, capsys):
    broken = shutil.copytree(onnx_artifact, tmp_path / "broken")
    (broken / "model.onnx").write_bytes(b"no graph")
    assert "cannot load" in run(capsys, "profile", broken, "--threads", 1, code=2)
