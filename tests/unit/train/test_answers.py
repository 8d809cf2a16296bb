"""The teacher answers each text once, and its answers are kept whole or made anew."""

import numpy as np
import pytest
import torch

from leanglot.errors import ModelError, StorageError
from leanglot.models.text_classifier import load_text_classifier
from leanglot.train import answers
from leanglot.train.answers import TeacherAnswers, ask_teacher

LAYERS = (1, 0)


@pytest.fixture(scope="module")
def texts(tiny_classifier, tiny_rows):
    encoded = tiny_classifier.tokenizer.encode_batch([row["text"] for row in tiny_rows[::9]])
    return [np.asarray(one.ids, dtype=np.int64) for one in encoded]


@pytest.fixture
def asked(tiny_classifier):
    """How many texts the teacher reads."""
    counts = []
    hook = tiny_classifier.module.register_forward_pre_hook(
        lambda _, __, inputs: counts.append(len(inputs["input_ids"])), with_kwargs=True
    )
    yield counts
    hook.remove()


@pytest.fixture(autouse=True)
def few_chunks(monkeypatch):
    """Each chunk is flushed to the disk, which may be slow."""
    monkeypatch.setattr(answers, "_CHUNKS", 2)


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(answers, "DEFAULT_BATCH_TOKENS", 40)


def test_answers_are_the_teacher_s_own(tiny_classifier, texts, tmp_path):
    found = ask_teacher(tiny_classifier, texts, tmp_path / "answers", "key", LAYERS)
    assert found.logits.shape == (len(texts), 3)
    assert found.hidden.shape == (sum(map(len, texts)), 2, 32)
    assert found.comparable.all()
    for place, row in enumerate(texts):
        with torch.no_grad():
            own = tiny_classifier.module(torch.from_numpy(row)[None], output_hidden_states=True)
        assert np.allclose(found.logits[place], own.logits[0], atol=1e-4)
        states = np.stack([own.hidden_states[layer + 1][0] for layer in LAYERS], axis=1)
        kept = found.hidden[found.starts[place] : found.starts[place + 1]]
        assert np.allclose(kept, states, atol=1e-2)
    assert not tiny_classifier.module.training


def test_answers_are_memory_mapped(tiny_classifier, texts, tmp_path):
    found = ask_teacher(tiny_classifier, texts, tmp_path, "key", LAYERS)
    for name, kept in (("logits", found.logits), ("hidden", found.hidden)):
        assert isinstance(kept, np.memmap)
        assert np.array_equal(np.load(tmp_path / f"{name}.npy"), kept)
    assert (found.logits.dtype, found.hidden.dtype) == (np.float32, np.float16)


def test_without_layers_no_states_are_kept(tiny_classifier, texts, tmp_path):
    found = ask_teacher(tiny_classifier, texts, tmp_path, "key")
    assert found.hidden is None
    assert found.hidden_of(np.asarray([0, 1]), 32) is None
    assert not (tmp_path / "hidden.npy").exists()


def test_the_teacher_answers_once(tiny_classifier, texts, tmp_path, asked):
    first = ask_teacher(tiny_classifier, texts, tmp_path, "key", LAYERS)
    assert sum(asked) == len(texts)
    asked.clear()
    told = []
    again = ask_teacher(tiny_classifier, texts, tmp_path, "key", LAYERS, told.append)
    assert asked == []
    assert told == [len(texts)]
    assert np.array_equal(again.logits, first.logits)
    assert np.array_equal(again.hidden, first.hidden)


def test_told_are_all_texts(tiny_classifier, texts, tmp_path, small_batches):
    told = []
    ask_teacher(tiny_classifier, texts, tmp_path, "key", on_batch=told.append)
    assert sum(told) == len(texts)
    assert len(told) > 3


def test_what_was_answered_before_a_kill_is_not_asked_again(
    tiny_classifier, texts, tmp_path, asked, monkeypatch, small_batches
):
    whole = ask_teacher(tiny_classifier, texts, tmp_path / "whole", "key", LAYERS)
    monkeypatch.setattr(answers, "_CHUNKS", 5)

    def killed(more):
        if sum(asked) > len(texts) / 2:
            raise KeyboardInterrupt

    asked.clear()
    with pytest.raises(KeyboardInterrupt):
        ask_teacher(tiny_classifier, texts, tmp_path / "killed", "key", LAYERS, killed)
    done = int(np.load(tmp_path / "killed" / "done.npy").sum())
    assert 0 < done <= sum(asked) < len(texts)
    asked.clear()
    told = []
    found = ask_teacher(tiny_classifier, texts, tmp_path / "killed", "key", LAYERS, told.append)
    assert sum(asked) == len(texts) - done
    assert (told[0], sum(told)) == (done, len(texts))
    assert np.allclose(found.logits, whole.logits, atol=1e-4)
    assert np.allclose(found.hidden, whole.hidden, atol=1e-2)


