"""What the processes of a training are refused for, and that one training leaves nothing behind for the next."""

import sys
from types import SimpleNamespace

import pytest
import torch

from leanglot.errors import MissingExtraError, RecipeError
from leanglot.techniques.training import Training
from leanglot.train.processes import _check, accelerator

BF16 = ("avx512f", "avx512_bf16")


def made(device="cpu", processes=1):
    return SimpleNamespace(device=torch.device(device), num_processes=processes)


def test_half_precision_needs_a_gpu():
    with (
        pytest.raises(RecipeError, match="precision: fp16 needs a GPU") as caught,
        accelerator(Training(precision="fp16"), BF16, None),
    ):
        pytest.fail("it began")
    assert caught.value.hint == "Allowed here are fp32 and bf16."
    _check(Training(precision="fp16"), (), made("cuda"))


@pytest.mark.parametrize("isa", [(), ("avx2",), ("avx512f", "avx512_vnni")])
def test_bfloat16_needs_a_processor_that_multiplies_it(isa):
    with (
        pytest.raises(RecipeError, match="bf16 needs BF16 arithmetic, which this processor lacks") as caught,
        accelerator(Training(precision="bf16"), isa, None),
    ):
        pytest.fail("it began")
    assert "precision: fp32" in caught.value.hint


def test_bfloat16_needs_a_gpu_that_multiplies_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    with pytest.raises(RecipeError, match="not supported by this GPU"):
        _check(Training(precision="bf16"), BF16, made("cuda"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    _check(Training(precision="bf16"), (), made("cuda"))


def test_a_batch_has_an_example_for_each_process(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(RecipeError, match="A batch of 3 examples cannot be shared out over 4 processes") as caught:
        _check(Training(batch_size=3), (), made(processes=4))
    assert "batch size of 4 or more" in caught.value.hint
    _check(Training(batch_size=4), (), made(processes=4))


def test_processes_that_do_not_find_each_other_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RecipeError, match="2 processes were launched; Accelerate sees 1") as caught:
        _check(Training(), (), made(processes=1))
    assert "torchrun" in caught.value.hint


def test_a_precision_does_not_stay_for_the_next_training():
    for precision, expected in (("fp32", "no"), ("bf16", "bf16"), ("fp32", "no")):
        with accelerator(Training(precision=precision), BF16, None) as processes:
            assert processes.mixed_precision == expected
            assert (processes.num_processes, processes.is_main_process) == (1, True)
    with pytest.raises(RecipeError), accelerator(Training(precision="fp16"), (), None):
        pass
    with accelerator(Training(), (), None) as processes:
        assert processes.mixed_precision == "no"


def test_without_accelerate_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(MissingExtraError) as caught, accelerator(Training(), (), None):
        pytest.fail("it began")
    assert caught.value.hint == 'Install it with: pip install "leanglot[train]"'
