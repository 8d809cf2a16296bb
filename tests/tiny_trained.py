"""Tiny models trained and saved: a word-level tokenizer, a few steps, a folder as save_pretrained() writes it."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from leanglot.quiet import quiet_transformers
from tiny_rows import FILLERS, LABELS, LANGUAGES, words_of

_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer with XLM-R's special tokens."""
    words = [f"filler-{number}" for number in range(FILLERS)]
    words += [word for language in LANGUAGES for label in LABELS for word in words_of(language, label)]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(_SPECIAL + words)}, unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
        model_max_length=32,
    )


def train(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, examples: Sequence[dict[str, str]]) -> None:
    """A few steps, enough to be right most of the time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a model gains nothing from more, and they wait for each other
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    inputs = tokenizer([row["text"] for row in examples], padding=True, return_tensors="pt")
    labels = torch.tensor([LABELS.index(row["label"]) for row in examples])
    model.train()
    for _ in range(40):
        loss = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    torch.set_num_threads(threads)


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> Path:
    with quiet_transformers():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder
