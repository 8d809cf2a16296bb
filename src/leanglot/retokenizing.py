"""What a trimmed vocabulary does to texts that it was not cut on: how they are split, and whether answers change."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from leanglot.data.pool import TextPool, plain_text
from leanglot.errors import DataError
from leanglot.measure.fragmentation import compare_tokenizers
from leanglot.measure.quality import answer_all
from leanglot.measure.subject import open_subject
from leanglot.models.hub import resolve_model
from leanglot.progress import Observer, Silent
from leanglot.results.shaping import Retokenized, Unchanged
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS


def retokenize(
    before: Tokenizer, after: Tokenizer, texts: Sequence[str], languages: Sequence[str], corpus: TextPool | None
) -> Retokenized:
    """Split texts with both tokenizers, leaving out those that the vocabulary was cut on.

    Args:
        before: The original tokenizer.
        after: The trimmed one.
        texts: Texts.
        languages: Language tag of each.
        corpus: What the vocabulary was cut on; None where that is not known.
    """
    kept = _unseen(texts, corpus)
    if not kept:
        return Retokenized(known=len(texts))
    unseen = [texts[at] for at in kept], [languages[at] for at in kept]
    return Retokenized(tokens=compare_tokenizers(before, after, *unseen), known=len(texts) - len(kept))


def compare_trimmed(
    model: str,
    artifact: Path,
    pool: TextPool,
    corpus: TextPool | None,
    *,
    allow_pickle: bool = False,
    observer: Observer | None = None,
) -> tuple[Retokenized, Unchanged]:
    """Compare a model with an artifact of it whose vocabulary was trimmed, on texts without labels.

    Args:
        model: The model before trimming.
        artifact: The artifact.
        pool: Texts.
        corpus: What the vocabulary was cut on.
        allow_pickle: Whether pickled weights may be read.
        observer: Told of the progress.

    Raises:
        DataError: The vocabulary was cut on all of the texts.
        LeanglotError: The model or the artifact cannot be used.
    """
    observer = observer or Silent()
    observer.plan([model, str(artifact)])
    kept = check_unseen(pool, corpus)
    texts, languages = [pool.texts[at] for at in kept], np.asarray([pool.languages[at] for at in kept])
    folders = [resolve_model(each, allow_pickle=allow_pickle) for each in (model, str(artifact))]
    subjects = [open_subject(folder, allow_pickle=allow_pickle) for folder in folders]
    answers = []
    for name, subject in zip((model, str(artifact)), subjects, strict=True):
        observer.enter(name, "evaluating", len(texts))
        rows = subject.encode(texts).rows
        answers.append(answer_all(subject, rows, DEFAULT_BATCH_TOKENS, partial(observer.advance, name)).predicted)
        observer.enter(name, "done")
    same, tags = answers[0] == answers[1], sorted(set(languages))
    before, after = (subject.tokenizer for subject in subjects)
    tokens = compare_tokenizers(before, after, texts, languages.tolist())
    return Retokenized(tokens=tokens, known=len(pool.texts) - len(kept)), Unchanged(
        texts={tag: int((languages == tag).sum()) for tag in tags},
        same={tag: int(same[languages == tag].sum()) for tag in tags},
    )


def check_unseen(pool: TextPool, corpus: TextPool | None) -> list[int]:
    """Refuses texts of which a vocabulary is cut on all; gives the positions of the others.

    Raises:
        DataError: It is.
    """
    kept = _unseen(pool.texts, corpus)
    if not kept:
        raise DataError(
            f"The vocabulary is cut on all {len(pool.texts):,} texts of {pool.source}.", "Compare on other texts."
        )
    return kept


def _unseen(texts: Sequence[str], corpus: TextPool | None) -> list[int]:
    seen = set() if corpus is None else set(map(plain_text, corpus.texts))
    return [position for position, text in enumerate(texts) if plain_text(text) not in seen]
