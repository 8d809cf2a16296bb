"""What every engine of translation offers: tokenized sources in, token ids of translations out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from leanglot.runtimes.base import TokenIds


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One tokenized source.

    Attributes:
        ids: The encoder's input, special and language tokens included, shape (length,).
        start: The decoder's first tokens: its start token and, in some families, the target language.
    """

    ids: TokenIds
    start: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How translations are searched for.

    Attributes:
        beam: Beam width; 1 is greedy.
        length_penalty: A beam's sum of log probabilities is divided by its length to this power.
        max_tokens: Most tokens of a translation, its end token included; one that reaches them is unfinished.
        cache: Keep the keys and values of earlier tokens; off, every step computes them all again.
        forced: Exactly so many tokens, with no end before: for measuring alone.

    Tokens that the model's facts suppress are never chosen, the padding among them; log probabilities are taken before
    they are, over the whole vocabulary. No token is forced at the end: who reaches `max_tokens` is unfinished.
    """

    beam: int = 1
    length_penalty: float = 1.0
    max_tokens: int = 256
    cache: bool = True
    forced: int | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """One translation as tokens.

    Attributes:
        ids: Its tokens, without the start tokens and the end token, shape (length,).
        log_probability: Sum of the natural log probabilities of its tokens, the end token's included.
        finished: Whether it ended by itself.
    """

    ids: TokenIds
    log_probability: float
    finished: bool = field(default=True)


class Seq2SeqEngine(Protocol):
    """A loaded encoder-decoder model."""

    def generate(self, rows: Sequence[SourceRow], decoding: Decoding) -> list[Decoded]:
        """Translate the sources as one padded batch, in the order given."""
        ...
