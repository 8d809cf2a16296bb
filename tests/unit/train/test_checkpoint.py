"""A training's state on disk comes back exactly, or says why it cannot be used."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from leanglot.errors import StorageError, TrainingError
from leanglot.results.training import Epoch, LanguageCheck
from leanglot.train.checkpoint import (
    Progress,
    load_final,
    load_state,
    load_weights,
    save_final,
    save_state,
    save_weights,
    trained_tensors,
)
from leanglot.train.rows import collate
from tiny_training import make_learner, make_rows, weights_of

EPOCH = Epoch(
    step=2,
    epoch=1 / 3,
    learning_rate=1e-3 / 7,
    seen={"de": 4},
    loss={"de": 0.1 + 0.2},
    parts={"loss": 1e-17},
    held_out={"de": LanguageCheck(n=3, right=1, loss=2 / 3)},
    seconds=1.5,
    peak_memory_bytes=2**40,
)
PROGRESS = Progress(
    key="key", step=3, epochs=(EPOCH,), first_losses=(0.1, 1 / 3), average_loss=1 / 7, sums={"de": (1.0, 2 / 3)}
)


def optimizer_of(learner):
    return torch.optim.AdamW([weight for weight in learner.parameters() if weight.requires_grad], lr=1e-2)


def step(learner, optimizer):
    batch = collate(make_rows(), torch.arange(6).numpy(), torch.device("cpu"))
    learner.eval()(batch)[:, 0].sum().backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.fixture
def saved(tmp_path):
    """A learner after two steps, its optimizer, and the file of both."""
    learner = make_learner()
    optimizer = optimizer_of(learner)
    for _ in range(2):
        step(learner, optimizer)
    path = tmp_path / "training" / "state.safetensors"
    save_state(path, learner, optimizer, PROGRESS)
    return learner, optimizer, path


def refused(load, path, *arguments):
    with pytest.raises(TrainingError) as caught:
        load(path, *arguments)
    assert str(path) in caught.value.message
    assert f"elete {path.parent} to start" in caught.value.hint
    return caught.value.message


def test_a_state_comes_back_exactly(saved):
    learner, optimizer, path = saved
    fresh = make_learner()
    moved = optimizer_of(fresh)
    assert load_state(path, fresh, moved, "key") == PROGRESS
    for name, tensor in weights_of(learner).items():
        assert torch.equal(weights_of(fresh)[name], tensor)
    for one, other in ((learner, optimizer), (fresh, moved)):
        step(one, other)
    for name, tensor in weights_of(learner).items():
        assert torch.equal(weights_of(fresh)[name], tensor)
    assert moved.state_dict()["state"].keys() == optimizer.state_dict()["state"].keys()


def test_moments_count_in_what_comes_back(saved):
    learner, optimizer, path = saved
    fresh = make_learner()
    forgetful = optimizer_of(fresh)
    load_state(path, fresh, optimizer_of(fresh), "key")
    for one, other in ((learner, optimizer), (fresh, forgetful)):
        step(one, other)
    assert any(not torch.equal(weights_of(fresh)[name], tensor) for name, tensor in weights_of(learner).items())


def test_weights_that_are_frozen_are_not_kept(tmp_path):
    learner = make_learner()
    for weight in learner.model.get_input_embeddings().parameters():
        weight.requires_grad = False
    save_weights(tmp_path / "best.safetensors", learner, "key", 7)
    stored = load_file(tmp_path / "best.safetensors")
    assert {name.removeprefix("weight:") for name in stored} == set(trained_tensors(learner))
    assert not any("word_embeddings" in name for name in stored)
    frozen = learner.model.get_input_embeddings().weight.clone()
    before = weights_of(learner)
    with torch.no_grad():
        for weight in learner.parameters():
            weight.add_(1)
    load_weights(tmp_path / "best.safetensors", learner, "key", 7)
    for name, tensor in weights_of(learner).items():
        expected = frozen + 1 if "word_embeddings" in name else before[name]
        assert torch.equal(tensor, expected)


def test_a_final_result_comes_back_with_how_it_went(tmp_path):
    learner, progress = make_learner(), PROGRESS.model_copy(update={"kept_step": 2})
    step(learner, optimizer_of(learner))
    save_final(tmp_path / "final.safetensors", learner, progress)
    fresh = make_learner()
    assert load_final(tmp_path / "final.safetensors", fresh, "key") == progress
    assert all(torch.equal(weights_of(fresh)[name], tensor) for name, tensor in weights_of(learner).items())


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_file_that_was_cut_off_is_refused(saved, kept):
    learner, optimizer, path = saved
    path.write_bytes(path.read_bytes()[:kept])
    assert "cannot be used" in refused(load_state, path, learner, optimizer, "key")
    assert "cannot be used" in refused(load_final, path, learner, "key")
    assert "cannot be used" in refused(load_weights, path, learner, "key", 7)


def test_a_file_of_something_else_is_refused(saved):
    learner, optimizer, path = saved
    path.write_bytes(b"PK\x03\x04" + b"\0" * 1000)
    assert "cannot be used" in refused(load_state, path, learner, optimizer, "key")
    save_file({"weight:x": torch.zeros(1)}, path)
    assert "does not say how far" in refused(load_state, path, learner, optimizer, "key")
    save_file({"weight:x": torch.zeros(1)}, path, {"progress": "{}"})
    assert "does not say how far" in refused(load_final, path, learner, "key")


def test_the_state_of_another_training_is_refused(saved):
    learner, optimizer, path = saved
    before = weights_of(learner)
    for load, arguments in ((load_state, (learner, optimizer)), (load_final, (learner,))):
        assert "is of another training" in refused(load, path, *arguments, "another")
    save_weights(path, learner, "key", 7)
    assert "is of another training" in refused(load_weights, path, learner, "another", 7)
    assert "is of another training" in refused(load_weights, path, learner, "key", 8)
    assert all(torch.equal(weights_of(learner)[name], tensor) for name, tensor in before.items())


def test_weights_of_other_shapes_are_refused(saved):
    _, _, path = saved
    for other in (make_learner("bert"), make_learner(teacher_width=16), make_learner(hidden_layers=())):
        message = refused(load_state, path, other, optimizer_of(other), "key")
        assert "its weights are of other shapes than the model's" in message


def test_a_file_that_cannot_be_written_leaves_the_old_one(saved, monkeypatch):
    learner, optimizer, path = saved
    old = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("leanglot.train.checkpoint.save_file", full)
    with pytest.raises(StorageError, match="There is no space left to write"):
        save_state(path, learner, optimizer, PROGRESS)
    assert path.read_bytes() == old
    assert [each.name for each in path.parent.iterdir()] == [path.name]
