"""Trains students of the demo's classifier and shows, language by language, what distillation and balance are worth.

``python scripts/distillation_evidence.py`` trains what is not trained yet, one after the other, and writes
``docs/evidence/distillation.json`` after each; ``--table`` alone writes ``docs/evidence/distillation.md`` from it.
Killed and started again, it goes on where it was. The time that it took stands in the table. Two of them may run
beside each other on students of their own: ``--layers 6 --threads 1`` and ``--layers 4 --threads 1``.
"""

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from leanglot.config import Columns
from leanglot.data.demo import DemoData, demo_data
from leanglot.data.pool import read_texts
from leanglot.data.training import training_examples
from leanglot.decide.verdict import judge
from leanglot.demo import demo_model, write_demo_log
from leanglot.measure.quality import answer_all
from leanglot.measure.subject import in_memory
from leanglot.models.text_classifier import TextClassifier, load_text_classifier
from leanglot.quantizers import Making
from leanglot.results.atomic import write_text_atomically
from leanglot.results.environment import available_cores, read_environment
from leanglot.shapers import carry_out
from leanglot.techniques import Distillation, TrimVocabulary
from leanglot.techniques.targets import has_arithmetic

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "docs" / "evidence" / "distillation.json"
WORK: Final = ROOT / "build" / "distillation"
MICRO_BATCH: Final = 16  # of like length: less padding on CPUs, and the same gradients


@dataclass(frozen=True, slots=True)
class Plan:
    """One student."""

    layers: int
    taught: bool
    balance: str
    seed: int

    @property
    def name(self) -> str:
        """Its key in the results."""
        return f"{self.layers}-{'distilled' if self.taught else 'labels'}-{self.balance}-{self.seed}"

    def step(self, epochs: float, precision: str) -> Distillation:
        """How it is made: alike but for what is compared."""
        return Distillation.model_validate(
            {
                "student": {"layers": self.layers},
                "alpha": 0.7 if self.taught else 0.0,
                "training": {
                    "epochs": epochs,
                    "micro_batch": MICRO_BATCH,
                    "learning_rate": 3e-4,
                    "dropout": 0.0,
                    "precision": precision,
                    "validation": 0.0,
                    "balance": self.balance,
                    "seed": self.seed,
                },
            }
        )


def plans(layers: Sequence[int], seeds: int) -> Iterator[Plan]:
    """All students, one seed of each kind before the next."""
    kinds = itertools.product(range(seeds), layers, (True, False), ("uniform", "proportional"))
    return (Plan(depth, taught, balance, seed) for seed, depth, taught, balance in kinds)


def main() -> None:
    """Train what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, nargs="+", default=[6, 4])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--table", action="store_true", help="write the table from what is there")
    options = parser.parse_args()
    if not options.table:
        torch.set_num_threads(options.threads)
        train_missing(list(plans(options.layers, options.seeds)), options.epochs)
    from distillation_table import write_table

    Console(soft_wrap=True).print(write_table(RESULTS))


def train_missing(wanted: Sequence[Plan], epochs: float) -> None:
    """Train the students that have no result yet."""
    data, teacher = demo_data(), trimmed_teacher()
    right = np.asarray(data.test.labels)
    before = answers(teacher, data) == right
    own = summary(before, data)
    precision = "bf16" if has_arithmetic("bf16", read_environment(1).isa) else "fp32"
    examples = training_examples(data.train, "demo", data.test)
    for plan in wanted:
        if stored()["students"].get(plan.name, {}).get("epochs") == epochs:
            continue
        started, making = time.monotonic(), Making(training=examples, work=WORK / str(plan.layers))
        student = carry_out(teacher, (plan.step(epochs, precision),), making).model
        after = answers(student, data) == right
        verdicts = judge(before.astype(float), after.astype(float), data.test.languages, groups=data.test.groups)
        found = summary(after, data) | {
            "seconds": round(time.monotonic() - started),
            "epochs": epochs,
            "precision": precision,
            "harmed": [tag for tag, verdict in verdicts.items() if verdict.verdict == "harmed"],
            "safe": [tag for tag, verdict in verdicts.items() if verdict.verdict == "safe"],
        }
        keep(plan, found, own)
        Console().print(f"{plan.name}: {found['macro_accuracy']:.4f}")


def keep(plan: Plan, student: dict[str, Any], teacher: dict[str, Any]) -> None:
    """Add a student to what is stored by now, which another process may have written since."""
    found = stored()
    found["students"][plan.name] = student
    found |= {"teacher": teacher, "environment": read_environment(torch.get_num_threads()).model_dump(mode="json")}
    write_text_atomically(RESULTS, json.dumps(found, indent=1, sort_keys=True) + "\n")


def trimmed_teacher() -> TextClassifier:
    """The demo's classifier with the vocabulary of its log: the same answers, and a small table that trains fast."""
    log = read_texts(write_demo_log(WORK / "log.jsonl"), Columns())
    model = load_text_classifier(demo_model())
    return carry_out(model, (TrimVocabulary(),), Making(corpus=log)).model


def answers(model: TextClassifier, data: DemoData) -> NDArray[np.str_]:
    """The label of each judged sentence."""
    classifier = in_memory(model, available_cores())
    rows = classifier.encode(data.test.texts).rows
    return np.asarray(model.labels)[answer_all(classifier, rows, 4096).predicted]


def summary(right: NDArray[np.bool_], data: DemoData) -> dict[str, Any]:
    """Accuracy by language, their mean, and examples."""
    by_language = {tag: right[places] for tag, places in data.test.by_language().items()}
    accuracy = {tag: float(each.mean()) for tag, each in by_language.items()}
    return {
        "accuracy": accuracy,
        "n": {tag: len(each) for tag, each in by_language.items()},
        "macro_accuracy": float(np.mean(list(accuracy.values()))),
    }


def stored() -> dict[str, Any]:
    """The results so far."""
    if not RESULTS.is_file():
        return {"students": {}}
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main()
