"""A training that is killed goes on in another process, and ends as an unbroken one does, bit for bit."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from leanglot.errors import TrainingError
from leanglot.train import run
from tiny_training import SHORT, make_learner, make_rows, train, weights_of, without_teacher

HELD = without_teacher(make_rows({"de": 6, "en": 6}, seed=9))
STEPS = 12
CONFIG = SHORT.model_copy(update={"epochs": 3, "patience": 2})  # with the dropout of the model's config

SCRIPT = """
import os, signal, sys
from pathlib import Path
import torch
from leanglot.train import checkpoint, run
sys.path.insert(0, TESTS)
from tiny_training import make_rows, train, without_teacher
from leanglot.techniques.training import Training

torch.set_num_threads(1)
run._WRITING_SHARE = 0
folder, when, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
config = Training.model_validate_json(sys.argv[4])
written = 0

def killed():
    os.kill(os.getpid(), signal.SIGKILL)

def tell(done, steps, loss):
    if when == "step" and done == last:
        killed()

save_file = checkpoint.save_file

def save(tensors, path, metadata):
    global written
    save_file(tensors, path, metadata)
    written += 1
    if when == "writing" and written == last:
        content = path.read_bytes()
        path.unlink()
        # The library writes beside the file and gives it its name at the end.
        path.with_name(".tmpUORykR").write_bytes(content[: len(content) // 2])
        killed()

checkpoint.save_file = save
held = without_teacher(make_rows({"de": 6, "en": 6}, seed=9))
train(folder, config, held_out=held, tell=tell, seconds=0)
sys.exit("it was not killed")
"""


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """A checkpoint at every step, and sums in the order of the killed process."""
    monkeypatch.setattr(run, "_WRITING_SHARE", 0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Weights and record of a training that nothing disturbs, without a checkpoint."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    learner, trained = train(tmp_path_factory.mktemp("unbroken"), CONFIG, held_out=HELD)
    torch.set_num_threads(threads)
    return weights_of(learner), trained


def record(trained):
    epochs = [epoch.model_copy(update={"seconds": 0.0, "peak_memory_bytes": 0}) for epoch in trained.epochs]
    return trained.steps, trained.stopped_at, trained.kept_step, trained.processes, epochs


def is_as(unbroken, learner, trained):
    weights, expected = unbroken
    assert record(trained) == record(expected)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in weights_of(learner).items())
    assert all(epoch.seconds > 0 and epoch.peak_memory_bytes > 0 for epoch in trained.epochs)
    return True


def run_until_killed(tmp_path, when, last, config=CONFIG):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.replace("TESTS", repr(str(Path(__file__).parents[1]))), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "training"), when, str(last), config.model_dump_json()],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return tmp_path / "training"


def resumed(folder, config=CONFIG, **more):
    first = []
    learner, trained = train(folder, config, held_out=HELD, hook=lambda step, _: first.append(step), seconds=0, **more)
    return first, learner, trained


def test_a_training_that_was_killed_goes_on_in_another_process(tmp_path, unbroken):
    last = int(np.random.default_rng().integers(2, STEPS))
    folder = run_until_killed(tmp_path, "step", last)
    assert [path.name for path in folder.iterdir() if path.name.startswith("state")] == ["state.safetensors"]
    steps, learner, trained = resumed(folder)
    assert steps == list(range(last - 1, STEPS)), f"killed after step {last}"
    assert is_as(unbroken, learner, trained), f"killed after step {last}"
    assert sorted(path.name for path in folder.iterdir()) == ["final.safetensors"]


@pytest.mark.slow
def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(tmp_path, unbroken):
    # The fourth file would hold the best weights of the first epoch, the fifth the state of step 4.
    folder = run_until_killed(tmp_path, "writing", 5)
    leftover = [path for path in folder.iterdir() if path.name.startswith(".state.safetensors")]
    assert len(leftover) == 1
    steps, learner, trained = resumed(folder)
    assert steps == list(range(3, STEPS))
    assert is_as(unbroken, learner, trained)
    assert sorted(path.name for path in folder.iterdir()) == ["final.safetensors"]


@pytest.mark.slow
def test_a_training_may_be_killed_again_and_again(tmp_path, unbroken):
    for last in (2, 6, 7):
        folder = run_until_killed(tmp_path, "step", last)
    steps, learner, trained = resumed(folder)
    assert steps[0] == 6
    assert is_as(unbroken, learner, trained)


def stopped_at(folder, last, config=CONFIG, **more):
    """Interrupt a training in this process, after so many steps."""

    def tell(done, steps, loss):
        if done == last:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(folder, config, held_out=HELD, tell=tell, **({"seconds": 0} | more))


@pytest.mark.parametrize("last", range(1, STEPS + 1))
def test_a_training_goes_on_from_wherever_it_was(tmp_path, unbroken, last):
    stopped_at(tmp_path, last)
    steps, learner, trained = resumed(tmp_path)
    assert steps == list(range(last - 1, STEPS))
    assert is_as(unbroken, learner, trained)


def test_the_average_loss_goes_on_too(tmp_path):
    told = {"whole": [], "broken": []}
    train(tmp_path / "whole", CONFIG, held_out=HELD, tell=lambda *each: told["whole"].append(each))
    stopped_at(tmp_path / "broken", 7)
    resumed(tmp_path / "broken", tell=lambda *each: told["broken"].append(each))
    assert told["broken"] == told["whole"][6:]


def test_without_a_checkpoint_a_training_starts_anew(tmp_path, unbroken):
    stopped_at(tmp_path, 6, seconds=3600)
    steps, learner, trained = resumed(tmp_path)
    assert steps == list(range(STEPS))
    assert is_as(unbroken, learner, trained)


def test_a_training_that_stopped_early_stops_early_when_it_goes_on(tmp_path, monkeypatch):
    def check(model, held_out, device, rank=0, world=1):
        return np.asarray([[100.0, next(course), 1.0]] * 2)

    monkeypatch.setattr(run, "check", check)
    course = iter((90, 80, 70, 60))
    config = CONFIG.model_copy(update={"epochs": 4})
    whole, expected = train(tmp_path / "whole", config, held_out=HELD, seconds=0)
    assert (expected.stopped_at, expected.kept_step) == (12, 4)
    course = iter((90, 80))
    stopped_at(tmp_path / "broken", 10, config)
    course = iter((70,))
    steps, learner, trained = resumed(tmp_path / "broken", config)
    assert steps == [9, 10, 11]
    assert record(trained) == record(expected)
    assert all(torch.equal(tensor, weights_of(whole)[name]) for name, tensor in weights_of(learner).items())


def test_frozen_layers_and_parts_of_batches_go_on_too(tmp_path):
    config = CONFIG.model_copy(update={"freeze": ("embeddings",), "micro_batch": 2, "dropout": 0.2})
    whole, expected = train(tmp_path / "whole", config, held_out=HELD)
    stopped_at(tmp_path / "broken", 7, config)
    stored = load_file(tmp_path / "broken" / "state.safetensors")
    assert not any("word_embeddings" in name for name in stored)
    _, learner, trained = resumed(tmp_path / "broken", config)
    assert record(trained) == record(expected)
    assert all(torch.equal(tensor, weights_of(whole)[name]) for name, tensor in weights_of(learner).items())


def test_a_finished_training_is_taken_without_a_step(tmp_path, unbroken):
    train(tmp_path, CONFIG, held_out=HELD)
    steps, learner, trained = resumed(tmp_path)
    assert steps == []
    assert is_as(unbroken, learner, trained)
    assert not learner.training


def refused(folder, **more):
    with pytest.raises(TrainingError) as caught:
        train(folder, CONFIG, held_out=HELD, **more)
    assert "elete" in caught.value.hint
    assert str(folder) in caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("name", ["state.safetensors", "final.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "foreign"])
def test_damaged_files_are_refused_with_what_to_do(tmp_path, name, damage):
    stopped_at(tmp_path, 3)
    path = tmp_path / name
    content = (tmp_path / "state.safetensors").read_bytes()
    changed = {"cut": content[:-9], "empty": b"", "garbage": content[:200] + b"\0" * 100}
    if damage == "foreign":
        save_file({"weight:x": torch.zeros(2)}, path)
    else:
        path.write_bytes(changed[damage])
    assert f"The checkpoint {path} cannot be used" in refused(tmp_path)


def test_checkpoints_of_another_training_are_refused(tmp_path):
    stopped_at(tmp_path, 3)
    assert "is of another training: of another model, other examples or other settings" in refused(tmp_path, key="b")
    train(tmp_path, CONFIG, held_out=HELD)
    assert "is of another training" in refused(tmp_path, key="b")


def test_checkpoints_of_other_shapes_are_refused(tmp_path):
    stopped_at(tmp_path, 3)
    wide = make_learner(teacher_width=16, hidden_layers=())
    assert "its weights are of other shapes than the model's" in refused(tmp_path, learner=wide)
