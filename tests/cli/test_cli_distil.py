"""Distillation from the command line: students, recovery, what is told by language, and what is refused."""

import json
import random
from pathlib import Path

import pytest

import leanglot
from commands import run
from leanglot.cli import main
from leanglot.models.text_classifier import load_text_classifier
from leanglot.results.manifest import read_manifest
from tiny_rows import rows

QUICK = ("--epochs", 0.5, "--batch-size", 16, "--learning-rate", 0.003)


def written(path: Path, examples: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in examples), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled sentences of a training split."""
    examples = rows({"de": 60, "en": 60, "th": 30, "sw": 12}, seed=11)
    return written(tmp_path_factory.mktemp("lessons") / "train.jsonl", examples)


def test_a_student_of_fewer_layers_and_what_it_costs_by_language(tiny_model, lessons, tiny_data, tmp_path, capsys):
    out = tmp_path / "small"
    printed = run(
        capsys, "distil", tiny_model, "--training", lessons, "--out", out, "--layers", 1, *QUICK, "--data", tiny_data
    )
    manifest = read_manifest(out)
    (facts,) = manifest.training
    assert (facts.technique, set(facts.examples)) == ("distil", {"de", "en", "th", "sw"})
    assert load_text_classifier(out).module.config.num_hidden_layers == 1
    assert leanglot.load(out).predict(["filler-1 de-music-1"])
    for said in ("Training by language", "Swahili (sw)", "Quality by language", "to settle it"):
        assert said in printed
    assert not (tmp_path / ".small.lg-training").exists()


def test_a_pruned_model_recovers_as_the_student(tiny_model, lessons, tmp_path, capsys):
    run(capsys, "prune", tiny_model, "--out", tmp_path / "slim", "--ffn", 0.5, "--calibration", lessons)
    out = tmp_path / "recovered"
    run(capsys, "distil", tiny_model, "--student", tmp_path / "slim", "--training", lessons, "--out", out, *QUICK)
    assert [step.technique for step in read_manifest(out).recipe] == ["ffn", "distil"]


def test_a_student_with_new_weights_for_another_engine(tiny_model, lessons, tmp_path, capsys):
    sizes = ("--hidden-size", 16, "--heads", 2, "--ffn", 24, "--layers", 1)
    out = tmp_path / "new"
    run(
        capsys,
        *("distil", tiny_model, "--training", lessons, "--out", out, *sizes, *QUICK),
        *("--match-hidden", 1, "--runtime", "onnxruntime"),
    )
    assert read_manifest(out).runtime == "onnxruntime"
    assert leanglot.load(out).predict(["filler-1 de-music-1"])


def test_fine_tuning_by_labels_alone_freezing_the_table(tiny_model, lessons, tmp_path, capsys):
    out = tmp_path / "tuned"
    course = ("--warmup", 0.5, "--schedule", "cosine", "--clip", 0.5, "--weight-decay", 0)
    more = ("--alpha", 0, "--freeze", "word_embeddings", "--balance", "temperature", "--validation", 0)
    printed = run(capsys, "distil", tiny_model, "--training", lessons, "--out", out, *QUICK, *course, *more)
    before, after = (load_text_classifier(folder).module.get_input_embeddings().weight for folder in (tiny_model, out))
    assert before.equal(after)
    (step,) = read_manifest(out).recipe
    how = step.training
    assert (how.warmup, how.schedule, how.clip, how.weight_decay) == (0.5, "cosine", 0.5, 0.0)
    assert "n/a" in printed  # nothing was held out


def test_unlabelled_texts_in_a_batch_smaller_than_the_languages(tiny_model, lessons, tmp_path, capsys):
    examples = map(json.loads, lessons.read_text(encoding="utf-8").splitlines())
    texts = [{"text": row["text"], "language": row["language"]} for row in examples]
    path = written(tmp_path / "log.jsonl", random.Random(0).sample(texts, 40))
    out = tmp_path / "small"
    printed = run(
        capsys, "distil", tiny_model, "--training", path, "--out", out, "--layers", 1, "--epochs", 1, "--batch-size", 3
    )
    assert "without a label" in printed
    assert "fewer than the 4 languages" in printed


def bad(argument: object, *more: object) -> tuple[object, ...]:
    return ("--layers", 1, argument, *more)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Nothing says what the student is"),
        (("--layers", 3), "which has 2"),
        (("--hidden-size", 64), "wider: true"),
        (("--layers", 0), "student.layers"),
        (bad("--learning-rate", 0), "training.learning_rate"),
        (bad("--learning-rate", -1), "training.learning_rate"),
        (bad("--temperature", 0), "temperature"),
        (bad("--alpha", 1.5), "alpha"),
        (bad("--epochs", 0), "training.epochs"),
        (bad("--batch-size", 0), "training.batch_size"),
        (bad("--take", "middle"), "student.take"),
        (bad("--balance", "fair"), "training.balance"),
        (bad("--balance", "traffic"), "need each other"),
        (bad("--warmup", 2), "training.warmup"),
        (bad("--schedule", "square"), "training.schedule"),
        (bad("--weight-decay", 1), "training.weight_decay"),
        (bad("--clip", 0), "training.clip"),
        (bad("--patience", 1, "--validation", 0), "patience needs held-out examples"),
        (bad("--freeze", "nothing"), "freeze: 'nothing' matches no layer with weights"),
        (bad("--precision", "fp16"), "fp16 needs a GPU"),
        (bad("--log-with", "paper"), "--log-with paper is not known"),
        (("--hidden-size", 16, "--take", "first"), "take chooses among the model's layers"),
        (("--student", "{model}", "--layers", 1), "--layers has no effect"),
    ],
    ids=str,
)
def test_wrong_options(tiny_model, lessons, tmp_path, capsys, options, said):
    given = [str(option).replace("{model}", str(tiny_model)) for option in options]
    out = tmp_path / "out"
    assert said in run(capsys, "distil", tiny_model, "--training", lessons, "--out", out, *given, code=2)
    assert not list(tmp_path.iterdir())


def test_examples_that_do_not_fit(tiny_model, tiny_data, tmp_path, capsys):
    call = ("distil", tiny_model, "--layers", 1, "--out", tmp_path / "out", "--training")
    unknown = written(tmp_path / "u.jsonl", [{"text": "a", "label": "cooking", "language": "de"}])
    assert "unknown to the model" in run(capsys, *call, unknown, code=2)
    nameless = written(tmp_path / "n.jsonl", [{"text": "a", "label": "music", "language": ""}])
    assert "has no language tag" in run(capsys, *call, nameless, code=2)
    assert "lacks a column" in run(capsys, *call, written(tmp_path / "l.jsonl", [{"text": "a"}]), code=2)
    assert "There is no" in run(capsys, *call, tmp_path / "absent.jsonl", code=2)
    assert "are among those that" in run(capsys, *call, tiny_data, "--data", tiny_data, code=2)
    shares = ("--balance", "traffic", "--traffic", "fr=1")
    assert "No language of the traffic" in run(capsys, *call, tiny_data, *shares, code=2)


def test_a_damaged_checkpoint_is_told_and_nothing_is_lost(tiny_model, lessons, tmp_path, capsys, monkeypatch):
    out = tmp_path / "small"
    call = ("distil", tiny_model, "--training", lessons, "--out", out, "--layers", 1, *QUICK)

    def stop(*_: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr("leanglot.artifacts.write_manifest", stop)
        with pytest.raises(RuntimeError, match="the power went"):
            main([str(argument) for argument in call])
    (final,) = (tmp_path / ".small.lg-training").rglob("final.safetensors")
    assert not out.exists()
    final.write_bytes(final.read_bytes()[:100])
    assert "Delete" in run(capsys, *call, code=2)
    final.unlink()
    run(capsys, *call)
    assert out.is_dir()