@pytest.mark.parametrize("change", ["key", "layers", "texts"])
def test_answers_to_something_else_are_made_anew(tiny_classifier, texts, tmp_path, asked, change):
    ask_teacher(tiny_classifier, texts, tmp_path, "key", LAYERS)
    (tmp_path / "stray").touch()
    asked.clear()
    key, layers, rows = "key", LAYERS, texts
    if change == "key":
        key = "another"
    elif change == "layers":
        layers = (0,)
    else:
        rows = texts[1:]
    found = ask_teacher(tiny_classifier, rows, tmp_path, key, layers)
    assert sum(asked) == len(rows)
    assert len(found.logits) == len(rows)
    assert not (tmp_path / "stray").exists()


@pytest.mark.parametrize("name", ["key.json", "logits.npy", "hidden.npy", "done.npy"])
@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "garbage"])
def test_damaged_answers_are_made_anew(tiny_classifier, texts, tmp_path, asked, name, damage):
    first = ask_teacher(tiny_classifier, texts, tmp_path, "key", LAYERS)
    expected = np.array(first.logits)
    del first
    asked.clear()
    path = tmp_path / name
    content = path.read_bytes()
    path.unlink()  # the file that is mapped stays as it is
    if damage != "gone":
        path.write_bytes({"cut": content[:-7], "empty": b"", "garbage": b"\xff" * len(content)}[damage])
    found = ask_teacher(tiny_classifier, texts, tmp_path, "key", LAYERS)
    assert sum(asked) == len(texts)
    assert np.array_equal(found.logits, expected)


def test_too_little_space_is_told_with_the_sizes(tiny_classifier, texts, tmp_path, monkeypatch, asked):
    usage = type("Usage", (), {"free": 64 * 2**20 + 1000})
    monkeypatch.setattr(answers.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError) as caught:
        ask_teacher(tiny_classifier, [texts[0]] * 10_000, tmp_path / "answers", "key", LAYERS)
    size = (10_000 * (3 * 4 + 1) + 10_000 * len(texts[0]) * 2 * 32 * 2) / 2**20
    assert f"answers take {size:,.1f} MiB, beside which 64 MiB are to stay free, and the disk" in str(caught.value)
    assert "fewer training texts" in caught.value.hint
    assert asked == []
    assert list((tmp_path / "answers").iterdir()) == []
    ask_teacher(tiny_classifier, texts[:1], tmp_path / "answers", "key")  # what fits is fine


def test_a_place_that_cannot_be_written_is_told(tiny_classifier, texts, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        ask_teacher(tiny_classifier, texts, tmp_path / "file" / "answers", "key")


def test_answers_that_are_no_numbers_are_refused(tiny_model, texts, tmp_path):
    broken = load_text_classifier(tiny_model)
    with torch.no_grad():
        broken.module.classifier.out_proj.bias[1] = float("nan")
    broken.module.train()
    with pytest.raises(ModelError, match="texts are not finite"):
        ask_teacher(broken, texts, tmp_path, "key")
    assert broken.module.training
    assert not np.load(tmp_path / "done.npy").any()


def test_a_teacher_in_training_mode_answers_without_dropout(tiny_model, tiny_classifier, texts, tmp_path):
    teacher = load_text_classifier(tiny_model)
    teacher.module.train()
    found = ask_teacher(teacher, texts, tmp_path / "one", "key")
    assert teacher.module.training
    expected = ask_teacher(tiny_classifier, texts, tmp_path / "two", "key")
    assert np.array_equal(found.logits, expected.logits)


def test_zeros_stand_for_padding_and_for_what_cannot_be_matched():
    made = TeacherAnswers(
        logits=np.arange(6, dtype=np.float32).reshape(3, 2),
        hidden=np.arange(1, 13, dtype=np.float16).reshape(6, 1, 2),
        starts=np.asarray([0, 2, 3, 6]),
        comparable=np.asarray([True, False, True]),
    )
    assert made.logits_of(np.asarray([2, 0])).tolist() == [[4, 5], [0, 1]]
    states = made.hidden_of(np.asarray([2, 1, 0]), 4)
    assert states.shape == (3, 4, 1, 2)
    assert states[0, :, 0].tolist() == [[7, 8], [9, 10], [11, 12], [0, 0]]
    assert not states[1].any()
    assert states[2, :, 0].tolist() == [[1, 2], [3, 4], [0, 0], [0, 0]]
