"""What is watched of every text besides its answer: length, unknown tokens, script, and whether it was cut."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from leanglot.data.scripts import main_script
from leanglot.runtimes.classifier import Encoded


@dataclass(frozen=True, slots=True)
class TextFacts:
    """Facts about one text as a model reads it.

    Attributes:
        tokens: Number of tokens after cutting, special ones included.
        unknown: Number of unknown tokens among them.
        characters: Number of characters (code points) of the whole text.
        script: ISO 15924 code of most of its letters; ``Zyyy`` where it has none.
        truncated: Whether the text was cut at the model's maximum length.
    """

    tokens: int
    unknown: int
    characters: int
    script: str
    truncated: bool


def text_facts(texts: Sequence[str], encoded: Encoded, unknown: int | None) -> list[TextFacts]:
    """Facts about texts, in order; costs a fraction of what tokenizing them did.

    Args:
        texts: The texts.
        encoded: The same, as `Classifier.encode` gives them.
        unknown: Id of the unknown token, from `unknown_id`; None where the tokenizer has none.
    """
    return [
        TextFacts(
            tokens=len(row),
            unknown=0 if unknown is None else int(np.count_nonzero(row == unknown)),
            characters=len(text),
            script=main_script(text),
            truncated=cut,
        )
        for text, row, cut in zip(texts, encoded.rows, encoded.truncated, strict=True)
    ]


def unknown_id(tokenizer: Tokenizer) -> int | None:
    """Id of the token that stands for what a tokenizer does not know; None where it has none.

    Reads the whole vocabulary, a quarter of a second for 250,000 pieces: ask once per tokenizer.
    """
    model = json.loads(tokenizer.to_str())["model"]
    if "unk_id" in model:  # Unigram names a number, all others a piece
        return None if model["unk_id"] is None else int(model["unk_id"])
    found: int | None = tokenizer.token_to_id(model.get("unk_token") or "")
    return found
