"""Trainings of a few steps: rows that can be learned, an untrained learner, and the call with its usual arguments."""

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from leanglot.data.schedule import make_schedule
from leanglot.techniques.training import Training
from leanglot.train.answers import TeacherAnswers
from leanglot.train.learner import Learner
from leanglot.train.loop import fit
from leanglot.train.loss import IGNORED
from leanglot.train.rows import Rows
from leanglot.train.workplace import Hook, Trained, Workplace
from tiny_models import LABELS, make_model

VOCABULARY = 40
LAYERS, WIDTH = 2, 32
COUNTS = {"de": 12, "en": 8, "th": 4}
KEY = "key"
SHORT = Training(epochs=2, batch_size=6, learning_rate=1e-3, validation=0.1)


def make_rows(counts: dict[str, int] = COUNTS, seed: int = 0, unlabelled: int = 0) -> Rows:
    """Random texts around one token that tells the label, with a teacher's answers; the first few have no label."""
    rng = np.random.default_rng(seed)
    languages = tuple(tag for tag, count in counts.items() for _ in range(count))
    labels = rng.integers(len(LABELS), size=len(languages))
    ids = []
    for label in labels:
        words = rng.integers(10, VOCABULARY, size=rng.integers(2, 9))
        words[rng.integers(len(words))] = 4 + label
        ids.append(np.asarray([0, *words, 2], dtype=np.int64))
    labels[:unlabelled] = IGNORED
    return Rows(ids, labels.astype(np.int64), languages, pad_id=1, answers=make_answers(ids, rng))


def make_answers(ids: list[np.ndarray], rng: np.random.Generator) -> TeacherAnswers:
    """Random answers, with hidden states of two layers of the learner's own width."""
    starts = np.concatenate([[0], np.cumsum([len(row) for row in ids])]).astype(np.int64)
    return TeacherAnswers(
        logits=rng.normal(size=(len(ids), len(LABELS))).astype(np.float32),
        hidden=rng.normal(size=(int(starts[-1]), LAYERS, WIDTH)).astype(np.float16),
        starts=starts,
        comparable=np.ones(len(ids), dtype=bool),
    )


def without_teacher(rows: Rows) -> Rows:
    """The same rows to learn from labels alone."""
    return replace(rows, answers=None)


def make_learner(family: str = "xlm-roberta", **settings: object) -> Learner:
    """A learner of an untrained model, always the same."""
    usual = {"temperature": 2.0, "alpha": 0.5, "hidden_weight": 0.3, "hidden_layers": (0, 1), "teacher_width": WIDTH}
    return Learner(make_model(family, VOCABULARY), **(usual | settings))


def train(
    folder: Path,
    config: Training = SHORT,
    *,
    learner: Learner | None = None,
    rows: Rows | None = None,
    held_out: Rows | None = None,
    hook: Hook | None = None,
    key: str = KEY,
    **place: object,
) -> tuple[Learner, Trained]:
    """Train a learner; returns it and how it went."""
    learner, rows = learner or make_learner(), rows or make_rows()
    balance = {"temperature": config.temperature, "traffic": config.traffic, "seed": config.seed}
    schedule = make_schedule(rows.languages, config.batch_size, config.balance, **balance)
    gc.freeze()  # Accelerate collects garbage at the end, which takes long among many objects
    try:
        return learner, fit(learner, rows, held_out, schedule, config, Workplace(folder, key, **place), hook)
    finally:
        gc.unfreeze()


def weights_of(learner: Learner) -> dict[str, Tensor]:
    """A copy of all weights."""
    return {name: tensor.detach().clone() for name, tensor in learner.state_dict().items()}
