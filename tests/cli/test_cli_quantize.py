"""``leanglot quantize``: every scheme on every engine that can, calibration with its audit, and what is refused."""

import json
from pathlib import Path

import pytest

import leanglot
from commands import run
from leanglot.results.audits import CalibrationAudit
from leanglot.results.manifest import read_manifest
from leanglot.techniques import Calibration, HalfPrecision, Int8, WeightOnly


@pytest.fixture(scope="module")
def train_data(tmp_path_factory: pytest.TempPathFactory, tiny_rows) -> Path:
    """Texts without labels, of two languages, marked as training and test."""
    path = tmp_path_factory.mktemp("calibration") / "texts.jsonl"
    rows = [{"text": f"{row['text']} filler-1", "language": row["language"], "split": "train"} for row in tiny_rows]
    rows += [{"text": "filler-2", "language": "de", "split": "test"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("scheme", "runtime", "step"),
    [
        ("int8", "onnxruntime", Int8),
        ("int8", "pytorch", Int8),
        ("int8-weights", "onnxruntime", WeightOnly),
        ("int4-weights", "onnxruntime", WeightOnly),
        ("int4-weights", "pytorch", WeightOnly),
        ("int4-weights", "openvino", WeightOnly),
        ("fp16", "onnxruntime", HalfPrecision),
        ("fp16", "pytorch", HalfPrecision),
        ("fp16", "openvino", HalfPrecision),
        ("bf16", "pytorch", HalfPrecision),
    ],
)
def test_each_scheme_writes_an_artifact_that_answers(tiny_model, tmp_path, capsys, scheme, runtime, step):
    out = tmp_path / "out"
    printed = run(capsys, "quantize", tiny_model, "--out", out, "--scheme", scheme, "--runtime", runtime)
    assert f"for {runtime}" in printed
    assert "Threads:" in printed
    manifest = read_manifest(out)
    assert isinstance(manifest.recipe[-1], step)
    assert manifest.threads in manifest.threads_p50_ms
    answer = leanglot.load(out, threads=1, verify=True).predict(["filler-1 de-music-3 filler-7"])[0]
    assert answer.label == "music"


def test_training_for_int8_writes_an_artifact_that_knows_its_training(
    tiny_model, train_data, tiny_data, tmp_path, capsys
):
    out = tmp_path / "qat"
    how = ("--training", train_data, "--epochs", 0.3, "--learning-rate", 0.0001, "--data", tiny_data)
    printed = run(capsys, "quantize", tiny_model, "--out", out, "--scheme", "int8-qat", *how)
    (facts,) = read_manifest(out).training
    assert (facts.technique, facts.unlabelled > 0) == ("qat", True)
    assert "Training by language" in printed
    assert leanglot.load(out).predict(["filler-1 de-music-3 filler-7"])[0].label == "music"
    assert [path.name for path in tmp_path.iterdir()] == ["qat"]


def test_training_for_int8_needs_examples_and_takes_no_others_options(tiny_model, train_data, tmp_path, capsys):
    call = ("quantize", tiny_model, "--out", tmp_path / "out", "--scheme")
    assert "qat needs examples to train on" in run(capsys, *call, "int8-qat", code=2)
    idle = run(capsys, *call, "int8-qat", "--training", train_data, "--block", 64, code=2)
    assert "--scheme int8-qat takes no --block" in idle
    assert "takes no --epochs, --training" in run(
        capsys, *call, "int8", "--training", train_data, "--epochs", 2, code=2
    )
    refused = run(capsys, *call, "int8-qat", "--training", train_data, "--learning-rate", 0, code=2)
    assert "training.learning_rate" in refused


def test_half_precision_says_what_the_hardware_makes_of_it(tiny_model, tmp_path, capsys):
    options = ["--scheme", "bf16", "--runtime", "pytorch", "--target-isa"]
    assert "The target has no BF16 arithmetic" in run(
        capsys, "quantize", tiny_model, "--out", tmp_path / "1", *options, "avx2"
    )
    assert "arithmetic" not in run(capsys, "quantize", tiny_model, "--out", tmp_path / "2", *options, "amx")
    printed = run(capsys, "quantize", tiny_model, "--out", tmp_path / "3", "--scheme", "fp16")
    assert "FP16 is stored, and computed in FP32: half the size, no faster." in printed


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_static_int8_takes_its_ranges_from_the_training_rows(tiny_model, train_data, tmp_path, capsys, runtime):
    options = ["--scheme", "int8-static", "--runtime", runtime, "--calibration", train_data, "--samples", 40]
    run(capsys, "quantize", tiny_model, "--out", tmp_path / "out", *options, "--balance", "proportional")
    manifest = read_manifest(tmp_path / "out")
    assert manifest.recipe[-1].calibration == Calibration(samples=40, balance="proportional")
    assert sum(manifest.calibration.values()) == 40
    assert set(manifest.calibration) == {"de", "en", "sw", "th"}
    assert leanglot.load(tmp_path / "out", threads=1).predict(["filler-1 de-music-3"])[0].label == "music"


def test_options_reach_the_step(tiny_model, tmp_path, capsys):
    options = ["--weights", "unsigned", "--no-per-channel", "--no-embeddings", "--keep", "layer.0", "--keep", "pooler"]
    options[-2:] = []
    run(capsys, "quantize", tiny_model, "--out", tmp_path / "out", *options, "--target-isa", "avx2")
    manifest = read_manifest(tmp_path / "out")
    wanted = Int8(weights="unsigned", per_channel=False, reduce_range=True, keep=("layer.0",))
    assert manifest.recipe == (wanted,)
    assert "avx2" in manifest.target_isa
    assert "avx512_vnni" not in manifest.target_isa


def test_the_target_decides_the_range(tiny_model, tmp_path, capsys):
    for isa, reduced in (("avx512", True), ("avx512-vnni", False), ("neon", False)):
        run(capsys, "quantize", tiny_model, "--out", tmp_path / isa, "--target-isa", isa)
        assert read_manifest(tmp_path / isa).recipe[-1].reduce_range is reduced


def test_the_audit_judges_every_language_with_three_mixtures(tiny_model, train_data, tiny_data, tmp_path, capsys):
    options = ["--scheme", "int8-static", "--calibration", train_data, "--samples", 30, "--data", tiny_data]
    out = tmp_path / "out"
    printed = run(capsys, "quantize", tiny_model, "--out", out, *options, "--audit-calibration")
    for expected in ("Calibration by language", "Thai (th)", "proportional loses", "en only loses", "balanced"):
        assert expected in printed
    assert leanglot.load(out, threads=1, verify=True).predict(["filler-1 de-music-3"])[0].label == "music"
    told = run(capsys, "quantize", tiny_model, "--out", tmp_path / "2", *options, "--audit-calibration", "--json")
    audit = CalibrationAudit.model_validate_json(told)
    assert [variant.name for variant in audit.variants] == ["balanced", "proportional", "en only"]
    balanced, proportional, single = audit.variants
    assert set(single.texts) == {"en"}
    assert proportional.texts["de"] > balanced.texts["de"]
    assert balanced.against_kept == {}
    assert set(single.against_kept) == {"de", "en", "sw", "th"}
    for tag, verdict in single.against_kept.items():
        assert verdict.candidate == single.quality.languages[tag].accuracy
        assert verdict.baseline == balanced.quality.languages[tag].accuracy
    assert any("one language, en" in note for note in single.notes)


# What is refused


def refused(capsys, model, tmp_path, *options):
    message = run(capsys, "quantize", model, "--out", tmp_path / "run", *options, code=2)
    assert not (tmp_path / "run").exists()
    assert "Traceback" not in message
    return message


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--scheme", "int5"], "--scheme int5 is not known. Allowed are int8, int8-static"),
        (["--target-isa", "avx1024"], "'avx1024' is no instruction set that is known here. Allowed are avx2, avx512"),
        (["--scheme", "bf16", "--runtime", "onnxruntime"], "half precision bf16 runs on pytorch, not on onnxruntime"),
        (["--runtime", "openvino"], "int8 with dynamic activations runs on onnxruntime and pytorch, not on openvino"),
        (["--scheme", "fp16", "--block", "64"], "--scheme fp16 takes no --block. It takes --keep."),
        (["--scheme", "int4-weights", "--block", "48"], "it should be 32, 64 or 128"),
        (["--keep", "layer.7"], "keep: 'layer.7' matches no layer"),
        (["--scheme", "int8-static", "--percentile", "99"], "--percentile has no effect with --method minmax"),
        (["--traffic", "de"], "--traffic de is not of the form de=0.3"),
        (["--method", "entropy"], "--scheme int8 takes no --method"),
        (["--scheme", "int8-static"], "needs calibration data, and there are none. Give texts of the training split"),
        (["--audit-calibration"], "nothing says on what. Add --data FILE."),
        (["--scheme", "int8-static", "--balance", "traffic", "--calibration", "nowhere.jsonl"], "need each other"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_can(tiny_model, tmp_path, capsys, options, expected):
    assert expected in refused(capsys, tiny_model, tmp_path, *options)


def test_calibration_rows_of_the_test_split_are_never_used(tiny_model, tmp_path, capsys):
    path = tmp_path / "tests.jsonl"
    path.write_text(json.dumps({"text": "filler-1", "language": "de", "split": "test"}) + "\n")
    message = refused(capsys, tiny_model, tmp_path, "--scheme", "int8-static", "--calibration", path)
    assert "train" in message


def test_empty_calibration_texts_are_refused(tiny_model, tmp_path, capsys):
    path = tmp_path / "empty.jsonl"
    path.write_text(json.dumps({"text": " ", "language": "de"}) + "\n")
    assert "empty" in refused(capsys, tiny_model, tmp_path, "--scheme", "int8-static", "--calibration", path)


def test_long_calibration_texts_are_cut_like_any_other(tiny_model, tmp_path, capsys):
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"text": "filler-1 " * 500, "language": "de"}) + "\n")
    options = ["--scheme", "int8-static", "--calibration", path]
    printed = run(capsys, "quantize", tiny_model, "--out", tmp_path / "out", *options)
    assert "Calibration texts longer than the model reads, which were cut: 1 of 1." in printed
    assert "Calibration: texts are in one language, de" in printed


def test_judged_texts_are_never_calibrated_on(tiny_model, tiny_data, tmp_path, capsys):
    static = ["--scheme", "int8-static", "--data", tiny_data]
    assert "has no column 'split', so all its rows are there to judge on" in refused(
        capsys, tiny_model, tmp_path, *static
    )
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(tiny_data.read_bytes())
    assert "are among those that candidates are judged on" in refused(
        capsys, tiny_model, tmp_path, *static, "--calibration", copy
    )


def test_a_quantized_model_is_not_quantized_again(tiny_model, tmp_path, capsys):
    for runtime in ("pytorch", "openvino"):
        first = tmp_path / runtime
        run(capsys, "quantize", tiny_model, "--out", first, "--scheme", "int8-weights", "--runtime", runtime)
        message = refused(capsys, first, tmp_path, "--scheme", "int8-weights", "--runtime", runtime)
        assert "is quantized already. Give the model, or its FP32 export." in message
