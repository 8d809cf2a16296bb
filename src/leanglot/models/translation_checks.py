"""What a translation model's folder, its weights and its tokenizers must agree on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel

from leanglot.errors import ModelError
from leanglot.models.folder_checks import architectures
from leanglot.models.translation_facts import FAMILIES

_ENDINGS: Final = ("ForConditionalGeneration", "MTModel")
_SPARE_ROWS: Final = 256  # tables are rounded up, to a multiple of 128 in T5


def check_family(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuses a folder without the config of a translation model of a supported family.

    Raises:
        ModelError: Says what it holds instead.
    """
    named = architectures(dict(config))
    family = str(config["model_type"])
    if family in FAMILIES and any(name.endswith(_ENDINGS) for name in named):
        return
    raise ModelError(
        f"{folder} holds {', '.join(named) or 'a model of unnamed architecture'} ({family}), which is no supported "
        "translation model.",
        "Allowed are the families marian, m2m_100 (M2M and NLLB), mbart, t5 and mt5 with their generation heads, such "
        "as MarianMTModel or M2M100ForConditionalGeneration.",
    )


def check_pad(folder: Path, module: PreTrainedModel) -> int:
    """The padding's token id.

    Raises:
        ModelError: The model has none.
    """
    if module.config.pad_token_id is None:
        raise ModelError(f"{folder} names no pad_token_id.", "Add it to config.json: batches need it.")
    return int(module.config.pad_token_id)


def check_vocabulary(folder: Path, module: PreTrainedModel, source: Tokenizer, target: Tokenizer) -> tuple[str, ...]:
    """Refuses tokenizers that do not belong to the model's tables, on either side.

    Returns:
        A sentence on rows of the decoder's table that no token has; none where every row has one.

    Raises:
        ModelError: A token has no row, or so many rows have no token that the tokenizer is another model's.
    """
    notes: list[str] = []
    sides = (("source", module.get_encoder(), source), ("target", module.get_decoder(), target))
    for side, part, tokenizer in sides:
        table = part.get_input_embeddings()
        if not isinstance(table, nn.Embedding):
            continue
        rows = table.num_embeddings
        known = tokenizer.get_vocab_size(with_added_tokens=True)
        highest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0)
        if highest >= rows:
            raise ModelError(
                f"The {side} tokenizer in {folder} gives ids up to {highest:,}; the model knows {rows:,} tokens.",
                "Save the tokenizer that the model was trained with beside it, or resize the model's embeddings.",
            )
        if rows - known > max(_SPARE_ROWS, rows // 20):
            raise ModelError(
                f"The {side} tokenizer in {folder} has {known:,} tokens; the model knows {rows:,}.",
                "Save the tokenizer that the model was trained with beside it.",
            )
        if side == "target" and rows > known:
            notes.append(f"{rows - known:,} rows of the decoder's table have no token: such tables are rounded up.")
    return tuple(notes)
