"""What a classifier's head, its tokenizer and its module must agree on: labels, token ids, the longest input."""

from pathlib import Path

from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel

from leanglot.errors import ModelError


def head_labels(folder: Path, module: PreTrainedModel) -> tuple[str, ...]:
    """The head's class names in the order of the logits.

    Raises:
        ModelError: It has none that can be told apart, or gives no single label per text.
    """
    problem = getattr(module.config, "problem_type", None)
    if problem in {"regression", "multi_label_classification"}:
        raise ModelError(f"{folder} is made for {problem}.", "Allowed are classifiers that give one label per text.")
    names = {int(index): str(name) for index, name in (module.config.id2label or {}).items()}
    labels = tuple(names[index] for index in sorted(names))
    if sorted(names) != list(range(len(names))) or len(set(labels)) < len(labels) or len(labels) < 2:
        told = ", ".join(f"{index}: {name}" for index, name in sorted(names.items())[:8]) or "none"
        raise ModelError(
            f"The labels in {folder / 'config.json'} cannot be used: {told}.",
            "id2label must name each class of the head once, from 0 on without gaps, at least two of them.",
        )
    return labels


def check_fit(folder: Path, module: PreTrainedModel, tokenizer: Tokenizer) -> None:
    """Refuses a tokenizer with tokens that have no row in the model's table.

    Raises:
        ModelError: It has such tokens.
    """
    table = module.get_input_embeddings()
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0)
    if isinstance(table, nn.Embedding) and highest >= table.num_embeddings:
        raise ModelError(
            f"The tokenizer in {folder} gives ids up to {highest:,}; the model knows {table.num_embeddings:,} tokens.",
            "Save the tokenizer that the model was trained with beside it, or resize the model's embeddings.",
        )


def longest_input(folder: Path, module: PreTrainedModel, tokenizer: object, asked: int | None = None) -> int:
    """The longest input in tokens: what was asked for, within what the model and its tokenizer allow.

    Raises:
        ModelError: More was asked for than the model reads.
    """
    own = int(getattr(tokenizer, "model_max_length", 1_000_000))
    limits = [limit for limit in (own if own < 1_000_000 else None, _positions(module)) if limit is not None]
    allowed = min(limits, default=None)
    if asked is None:
        return 512 if allowed is None else allowed
    if allowed is not None and asked > allowed:
        raise ModelError(
            f"The maximum length is {asked} tokens, and {folder} reads {allowed} at most.", "Lower it, or leave it out."
        )
    return asked


def _positions(module: PreTrainedModel) -> int | None:
    """Longest input the position embeddings allow; a table with a padding row starts counting behind it."""
    for name, layer in module.named_modules():
        if name.endswith("position_embeddings") and isinstance(layer, nn.Embedding):
            return layer.num_embeddings - (0 if layer.padding_idx is None else layer.padding_idx + 1)
    return None
