"""Builds a classifier of DistilBERT's shape and two-class English data for it, without any hub.

    python scripts/sentiment_shape.py --out runs/sentiment-shape

It has the shape of the SST-2 checkpoint (6 layers, width 768, 12 heads, 3,072 neurons, 30,522 pieces, 2 labels) and so
its size and its speed, and none of its knowledge: it starts from random weights and learns in a few steps to tell
commands that switch something on, start it or make it more from those that do the opposite. The sentences are the
English ones of the demo (home-assistant-intents, Apache-2.0); no judged one is of a template that it was trained on.
"""

import argparse
import json
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast

from leanglot.data.demo import demo_data, demo_log
from leanglot.data.examples import Examples
from leanglot.quiet import quiet_transformers

SEED: Final = 20261127
LABELS: Final = ("negative", "positive")
POLARITY: Final[Mapping[str, str]] = {
    **dict.fromkeys(("HassTurnOn", "HassStartTimer", "HassIncreaseTimer", "HassUnpauseTimer"), "positive"),
    **dict.fromkeys(("HassMediaUnpause",), "positive"),
    **dict.fromkeys(("HassTurnOff", "HassCancelTimer", "HassDecreaseTimer", "HassPauseTimer"), "negative"),
    **dict.fromkeys(("HassMediaPause",), "negative"),
}
VOCABULARY: Final = 30_522
BATCH: Final = 16
SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
Row = dict[str, str]


def english(examples: Examples) -> list[Row]:
    """The English sentences of the two classes; the group is the template."""
    groups = examples.groups or ("",) * len(examples)
    rows = zip(examples.texts, examples.labels, examples.languages, groups, strict=True)
    return [
        {"text": text, "label": POLARITY[label], "language": language, "group": group}
        for text, label, language, group in rows
        if language == "en" and label in POLARITY
    ]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Word pieces of the demo's English sentences, filled up to DistilBERT's number with pieces that no text has."""
    texts = [text for text, language in zip(*demo_log(), strict=True) if language == "en"]
    learned = BertWordPieceTokenizer(lowercase=True)
    learned.train_from_iterator(
        texts, vocab_size=4_000, min_frequency=1, show_progress=False, special_tokens=[*SPECIAL]
    )
    pieces = sorted(learned.get_vocab().items(), key=lambda pair: pair[1])
    vocabulary = dict(pieces) | {f"[unused{place}]": place for place in range(len(pieces), VOCABULARY)}
    whole = BertWordPieceTokenizer(vocab=vocabulary, lowercase=True)
    roles = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    backend = whole._tokenizer  # noqa: SLF001 - the only way from this class to the general one
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=512, **roles)


def make_model() -> DistilBertForSequenceClassification:
    """Random weights in DistilBERT's shape, which are its config's defaults."""
    names = dict(enumerate(LABELS))
    config = DistilBertConfig(id2label=names, label2id={name: index for index, name in names.items()})
    return DistilBertForSequenceClassification(config)


def train(
    model: DistilBertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, rows: Sequence[Row], steps: int
) -> None:
    """So many steps, with warm-up and linear decay; no dropout, since they are few."""
    rng, warm = random.Random(SEED), max(1, steps // 10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))
    )
    started = time.monotonic()
    model.eval()
    for step in range(1, steps + 1):
        batch = rng.sample(rows, min(BATCH, len(rows)))
        inputs = tokenizer([row["text"] for row in batch], padding=True, return_tensors="pt")
        labels = torch.tensor([LABELS.index(row["label"]) for row in batch])
        loss = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        rate.step()
        if step % 10 == 0 or step == steps:
            print(f"step {step} of {steps}: loss {loss.item():.3f}, {time.monotonic() - started:.0f} s", flush=True)


@torch.inference_mode()
def accuracy(
    model: DistilBertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, rows: Sequence[Row]
) -> float:
    """Share of right answers."""
    right = 0
    for start in range(0, len(rows), 32):
        batch = rows[start : start + 32]
        inputs = tokenizer([row["text"] for row in batch], padding=True, return_tensors="pt")
        found = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits.argmax(dim=1)
        right += sum(LABELS[index] == row["label"] for index, row in zip(found.tolist(), batch, strict=True))
    return right / len(rows)


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """As JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    """Builds, trains, checks and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a new folder for model/, train.jsonl and test.jsonl")
    parser.add_argument("--steps", type=int, default=80, help=f"training steps of {BATCH} sentences")
    options = parser.parse_args()
    if options.steps < 1:
        parser.error(f"--steps {options.steps}: allowed are 1 and more")
    if options.out.exists():
        parser.error(f"{options.out} exists already: choose another --out")
    torch.manual_seed(SEED)
    data = demo_data()
    rows, judged = english(data.train), english(data.test)
    tokenizer, model = make_tokenizer(), make_model()
    train(model, tokenizer, rows, options.steps)
    options.out.mkdir(parents=True)
    with quiet_transformers():
        model.save_pretrained(options.out / "model")
        tokenizer.save_pretrained(options.out / "model")
    write_rows(rows, options.out / "train.jsonl")
    write_rows(judged, options.out / "test.jsonl")
    most = max(sum(row["label"] == label for row in judged) for label in LABELS) / len(judged)
    print(f"{sum(weight.numel() for weight in model.parameters()):,} weights; {len(tokenizer):,} pieces")
    print(f"Accuracy on {len(judged)} sentences of other templates: {accuracy(model, tokenizer, judged):.1%}")
    print(f"Always giving the commoner label: {most:.1%}")


if __name__ == "__main__":
    main()
