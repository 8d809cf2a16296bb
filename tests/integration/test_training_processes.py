"""Two processes that train together give what one gives, and one of them writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from leanglot.results.manifest import read_manifest
from tiny_training import SHORT, make_rows, train, weights_of, without_teacher

pytestmark = pytest.mark.slow

HELD = without_teacher(make_rows({"de": 6, "en": 5}, seed=3))
PLAIN = SHORT.model_copy(update={"dropout": 0.0, "learning_rate": 1e-4})
CONFIGS = {
    "even": PLAIN,
    "odd": PLAIN.model_copy(update={"batch_size": 5}),
    "parts": PLAIN.model_copy(update={"batch_size": 7, "micro_batch": 2}),
    "early": PLAIN.model_copy(update={"epochs": 8, "patience": 1}),
    "frozen": PLAIN.model_copy(update={"freeze": ("embeddings",)}),
}

SCRIPT = """
import json, os, sys
from pathlib import Path
import torch
sys.path.insert(0, TESTS)
from tiny_training import make_learner, make_rows, train, without_teacher
from leanglot.compress.distil import distil
from leanglot.compress.learning import Lessons
from leanglot.data.examples import Examples
from leanglot.data.training import training_examples
from leanglot.errors import RecipeError
from leanglot.models.text_classifier import load_text_classifier
from leanglot.techniques import Distillation
from leanglot.techniques.training import Training
from leanglot.train import answers, checkpoint, run
from leanglot.train.distributed import main_first

torch.set_num_threads(1)
run._WRITING_SHARE = 0
work, configs, rank = Path(sys.argv[1]), json.loads(sys.argv[2]), int(os.environ["RANK"])
held = without_teacher(make_rows({"de": 6, "en": 5}, seed=3))
writes, told = [], {}
save_file = checkpoint.save_file

def save(tensors, path, metadata):
    writes.append(str(path))
    save_file(tensors, path, metadata)

checkpoint.save_file = save

with main_first():  # as the teacher is asked, before the training sets up anything
    seen = (work / "first").exists()
    (work / "first").touch()
told["waited"] = seen

for name, values in configs.items():
    writes.clear()
    learner, trained = train(work / name, Training.model_validate(values), held_out=held, seconds=0)
    torch.save({key: tensor for key, tensor in learner.state_dict().items()}, work / f"{name}-{rank}.pt")
    told[name] = {
        "processes": trained.processes,
        "main": trained.is_main,
        "writes": len(writes),
        "kept": trained.kept_step,
        "stopped": trained.stopped_at,
        "epochs": [epoch.model_dump(mode="json") for epoch in trained.epochs],
    }

try:
    train(work / "small", Training.model_validate(configs["even"] | {"batch_size": 1}), held_out=held)
except RecipeError as error:
    told["refused"] = error.message

class Stop(Exception):
    pass

def tell(done, steps, loss):
    if done == 6:
        raise Stop

config = Training.model_validate(configs["even"])
try:
    train(work / "broken", config, held_out=held, seconds=0, tell=tell)
except Stop:
    steps = []
    learner, trained = train(
        work / "broken", config, held_out=held, seconds=0, hook=lambda step, _: steps.append(step)
    )
    told["resumed"] = {"steps": steps, "epochs": [epoch.model_dump(mode="json") for epoch in trained.epochs]}
    torch.save(learner.state_dict(), work / f"broken-{rank}.pt")

teacher, asked = load_text_classifier(Path(sys.argv[3])), []
answer = answers._answer
answers._answer = lambda *all_: (asked.append(1), answer(*all_))
texts = tuple(f"filler-{number} en-music-{number % 8}" for number in range(40))
data = training_examples(Examples(texts, ("music",) * 40, ("en",) * 40), "texts")
step = Distillation.model_validate({"student": {"layers": 1}, "hidden": {}, "training": {"epochs": 1, "batch_size": 9}})
shaped = distil(teacher, step, Lessons(teacher, data, work / "distilled"))
told["distilled"] = {
    "asked": len(asked),
    "processes": shaped.model.training[0].processes,
    "examples": shaped.model.training[0].examples,
    "sum": sum(weight.double().abs().sum().item() for weight in shaped.model.module.parameters()),
}
(work / f"told-{rank}.json").write_text(json.dumps(told))
"""


def run_in_two_processes(*call: object) -> str:
    """Do what `accelerate launch` does for several processes; for CPUs alone it needs MPI. Returns what they told."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *launch, *map(str, call)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.fixture(scope="module")
def together(tmp_path_factory, tiny_model):
    """The folder that two processes trained in, and what each told."""
    work = tmp_path_factory.mktemp("together")
    script = work / "train.py"
    script.write_text(SCRIPT.replace("TESTS", repr(str(Path(__file__).parents[1]))), encoding="utf-8")
    configs = json.dumps({name: config.model_dump(mode="json") for name, config in CONFIGS.items()})
    run_in_two_processes(script, work, configs, tiny_model)
    return work, [json.loads((work / f"told-{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]


@pytest.mark.parametrize("name", CONFIGS)
def test_two_processes_give_the_weights_of_one(together, tmp_path, name):
    work, told = together
    learner, alone = train(tmp_path, CONFIGS[name], held_out=HELD)
    for rank in (0, 1):
        found = torch.load(work / f"{name}-{rank}.pt", weights_only=True)
        assert found.keys() == weights_of(learner).keys()
        for key, tensor in weights_of(learner).items():
            assert torch.allclose(found[key], tensor, rtol=0, atol=1e-5), key
        assert told[rank][name]["processes"] == 2
        assert (told[rank][name]["kept"], told[rank][name]["stopped"]) == (alone.kept_step, alone.stopped_at)
    if name == "early":
        assert alone.kept_step < alone.stopped_at  # so that both took the weights of the best validation
    final = load_file(work / name / "final.safetensors")
    weights = {f"weight:{key}": tensor for key, tensor in weights_of(learner).items()}
    assert len(final) > 10
    assert all(torch.allclose(tensor, weights[key], atol=1e-5) for key, tensor in final.items() if key in weights)


@pytest.mark.parametrize("name", CONFIGS)
def test_two_processes_note_what_one_notes(together, tmp_path, name):
    _, told = together
    _, alone = train(tmp_path, CONFIGS[name], held_out=HELD)
    for rank in (0, 1):
        for epoch, expected in zip(told[rank][name]["epochs"], alone.epochs, strict=True):
            assert epoch["seen"] == expected.seen
            assert epoch["loss"] == pytest.approx(expected.loss, rel=1e-4)
            assert epoch["parts"] == pytest.approx(expected.parts, rel=1e-4)
            right = {tag: (check["n"], check["right"]) for tag, check in epoch["held_out"].items()}
            assert right == {tag: (check.n, check.right) for tag, check in expected.held_out.items()}


def test_one_process_alone_writes(together):
    work, told = together
    for name in CONFIGS:
        assert [each[name]["main"] for each in told] == [True, False]
        assert told[0][name]["writes"] >= 2  # a checkpoint after an epoch, and the result
        assert told[1][name]["writes"] == 0
        assert [path.name for path in (work / name).iterdir()] == ["final.safetensors"]


def test_a_batch_smaller_than_the_number_of_processes_is_refused(together):
    for each in together[1]:
        assert each["refused"] == "A batch of 1 examples cannot be shared out over 2 processes."


def test_one_process_goes_first(together):
    assert [each["waited"] for each in together[1]] == [False, True]


def test_one_process_alone_asks_the_teacher(together):
    first, second = (each["distilled"] for each in together[1])
    assert first["asked"] > 0
    assert second["asked"] == 0
    assert first | {"asked": 0} == second
    assert second["processes"] == 2


def test_processes_that_were_stopped_go_on_together(together):
    work, told = together
    whole = torch.load(work / "even-0.pt", weights_only=True)
    for rank in (0, 1):
        # Several processes write a checkpoint after an epoch, of 4 steps here.
        assert told[rank]["resumed"]["steps"] == [4, 5, 6, 7]
        found = torch.load(work / f"broken-{rank}.pt", weights_only=True)
        assert all(torch.allclose(found[key], tensor, rtol=0, atol=1e-6) for key, tensor in whole.items())
        for epoch, expected in zip(told[rank]["resumed"]["epochs"], told[rank]["even"]["epochs"], strict=True):
            assert epoch["seen"] == expected["seen"]
            assert epoch["loss"] == pytest.approx(expected["loss"], rel=1e-5)


def test_the_command_ends_well_in_two_processes_that_log(tiny_model, tmp_path):
    rows = [
        {"text": f"filler-{number} {tag}-music-{number % 8}", "label": "music", "language": tag}
        for number in range(30)
        for tag in ("de", "en")
    ]
    lessons = tmp_path / "train.jsonl"
    lessons.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out, logs = tmp_path / "small", tmp_path / "logs"
    call = ["distil", tiny_model, "--training", lessons, "--out", out, "--layers", 1, "--epochs", 2, "--batch-size", 8]
    logging = ["--log-with", "tensorboard", "--log-folder", logs]
    assert "Traceback" not in run_in_two_processes("-m", "leanglot.cli", *call, *logging)
    assert read_manifest(out).training[0].processes == 2
    assert list(logs.rglob("events.*"))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
