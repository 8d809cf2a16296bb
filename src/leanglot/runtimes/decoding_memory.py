"""How much memory a search for translations takes, and how much there is: asked before it starts."""

from pathlib import Path
from typing import Final

import psutil

from leanglot.results.translation import TranslationFacts
from leanglot.runtimes.seq2seq import Decoding

_NUMBER: Final = 4  # bytes of FP32
_CACHE_COPIES: Final = 2  # what was there and what it becomes, while a step runs or hypotheses change places
_SCORE_COPIES: Final = 3  # logits, log probabilities, and a sorted part of them


def row_bytes(facts: TranslationFacts, decoding: Decoding, source_tokens: int, target_tokens: int) -> int:
    """Memory that one source takes while it is translated, besides the model itself; an estimate from above.

    Keys and values of the translation's tokens per hypothesis, those of the source's (as transformers holds them: per
    hypothesis too), and the scores of the next token.

    Args:
        facts: Its sizes; those that are unknown count nothing.
        decoding: The beam.
        source_tokens: Length of the source.
        target_tokens: Most tokens of the translation.
    """
    own = facts.cache_numbers * target_tokens * (_CACHE_COPIES if decoding.cache else 1)
    cross = facts.cache_numbers * source_tokens
    scores = facts.vocabulary * _SCORE_COPIES
    return decoding.beam * (own + cross + scores) * _NUMBER


def available_bytes(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Memory that this process can still have: what the machine has free, within its container's limit.

    Args:
        groups: Where Linux describes the container's limits.
    """
    free = int(psutil.virtual_memory().available)
    limit, used = _number(groups / "memory.max"), _number(groups / "memory.current")
    if limit is None or used is None:
        return free
    reclaimable = _reclaimable(groups / "memory.stat")
    return max(0, min(free, limit - used + reclaimable))


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _reclaimable(path: Path) -> int:
    """Cached file contents, which count as used and are given up on demand."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    found = dict(line.split(maxsplit=1) for line in lines if " " in line)
    return int(found.get("inactive_file", 0))
