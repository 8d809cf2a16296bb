"""What is watched of every source besides its translation: the same look when a model is judged and when it serves."""

from collections.abc import Sequence

import numpy as np

from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.classifier import Encoded
from leanglot.runtimes.text_facts import TextFacts, text_facts
from leanglot.runtimes.translation_text import TranslationText


def source_facts(
    text: TranslationText, sources: Sequence[str], pairs: Sequence[str], unknown: int | None
) -> tuple[tuple[TokenIds, ...], list[TextFacts]]:
    """All tokens of sources, and facts about them.

    Args:
        text: The model's tokenizers.
        sources: Checked texts, of any length.
        pairs: The language pair of each.
        unknown: Id of the source side's unknown token, from `unknown_id`; None where it has none.

    Returns:
        The token ids of each, shape ``(length,)``: whole also where the source is longer than the model reads, since it
        is then translated in parts; and the facts, none of them cut.

    Raises:
        DataError: The model cannot translate one of the pairs.
    """
    encoded = text.encode(sources, pairs)
    rows = tuple(
        _whole(text, source) if cut else row.ids
        for source, row, cut in zip(sources, encoded.rows, encoded.truncated, strict=True)
    )
    return rows, text_facts(sources, Encoded(rows, (False,) * len(rows)), unknown)


def _whole(text: TranslationText, source: str) -> TokenIds:
    ids = text.tokenizer.encode(source, add_special_tokens=False).ids
    return np.asarray(ids, dtype=np.int64)
