"""Trains the demo's LoRA adapter and head; seeded, and resumed from its last checkpoint when started again.

Run it with ``python scripts/train_demo_adapter.py``. The adapter goes to ``src/leanglot/models/demo/adapter`` in
PEFT's format, the checkpoints to ``build/demo-training``. It took the time that docs/demo-classifier.md states.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from torch.utils.data import Dataset
from transformers import (
    BertForSequenceClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

from leanglot.data.demo import RICH, DemoData, demo_data, labels_of
from leanglot.data.examples import Examples
from leanglot.models.demo import ADAPTER, MAX_LENGTH, build_encoder, load_tokenizer, merge_adapter

ROOT = Path(__file__).resolve().parent.parent
LINEAR_LAYERS = (
    r".*encoder\.layer\.\d+\."
    r"(attention\.self\.(query|key|value)|attention\.output\.dense|intermediate\.dense|output\.dense)"
)
SEED = 20261122


class Encoded(Dataset[dict[str, list[int] | int]]):
    """Token ids and label per example, for the Trainer."""

    def __init__(self, examples: Examples, tokenizer: PreTrainedTokenizerFast, labels: Sequence[str]) -> None:
        self.ids = tokenizer(list(examples.texts), truncation=True, max_length=MAX_LENGTH)["input_ids"]
        self.labels = [labels.index(label) for label in examples.labels]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, list[int] | int]:
        return {"input_ids": self.ids[index], "labels": self.labels[index]}


def main() -> None:
    """Train, save the adapter, and print accuracy per language before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--out", type=Path, default=ADAPTER)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "demo-training")
    options = parser.parse_args()
    data, tokenizer = demo_data(), load_tokenizer()
    labels = labels_of(data)
    started = time.monotonic()
    probe = probed(build_encoder(labels), data, tokenizer)
    before = accuracy(probe, data, tokenizer, labels)
    train(probe, data, tokenizer, labels, options)
    minutes = (time.monotonic() - started) / 60
    after = accuracy(merge_adapter(build_encoder(labels), options.out), data, tokenizer, labels)
    show(data, before, after)
    Console().print(f"Training took {minutes:.1f} minutes with {torch.get_num_threads()} threads.")


def probed(
    model: BertForSequenceClassification, data: DemoData, tokenizer: PreTrainedTokenizerFast
) -> BertForSequenceClassification:
    """Give the untouched encoder a fitted head: linear probing before fine-tuning (Kumar et al., 2022).

    A random head under a high learning rate would first pull the encoder apart. The pooler only standardizes the first
    token's state here, and the classifier is a logistic regression on it.
    """
    states = _forward(lambda **b: model.bert(**b).last_hidden_state[:, 0], data.train.texts, tokenizer)
    mean, scale = states.mean(axis=0), 0.3 / states.std(axis=0)
    head = LogisticRegression(C=1.0, max_iter=1000)
    head.fit(np.tanh((states - mean) * scale), data.train.labels)
    assert model.bert.pooler is not None  # noqa: S101 - a classifier of this family has one
    with torch.no_grad():
        model.bert.pooler.dense.weight.copy_(torch.from_numpy(np.diag(scale)))
        model.bert.pooler.dense.bias.copy_(torch.from_numpy(-mean * scale))
        model.classifier.weight.copy_(torch.from_numpy(head.coef_))
        model.classifier.bias.copy_(torch.from_numpy(head.intercept_))
    return model


def train(
    model: BertForSequenceClassification,
    data: DemoData,
    tokenizer: PreTrainedTokenizerFast,
    labels: tuple[str, ...],
    options: argparse.Namespace,
) -> None:
    """LoRA on all linear layers of the encoder, the pooler and the classifier in full."""
    config = LoraConfig(
        r=options.rank,
        lora_alpha=2 * options.rank,
        lora_dropout=0.05,
        target_modules=LINEAR_LAYERS,
        modules_to_save=["pooler", "classifier"],
    )
    torch.manual_seed(SEED)
    adapted = get_peft_model(model, config)
    arguments = TrainingArguments(
        output_dir=str(options.work),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch,
        learning_rate=options.rate,
        lr_scheduler_type="linear",
        warmup_steps=50,
        train_sampling_strategy="group_by_length",
        logging_steps=25,
        save_steps=100,
        save_total_limit=2,
        seed=SEED,
        use_cpu=True,
        report_to="none",
    )
    trainer = Trainer(
        model=adapted,
        args=arguments,
        train_dataset=Encoded(data.train, tokenizer, labels),
        data_collator=DataCollatorWithPadding(tokenizer),
    )
    checkpoint = get_last_checkpoint(str(options.work)) if options.work.is_dir() else None
    trainer.train(resume_from_checkpoint=checkpoint)
    adapted.half().save_pretrained(str(options.out), save_embedding_layers=False)
    (options.out / "README.md").unlink(missing_ok=True)
    (options.out / "labels.json").write_text(json.dumps(labels, indent=1) + "\n", encoding="utf-8")


def accuracy(
    model: BertForSequenceClassification, data: DemoData, tokenizer: PreTrainedTokenizerFast, labels: tuple[str, ...]
) -> dict[str, float]:
    """Accuracy per language on the test sentences."""
    logits = _forward(lambda **b: model(**b).logits, data.test.texts, tokenizer)
    return _by_language(data.test, np.asarray(labels)[logits.argmax(axis=1)])


def _forward(call: object, texts: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> NDArray[np.float32]:
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    rows: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for start in track(range(0, len(order), 64), description="encoding"):
            batch = [texts[index] for index in order[start : start + 64]]
            inputs = tokenizer(batch, padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
            rows.append(call(**inputs).numpy())  # type: ignore[operator]
    restored = np.empty(len(order), dtype=np.int64)
    restored[order] = np.arange(len(order))
    return np.concatenate(rows)[restored]


def _by_language(examples: Examples, predicted: NDArray[np.str_]) -> dict[str, float]:
    right: dict[str, list[bool]] = defaultdict(list)
    for language, label, answer in zip(examples.languages, examples.labels, predicted, strict=True):
        right[language].append(label == answer)
    return {language: float(np.mean(hits)) for language, hits in sorted(right.items())}


def show(data: DemoData, before: dict[str, float], after: dict[str, float]) -> None:
    """Print the table per language and the macro means."""
    table = Table("language", "test sentences", "templates", "frozen encoder", "with adapter")
    for language, accuracy in after.items():
        rows = [i for i, tag in enumerate(data.test.languages) if tag == language]
        groups = {(data.test.groups or ())[i] for i in rows}
        table.add_row(language, str(len(rows)), str(len(groups)), f"{before[language]:.3f}", f"{accuracy:.3f}")
    for name, tags in (("macro, rich", RICH), ("macro, all", tuple(after))):
        means = [f"{np.mean([scores[tag] for tag in tags]):.3f}" for scores in (before, after)]
        table.add_row(name, "", "", *means, style="bold")
    Console().print(table)


if __name__ == "__main__":
    main()
