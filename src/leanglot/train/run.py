"""The state of one training, and its steps: batches, gradients, validations, checkpoints."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import nn

from leanglot.data.schedule import Schedule, part
from leanglot.results.atomic import remove_leftovers
from leanglot.results.training import Epoch
from leanglot.techniques.training import Training
from leanglot.train.checkpoint import (
    BEST_NAME,
    FINAL_NAME,
    STATE_NAME,
    Progress,
    load_state,
    load_weights,
    save_final,
    save_state,
    save_weights,
)
from leanglot.train.course import LossWatch, best_of, check_finite, learning_rate, should_stop
from leanglot.train.learner import Learner
from leanglot.train.rows import LearnedRows
from leanglot.train.seq2seq_learner import SequenceLearner
from leanglot.train.tally import Noted, Tally
from leanglot.train.tracking import logged
from leanglot.train.validation import check, checks, languages_of
from leanglot.train.workplace import Hook, Workplace

if TYPE_CHECKING:
    from accelerate import Accelerator

_WRITING_SHARE: Final = 20  # a checkpoint's writing takes at most a twentieth of the time


@dataclass
class Run:
    """One training; `go` and `step` are the loop.

    See `leanglot.train.loop.fit` for what it is made of.
    """

    learner: Learner | SequenceLearner
    rows: LearnedRows
    held_out: LearnedRows | None
    schedule: Schedule
    config: Training
    place: Workplace
    processes: "Accelerator"
    steps: int
    rates: Mapping[str, float] = field(default_factory=dict)
    done: int = 0
    epochs: tuple[Epoch, ...] = ()
    watch: LossWatch = field(default_factory=LossWatch)
    since: float = 0.0
    peak: int = 0
    stopped: bool = False

    def __post_init__(self) -> None:
        self.tally = Tally(languages_of(self.rows))
        self.present: tuple[str, ...] = ()
        plain = _optimizer(self.learner, self.config, self.rates)
        self.module, self.optimizer = self.processes.prepare(self.learner, plain)
        self.plain = plain
        self.checked_after = _validations(len(self.rows), self.config.batch_size, self.steps)
        self.written, self.writing = time.monotonic(), 0.0

    def resume(self) -> None:
        """Go back to the last checkpoint, where there is one."""
        self._on_main(lambda: remove_leftovers(self.place.folder))
        path = self.place.folder / STATE_NAME
        if not path.is_file():
            return
        progress = load_state(path, self.learner, self.plain, self.place.key)
        self.done, self.epochs, self.since = progress.step, progress.epochs, progress.seconds
        self.watch = LossWatch(list(progress.first_losses), progress.average_loss)
        # Several processes add theirs up, so that one alone takes what a single one has noted.
        if self.processes.is_main_process:
            self.tally.restore(progress.sums)
        self.peak = progress.peak_memory_bytes
        if self.processes.scaler is not None and progress.scale is not None:
            self.processes.scaler.load_state_dict({**self.processes.scaler.state_dict(), "scale": progress.scale})
        self.stopped = should_stop(self.config, self.epochs)

    def go(self, hook: Hook | None) -> None:
        """Train to the end, or until it does not get better any more."""
        while self.done < self.steps and not self.stopped:
            started = time.monotonic()
            if hook is not None:
                hook(self.done, self.steps)
            self.step(self.done)
            self.done += 1
            self.since += time.monotonic() - started
            if self.at_validation:
                self.validate()
            if self.place.tell is not None:
                self.place.tell(self.done, self.steps, self.watch.average or 0.0)
            self.keep()

    def step(self, step: int) -> None:
        """One optimizer step."""
        rank, world = self.processes.process_index, self.processes.num_processes
        positions = self.schedule.batch(step)
        rate = learning_rate(self.config, step, self.steps)
        for group in self.plain.param_groups:
            group["lr"] = rate * group["factor"]
        # Dropout is drawn anew from the step's own seed, so that a resumed training draws what an unbroken one does.
        torch.manual_seed(np.random.SeedSequence([self.config.seed, step, rank]).generate_state(1, np.uint64)[0].item())
        self.module.train()
        losses = self._backward(part(positions, rank, world), world / len(positions))
        total = float(self._summed(losses.sum(keepdims=True))[0])
        languages = Counter(self.rows.languages[position] for position in positions)
        self.watch.see(step, total / len(positions), languages, rate)
        self._measure_memory()
        if self.config.clip is not None:
            norm = self.processes.clip_grad_norm_(self.module.parameters(), self.config.clip)
            # Mixed precision with fp16 expects some of these, and leaves such steps out.
            if self.processes.scaler is None:
                self.watch.see_gradient(step, float(norm), languages, rate)
        self.optimizer.step()
        self._measure_memory()
        self.optimizer.zero_grad()

    def _backward(self, positions: NDArray[np.int64], share: float) -> NDArray[np.float64]:
        """Add up the gradients of this process's part of a batch; returns its losses."""
        parts = list(self.rows.parts(positions, self.config.micro_batch))
        losses = []
        for number, some in enumerate(parts):
            batch = self.rows.collate(some, self.processes.device)
            is_last = number == len(parts) - 1  # only then the processes add their gradients up
            with nullcontext() if is_last else self.processes.no_sync(self.module):
                values = self.module(batch)
                self._measure_memory()  # all activations are held now
                self.processes.backward(values[:, 0].sum() * share)
            found = values.detach().cpu().double().numpy()
            losses.append(found[:, 0])
            self.present = self.learner.present(batch)
            self.tally.add([self.rows.languages[position] for position in some], found)
        return np.concatenate(losses)

    def _measure_memory(self) -> None:
        """Where most is held at once: the activations, or the gradients and the moments."""
        if self.processes.device.type == "cuda":
            self.peak = max(self.peak, torch.cuda.max_memory_allocated())
        else:
            self.peak = max(self.peak, psutil.Process().memory_info().rss)

    def validate(self) -> None:
        """Note the losses by language since the last time, and answer the held-out examples."""
        started = time.monotonic()
        rank, world = self.processes.process_index, self.processes.num_processes
        noted = Noted(self.tally.languages, self._summed(self.tally.sums))
        held = {}
        if self.held_out is not None:
            found = check(self.learner.model, self.held_out, self.processes.device, rank, world)
            held = dict(checks(languages_of(self.held_out), self._summed(found)))
            self.watch.see_held_out(self.done, {tag: each.loss for tag, each in held.items()})
        epoch = Epoch(
            step=self.done,
            epoch=self.done * self.config.batch_size / len(self.rows),
            learning_rate=self.plain.param_groups[0]["lr"],
            seen=noted.seen(),
            loss=noted.loss(),
            accuracy=noted.accuracy(),
            parts=noted.parts(self.present),
            held_out=held,
            seconds=self.since + time.monotonic() - started,
            peak_memory_bytes=self.peak,
        )
        self.epochs, self.since, self.peak = (*self.epochs, epoch), 0.0, 0
        self.tally.clear()
        if self.processes.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        if self.place.tracking is not None:
            self.processes.log(logged(epoch), step=self.done)
        if self.config.patience is not None and best_of(self.config, self.epochs) == len(self.epochs) - 1:
            self._on_main(lambda: save_weights(self.place.folder / BEST_NAME, self.learner, self.place.key, self.done))
        self.stopped = should_stop(self.config, self.epochs)

    def keep(self) -> None:
        """Write a checkpoint, where the last one is old enough."""
        if self.stopped or self.done == self.steps:
            return  # the result is written at once
        due = time.monotonic() - self.written >= max(self.place.seconds, _WRITING_SHARE * self.writing)
        # The sums of several processes are together only where they were just added up.
        if not due or (self.processes.num_processes > 1 and not self.at_validation):
            return
        started = time.monotonic()
        path, progress = self.place.folder / STATE_NAME, self.progress()
        self._on_main(lambda: save_state(path, self.learner, self.plain, progress))
        self.written = time.monotonic()
        self.writing = self.written - started

    def progress(self) -> Progress:
        """How far the training has come."""
        return Progress(
            key=self.place.key,
            step=self.done,
            epochs=self.epochs,
            first_losses=tuple(self.watch.first),
            average_loss=self.watch.average,
            sums=self.tally.stored(),
            seconds=self.since,
            peak_memory_bytes=self.peak,
            scale=None if self.processes.scaler is None else self.processes.scaler.get_scale(),
            processes=self.processes.num_processes,
        )

    @property
    def at_validation(self) -> bool:
        """Whether the steps done end an epoch, or the training."""
        return self.done in self.checked_after

    def finish(self) -> Progress:
        """Take the weights of the best validation where that was asked for; the result takes the checkpoints' place.

        Returns:
            How the training went.
        """
        self.processes.wait_for_everyone()
        best = None if self.config.patience is None else best_of(self.config, self.epochs)
        if best is not None and self.epochs[best].step != self.done:
            load_weights(self.place.folder / BEST_NAME, self.learner, self.place.key, self.epochs[best].step)
            self.processes.wait_for_everyone()  # the file goes once all have read it
        check_finite(self.learner)
        kept_step = self.done if best is None else self.epochs[best].step
        progress = self.progress().model_copy(update={"kept_step": kept_step, "sums": {}})
        self._on_main(lambda: self._replace_checkpoints(progress))
        self.processes.wait_for_everyone()
        return progress

    def _replace_checkpoints(self, progress: Progress) -> None:
        save_final(self.place.folder / FINAL_NAME, self.learner, progress)
        for name in (STATE_NAME, BEST_NAME):
            (self.place.folder / name).unlink(missing_ok=True)

    def _summed(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sums of all processes."""
        if self.processes.num_processes == 1:
            return sums
        together = self.processes.reduce(torch.from_numpy(sums).to(self.processes.device), "sum")
        return np.asarray(together.cpu().numpy())

    def _on_main(self, write: Callable[[], object]) -> None:
        if self.processes.is_main_process:
            write()


def _validations(examples: int, batch_size: int, steps: int) -> frozenset[int]:
    """The steps after which an epoch is over; the last step ends the last one, also where it is not whole."""
    ends = {max(round(epoch * examples / batch_size), 1) for epoch in range(1, -(-steps * batch_size // examples) + 1)}
    return frozenset({end for end in ends if end < steps} | {steps})


def _optimizer(learner: nn.Module, config: Training, rates: Mapping[str, float]) -> torch.optim.AdamW:
    """AdamW without decay of biases, norms, and weights that have a learning rate of their own."""
    named = [(name.rpartition(".")[2], weight) for name, weight in learner.named_parameters() if weight.requires_grad]
    weights = [weight for name, weight in named if name not in rates]
    groups = [
        {"params": [x for x in weights if x.ndim > 1], "weight_decay": config.weight_decay, "factor": 1.0},
        {"params": [x for x in weights if x.ndim <= 1], "weight_decay": 0.0, "factor": 1.0},
    ]
    for own, factor in sorted(rates.items()):
        groups.append({"params": [x for name, x in named if name == own], "weight_decay": 0.0, "factor": factor})
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
