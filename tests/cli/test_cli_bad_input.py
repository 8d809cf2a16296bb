"""Bad input on the command line: exit code 2, one message that says what, where, what is allowed, and nothing left."""

import gzip
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from leanglot.cli import main


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may damage."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def main_ok(arguments: list[object]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert stopped.value.code == 0


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Run a command, expect it to be refused, and give its message in one line."""

    def run(*arguments: object, quiet: bool = True) -> str:
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert stopped.value.code == 2
        assert "Traceback" not in printed.err
        assert printed.out == "" or not quiet
        assert not (tmp_path / "run").exists()
        return " ".join(printed.err.split())

    return run


def optimize(model: object, data: object, tmp_path: Path) -> list[object]:
    return ["optimize", model, "--data", data, "--out", tmp_path / "run"]


# The model


def test_a_missing_model_folder(refused, tiny_data, tmp_path):
    message = refused(*optimize(tmp_path / "nowhere", tiny_data, tmp_path))
    assert f"Model folder {tmp_path / 'nowhere'} does not exist." in message
    assert "save_pretrained" in message


def test_a_folder_without_config(refused, model, tiny_data, tmp_path):
    (model / "config.json").unlink()
    message = refused(*optimize(model, tiny_data, tmp_path))
    assert "has no config.json; it holds model.safetensors" in message


def test_pickled_weights_are_refused_with_the_flag_that_allows_them(refused, model, tiny_data, tmp_path):
    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    message = refused(*optimize(model, tiny_data, tmp_path))
    assert "only pickled weights" in message
    assert "--allow-pickle" in message


def test_pickled_weights_are_read_when_allowed(model, tiny_data, capsys):
    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    main_ok(["evaluate", model, "--data", tiny_data, "--allow-pickle", "--threads", 1])
    assert "German (de)" in capsys.readouterr().out


def test_truncated_safetensors(refused, model, tiny_data, tmp_path):
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    message = refused(*optimize(model, tiny_data, tmp_path))
    assert "damaged or cut off (5000 bytes)" in message


def test_a_graph_where_a_model_is_needed(refused, model, tiny_data, tmp_path, capsys):
    onnx, int8 = tmp_path / "onnx", tmp_path / "int8"
    main_ok(["export", model, "--out", onnx])
    main_ok(["quantize", onnx, "--out", int8])
    assert f'leanglot.load("{int8}").predict(' in capsys.readouterr().out  # on one line, to be copied
    assert "It holds an ONNX graph" in refused(*optimize(onnx, tiny_data, tmp_path))
    assert "magnitude starts from a PyTorch model" in refused(
        "prune", onnx, "--out", tmp_path / "run", "--sparsity=0.5"
    )
    assert "an export starts from a PyTorch model" in refused("export", onnx, "--out", tmp_path / "run")
    assert "is quantized already" in refused("quantize", int8, "--out", tmp_path / "run")


def test_a_missing_tokenizer(refused, model, tiny_data, tmp_path):
    (model / "tokenizer.json").unlink()
    message = refused(*optimize(model, tiny_data, tmp_path))
    assert "has no tokenizer" in message
    assert "tokenizer.save_pretrained" in message


# The data


def write(tmp_path: Path, content: str | bytes, name: str = "data.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(*changes: dict[str, object]) -> str:
    good = {"text": "filler-1 de-lights-1", "label": "lights", "language": "de"}
    return "".join(json.dumps(good | change) + "\n" for change in changes)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("", "empty", id="an empty file"),
        pytest.param('{"text": "Gr\xfc\xdfe"}'.encode("latin-1"), "iconv", id="a wrong encoding"),
        pytest.param(rows({}) + '{"text": \n', "line 2", id="broken JSON"),
        pytest.param(
            '{"sentence": "x", "label": "lights", "language": "de"}\n', "--text-column", id="a missing column"
        ),
        pytest.param(rows({}, {"label": "light"}), "lights", id="an unknown label"),
        pytest.param(rows({"label": 7}, {"label": 1}), "0", id="a label outside the head"),
        pytest.param(rows({}, {"text": "  "}), "line 2", id="an empty text"),
        pytest.param(rows({}, {"language": "klingonish"}), "line 2", id="no BCP-47 tag"),
    ],
)
def test_unusable_data(content, expected, refused, model, tmp_path):
    path = write(tmp_path, content)
    message = refused(*optimize(model, path, tmp_path))
    assert path.name in message or "label" in message
    assert expected in message


def test_a_missing_data_file(refused, model, tmp_path):
    message = refused(*optimize(model, tmp_path / "nothing.jsonl", tmp_path))
    assert "nothing.jsonl" in message


def test_no_data_at_all(refused, model, tmp_path):
    assert "--data" in refused("optimize", model, "--out", tmp_path / "run")


# Data that is odd, but works


def test_a_text_of_a_megabyte_is_cut_and_counted(model, tmp_path, capsys):
    path = write(tmp_path, rows({}, {"text": "filler-1 " * 200_000}))
    main_ok(["evaluate", model, "--data", path, "--threads", 1])
    printed = " ".join(capsys.readouterr().out.split())
    assert "Texts longer than the model reads, which were cut: 1." in printed


def test_one_language_with_one_example_says_what_it_cannot_prove(model, tmp_path, capsys):
    path = write(tmp_path, rows({}))
    main_ok(["evaluate", model, "--data", path, "--against", model, "--threads", 1])
    printed = " ".join(capsys.readouterr().out.split())
    assert re.search(r"\? not proven \d,\d{3} more", printed)
    assert "All examples are in one language" in printed


def test_compressed_csv_with_other_column_names(model, tmp_path, capsys):
    path = tmp_path / "data.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.write("sentence,intent,lang\nfiller-1 de-lights-1,lights,de\nfiller-2 en-music-2,music,en\n")
    columns = ["--text-column", "sentence", "--label-column", "intent", "--language-column", "lang"]
    main_ok(["evaluate", model, "--data", path, "--threads", 1, *columns])
    assert "English (en)" in capsys.readouterr().out


# Settings, folders, runs


def test_all_faults_of_a_config_at_once(refused, model, tiny_data, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(
        f"model: {model}\ndata: {tiny_data}\noutput: {tmp_path / 'run'}\nmargn: 0.02\nalpha: 3\n"
        "candidates:\n  - {name: a, runtime: tensorrt}\n  - {name: b, recipe: [{technique: int8, embedings: true}]}\n"
    )
    message = refused("optimize", config)
    for expected in ("margn", "margin", "alpha", "tensorrt", "onnxruntime", "embedings", "embeddings"):
        assert expected in message


def test_options_that_a_config_file_would_win_over(refused, model, tiny_data, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(f"model: {model}\ndata: {tiny_data}\noutput: {tmp_path / 'run'}\n")
    message = refused("optimize", config, "--margin", 0.02, "--data", tiny_data, "--out", tmp_path / "run", "--quick")
    assert "so --data, --margin have no effect" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; the pipeline test checks it another way")
def test_a_folder_that_may_not_be_written(refused, model, tiny_data, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert "not writable" in refused("optimize", model, "--data", tiny_data, "--out", locked / "run")


def test_an_output_that_is_a_file(refused, model, tiny_data, tmp_path):
    taken = write(tmp_path, "x", "taken")
    message = refused("optimize", model, "--data", tiny_data, "--out", taken)
    assert "is a file" in message
    assert "--out" in message


def test_an_artifact_folder_that_exists_is_not_overwritten(refused, model, tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("precious")
    assert "--force" in refused("export", model, "--out", taken)
    assert (taken / "mine.txt").read_text() == "precious"


def test_force_replaces_artifacts_alone(refused, model, tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("precious")
    assert "is no artifact of leanglot" in refused("export", model, "--out", taken, "--force")
    assert (taken / "mine.txt").read_text() == "precious"
    assert "is no artifact of leanglot" in refused("quantize", model, "--out", model, "--force")
    main_ok(["prune", model, "--out", tmp_path / "pruned", "--sparsity", 0.3])
    (tmp_path / "pruned" / "NOTES.md").write_text("mine")
    other = refused("export", model, "--out", tmp_path / "pruned", "--force", quiet=False)
    assert "holds other files too" in other
    (tmp_path / "pruned" / "NOTES.md").unlink()
    again = refused(
        "prune", tmp_path / "pruned", "--out", tmp_path / "pruned", "--sparsity", 0.3, "--force", quiet=False
    )
    assert "holds the model itself" in again
    (tmp_path / "link").symlink_to(tmp_path / "pruned")
    assert "is no artifact of leanglot" in refused("export", model, "--out", tmp_path / "link", "--force")


def test_a_run_overwrites_nobodys_files(refused, model, tiny_data, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "report.md").write_text("precious")
    message = refused("optimize", model, "--data", tiny_data, "--out", mine, "--quick")
    assert "is no run folder and not empty" in message
    assert (mine / "report.md").read_text() == "precious"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"problem_type": "regression"}, "is made for regression"),
        ({"problem_type": "multi_label_classification"}, "is made for multi_label_classification"),
        ({"id2label": {"1": "lights", "2": "music", "3": "weather"}}, "id2label must name each class"),
        ({"id2label": {"0": "lights", "1": "lights", "2": "weather"}}, "id2label must name each class"),
    ],
)
def test_heads_that_are_no_classifiers(changes, expected, refused, model, tiny_data, tmp_path):
    config = json.loads((model / "config.json").read_text()) | changes
    (model / "config.json").write_text(json.dumps(config))
    assert expected in refused(*optimize(model, tiny_data, tmp_path))


def test_weights_that_are_no_numbers(refused, model, tiny_data, tmp_path):
    weights = load_file(model / "model.safetensors")
    weights["classifier.out_proj.weight"][0, 0] = float("nan")
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    assert "classifier.out_proj.weight in" in refused(*optimize(model, tiny_data, tmp_path))


def test_a_tokenizer_of_another_model(refused, model, tiny_data, tmp_path):
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["one-more"] = 10_000
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "gives ids up to 10,000; the model knows" in refused(*optimize(model, tiny_data, tmp_path))


def test_a_length_that_the_model_does_not_read(refused, model, tiny_data, tmp_path):
    message = refused(*optimize(model, tiny_data, tmp_path), "--max-length", 5000)
    assert "The maximum length is 5000 tokens" in message
    assert "reads 32 at most" in message


@pytest.mark.parametrize(
    "options", [["--seed", -1], ["--text-column", ""], ["--threads", 100_000], ["--margin", 0], ["--alpha", 2]]
)
def test_options_out_of_range(options, refused, model, tiny_data):
    assert refused("evaluate", model, "--data", tiny_data, *options)


def test_a_column_of_the_name_split_can_be_ignored(model, tmp_path, capsys):
    path = write(tmp_path, rows({"split": "fold1"}, {"split": "fold2", "group": None}))
    with pytest.raises(SystemExit):
        main(["evaluate", str(model), "--data", str(path)])
    assert "--split-column none" in capsys.readouterr().err
    main_ok(["evaluate", model, "--data", path, "--split-column", "none", "--group-column", "none", "--threads", 1])
    assert "German (de)" in capsys.readouterr().out


@pytest.mark.parametrize("sparsity", ["1.0", "-0.1", "nan"])
def test_an_impossible_sparsity(sparsity, refused, model, tmp_path):
    assert "sparsity" in refused("prune", model, "--out", tmp_path / "run", f"--sparsity={sparsity}")


def test_a_runtime_that_does_not_exist(refused, model, tmp_path):
    message = refused("prune", model, "--out", tmp_path / "run", "--sparsity=0.5", "--runtime", "tensorrt")
    assert "'pytorch', 'onnxruntime', 'openvino' or 'ctranslate2'" in message


def test_a_folder_that_is_no_run(refused, tmp_path):
    assert "report" in refused("report", tmp_path)


def test_a_damaged_run(refused, tmp_path):
    (tmp_path / "report.json").write_text('{"schema_version": 1, "candidates": [')
    assert "damaged" in refused("recommend", tmp_path)


def test_a_run_of_a_newer_schema(refused, tmp_path):
    (tmp_path / "report.json").write_text('{"schema_version": 99}')
    message = refused("recommend", tmp_path)
    assert "newer leanglot" in message
    assert "pip install -U leanglot" in message


def test_models_with_other_labels_are_not_compared(refused, model, tiny_data, tmp_path):
    other = Path(shutil.copytree(model, tmp_path / "other"))
    config = json.loads((other / "config.json").read_text())
    config["id2label"] = {"0": "a", "1": "b", "2": "c"}
    config["label2id"] = {"a": 0, "b": 1, "c": 2}
    (other / "config.json").write_text(json.dumps(config))
    assert "other labels" in refused("evaluate", model, "--data", tiny_data, "--against", other)


def test_a_missing_extra_names_the_command_that_installs_it(refused, monkeypatch, tmp_path):
    monkeypatch.setenv("LEANGLOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(__import__("sys").modules, "home_assistant_intents", None)
    message = refused("demo", "--out", tmp_path / "run")
    assert 'pip install "leanglot[demo]"' in message
