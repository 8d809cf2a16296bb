"""Trains a model in place: seeded, resumable, in one process or several, every language checked after each epoch."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import torch
from torch import nn

from leanglot.data.schedule import Schedule
from leanglot.errors import RecipeError
from leanglot.techniques.patterns import kept
from leanglot.techniques.training import Training
from leanglot.train.checkpoint import FINAL_NAME, Progress, load_final
from leanglot.train.distributed import is_main
from leanglot.train.learner import Learner
from leanglot.train.processes import accelerator, check_hardware
from leanglot.train.rows import LearnedRows
from leanglot.train.run import Run
from leanglot.train.seq2seq_learner import SequenceLearner
from leanglot.train.workplace import Hook, Trained, Workplace

_OWN_DROPOUTS: Final = ("dropout", "attention_dropout", "activation_dropout")


def fit(
    learner: Learner | SequenceLearner,
    rows: LearnedRows,
    held_out: LearnedRows | None,
    schedule: Schedule,
    config: Training,
    place: Workplace,
    hook: Hook | None = None,
    rates: Mapping[str, float] | None = None,
) -> Trained:
    """Train a model in place.

    Killed and called again with the same arguments, it goes on from its last checkpoint, with the result it would have
    had. Under ``accelerate launch`` all processes call it alike.

    Args:
        learner: The model and its loss; the model holds the result, on the CPU, in evaluation mode.
        rows: Training examples.
        held_out: Labelled examples that are answered after each epoch; None where there are none.
        schedule: The order of the training examples.
        config: How long and how fast.
        place: Where checkpoints go.
        hook: What is done to the model before each step.
        rates: Factor of the learning rate by the last part of a parameter's name, such as ``scores``; these have no
            weight decay. A name that no parameter has changes nothing.

    Raises:
        TrainingError: The loss is no number any more or explodes, or a checkpoint cannot be used.
        RecipeError: The hardware lacks the precision, or `freeze` matches nothing or everything.
        StorageError: A checkpoint cannot be written.
    """
    steps, final = total_steps(config, len(rows)), place.folder / FINAL_NAME
    with _prepared(learner.model, config):
        if final.is_file():
            progress = load_final(final, learner, place.key)
            learner.eval()
            return _trained(progress, steps, is_main=is_main())
        with accelerator(config, place.isa, place.tracking) as processes, torch.random.fork_rng():
            run = Run(learner, rows, held_out, schedule, config, place, processes, steps, rates or {})
            run.resume()
            run.go(hook)
            progress = run.finish()
        learner.to("cpu")
        learner.eval()
    return _trained(progress, steps, is_main=is_main())


def check_trainable(model: nn.Module, config: Training, isa: tuple[str, ...]) -> None:
    """Refuse at once what `fit` would refuse, before a teacher is asked for hours.

    Args:
        model: What is to be trained; left as it is.
        config: How.
        isa: Instruction-set extensions of this machine.

    Raises:
        RecipeError: The hardware lacks the precision, a batch has fewer examples than there are processes, or `freeze`
            matches nothing or everything.
    """
    check_hardware(config, isa)
    with _prepared(model, config):
        pass


def total_steps(config: Training, examples: int) -> int:
    """Optimizer steps of a training: at least one."""
    return max(round(config.epochs * examples / config.batch_size), 1)


def _trained(progress: Progress, steps: int, *, is_main: bool) -> Trained:
    return Trained(
        steps=steps,
        stopped_at=progress.step if progress.step < steps else None,
        kept_step=progress.kept_step or progress.step,
        processes=progress.processes,
        epochs=progress.epochs,
        is_main=is_main,
    )


def freeze(model: nn.Module, patterns: Sequence[str]) -> list[nn.Parameter]:
    """Have the weights of some layers stay as they are.

    Args:
        model: Its weights are marked.
        patterns: Of the layers' names.

    Returns:
        The weights that were not frozen before.

    Raises:
        RecipeError: A pattern matches nothing.
    """
    names = {name.rpartition(".")[0] for name, _ in model.named_parameters()}
    frozen = [
        weight
        for name in kept(names, patterns, "freeze", "layer with weights")
        for weight in model.get_submodule(name).parameters(recurse=False)
        if weight.requires_grad
    ]
    for weight in frozen:
        weight.requires_grad = False
    return frozen


@contextmanager
def _prepared(model: nn.Module, config: Training) -> Iterator[None]:
    """Freezes what is to stay and sets the dropout, for the time of a training."""
    still = freeze(model, config.freeze)
    dropouts = list(_dropouts(model))
    for layer, name, share in dropouts:
        setattr(layer, name, share if config.dropout is None else config.dropout)
    try:
        if not any(weight.requires_grad for weight in model.parameters()):
            raise RecipeError("freeze: every layer with weights stays as it is.", "Leave some layers to be trained.")
        yield
    finally:
        for weight in still:
            weight.requires_grad = True
        for layer, name, share in dropouts:
            setattr(layer, name, share)


def _dropouts(model: nn.Module) -> Iterator[tuple[nn.Module, str, float]]:
    """Every share of dropout: of a layer, by its name; some layers keep it as a number of their own, above 0."""
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            yield layer, "p", layer.p
        for name in _OWN_DROPOUTS:
            if isinstance(share := vars(layer).get(name), float) and share > 0:
                yield layer, name, share
