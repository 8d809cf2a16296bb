"""What pruning and vocabulary trimming did to a model: records of the artifact and of the report."""

import math
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

UnitKind = Literal["heads", "ffn", "layers"]

FEW_TEXTS: Final = 100
"""A language with fewer texts is told to show too little of what it uses."""
MUCH_MISSING: Final = 0.01
"""The share of a language's further tokens without their piece from which on it is told."""


class PruningFacts(BaseModel):
    """What one pruning step did.

    Attributes:
        technique: ``magnitude`` and ``movement`` count single weights of the linear layers, ``heads`` attention heads,
            ``ffn`` neurons of the feed-forward blocks, ``layers`` layers.
        target: The share that was asked for, in [0, 1); None where units were named one by one.
        actual: The share of `total` that this step removed; of single weights the share that is zero after it.
        removed: How many it removed; of single weights how many are zero.
        total: How many there were before this step.
        kept_by_layer: Heads or neurons that each layer has now; for ``layers`` the places, counted from 0, of the
            layers that stayed; empty for single weights. Of a translation model the encoder's layers come first, then
            the decoder's (places count on), for ``heads`` then the decoder's cross-attentions.
        before_by_layer: Heads or neurons that each layer had before the step; for ``layers`` of a translation model
            the layers of each side; empty where that does not apply.
        chosen: Digest of which heads or neurons stayed, so that two cuts of the same shape can be told apart; empty
            where that does not apply.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["magnitude", "movement", "heads", "ffn", "layers"]
    target: float | None
    actual: float
    removed: int = Field(ge=0)
    total: int = Field(ge=1)
    kept_by_layer: tuple[int, ...] = ()
    before_by_layer: tuple[int, ...] = ()
    chosen: str = ""

    @property
    def makes_zeros(self) -> bool:
        """Whether single weights became zero, and nothing was cut out."""
        return self.technique in {"magnitude", "movement"}


class VocabularyFacts(BaseModel):
    """What trimming did to the vocabulary.

    Attributes:
        languages: Languages that it was cut for.
        pieces_before: Rows of the embedding table before; of both tables of a translation model with one per side.
        pieces_after: Rows after.
        texts: Texts that showed what is used, by language.
        expected_missing: Share of the tokens of further texts, by language, whose piece is gone, so that they are split
            into smaller ones: each text's own tokens that no other text has, over all tokens (the leave-one-out form
            of the missing mass of Good, 1953). None where one text or none leaves nothing to compare with.
        chosen: Digest of which pieces stayed, so that two cuts of the same size can be told apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    languages: tuple[str, ...]
    pieces_before: int = Field(ge=1)
    pieces_after: int = Field(ge=1)
    texts: dict[str, int]
    expected_missing: dict[str, float | None]
    chosen: str = ""


class TokenChange(BaseModel):
    """How a trimmed tokenizer splits texts of one language, beside the original.

    Attributes:
        texts: Texts compared.
        before: Mean tokens per text with the original tokenizer, special tokens included.
        after: Mean tokens per text with the trimmed one.
        unknown_before: Share of unknown tokens among all, with the original.
        unknown_after: The same with the trimmed one.
        same: Share of the texts that are split exactly as before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: int = Field(ge=1)
    before: float
    after: float
    unknown_before: float
    unknown_after: float
    same: float


class Retokenized(BaseModel):
    """How a trimmed tokenizer splits texts that it was not cut on.

    Attributes:
        tokens: By language; a language all of whose texts it was cut on is missing.
        known: Texts that it was cut on, which are left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: dict[str, TokenChange] = {}
    known: int = 0


class Unchanged(BaseModel):
    """How many texts get the same answer before and after.

    Attributes:
        texts: Texts by language.
        same: Those with the same answer, by language.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: dict[str, int]
    same: dict[str, int]


class ImportanceMap(BaseModel):
    """The importance of a model's heads, neurons or layers, by language, and what was kept.

    Attributes:
        kind: What was scored.
        method: How; ``ablation`` for layers.
        combine: How the languages' scores became one.
        texts: Texts by language that it was measured on.
        scores: By language and layer: one score per head; one per layer for ``layers``; for ``ffn`` the sum over the
            layer's neurons. Each language's scores sum to 1.
        combined: The scores that the choice was made by, in the same form; for ``ffn`` and ``layers`` each layer's
            share of their sum.
        kept: By layer, the heads that stayed, counted from 0; for ``layers`` one entry, 0, or none; for ``ffn`` the
            number of neurons that stayed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: UnitKind
    method: Literal["taylor", "gradient", "ablation"]
    combine: Literal["worst", "mean", "traffic"]
    texts: dict[str, int]
    scores: dict[str, tuple[tuple[float, ...], ...]]
    combined: tuple[tuple[float, ...], ...]
    kept: tuple[tuple[int, ...], ...]

    @model_validator(mode="after")
    def _fits_together(self) -> "ImportanceMap":
        shapes = {tuple(map(len, layers)) for layers in (self.combined, *self.scores.values())}
        if len(shapes) > 1 or len(self.kept) != len(self.combined):
            raise ValueError("scores, combined and kept are of different shapes")
        values = [value for layers in (self.combined, *self.scores.values()) for layer in layers for value in layer]
        if not all(math.isfinite(value) and value >= 0 for value in values):
            raise ValueError("scores must be finite numbers, 0 or more")
        return self
