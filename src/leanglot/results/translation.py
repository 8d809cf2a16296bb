"""The records of translation: how a model is told its languages, and how well each pair is translated."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.techniques import MetricName

Telling = Literal["source-token", "source-and-start", "start", "prefix", "none"]
FailureKind = Literal["wrong-language", "copied", "repetition", "empty", "length", "unfinished"]


class TranslationFacts(BaseModel):
    """What a runtime needs to know of an encoder-decoder model besides its files.

    Attributes:
        family: The model type of transformers, such as ``marian`` or ``m2m_100`` (which NLLB is too).
        telling: How the model is told what to translate into: a ``source-token`` of the target language in front of the
            source (Marian); a token of the source language in front of it and one of the target language as the first
            decoder token, ``source-and-start`` (mBART, NLLB, M2M); the decoder's token alone, ``start``; a ``prefix``
            of words (T5); ``none``, for a model of a single pair.
        codes: What stands for each language in this model, by canonical tag: a token, or with ``prefix`` its name.
        prefix: With ``prefix``, the words, with ``{source}`` and ``{target}`` in them.
        pairs: The language pairs it may be asked for, such as ``en→de``; empty where any two of `codes` may be.
        decoder_start_id: First token of every decoder input.
        eos_id: Token that ends a translation.
        max_target: Most tokens of a translation.
        target_tokenizer: File of the target side's tokenizer, where it has its own; None where both sides share one.
        beam: Beam width it is meant to be used with; 1 is greedy.
        length_penalty: Exponent of the length that a beam's score is divided by.
        source_code: With ``source-and-start``, where the source language's token stands: in ``front`` of the source
            (M2M, mBART-50, NLLB) or at its ``end``, behind the end token (mBART, NLLB's older behaviour).
        start_code: With a target token at the decoder's start, whether it stands ``after`` `decoder_start_id` or is
            ``alone`` there (mBART).
        suppressed: Tokens that no translation may hold, the padding above all: every engine takes their logits out.
        cache_numbers: Numbers that one token of one hypothesis keeps in the decoder's cache: keys and values of all
            layers; 0 where unknown.
        vocabulary: Rows of the decoder's table; 0 where unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str
    telling: Telling
    codes: dict[str, str]
    prefix: str | None = None
    pairs: tuple[str, ...] = ()
    decoder_start_id: int = Field(ge=0)
    eos_id: int = Field(ge=0)
    max_target: int = Field(gt=1)
    target_tokenizer: str | None = None
    beam: int = Field(default=1, ge=1)
    length_penalty: float = 1.0
    source_code: Literal["front", "end"] = "front"
    start_code: Literal["after", "alone"] = "after"
    suppressed: tuple[int, ...] = ()
    cache_numbers: int = Field(default=0, ge=0)
    vocabulary: int = Field(default=0, ge=0)


class Metric(BaseModel):
    """What quality was measured with, where that is not accuracy.

    Scores are kept as fractions: a chrF of 54.2 is 0.542, so that 0.01 is one point everywhere.

    Attributes:
        name: ``chrf`` (chrF2; Popović, 2015) or ``bleu`` (Papineni et al., 2002).
        signature: sacrebleu's signature; by pair, where it depends on the target language.
        pair_signatures: Signatures that differ from it, by pair.
        beside: The other metric, which is shown and decides nothing; None where it was not computed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: MetricName
    signature: str
    pair_signatures: dict[str, str] = {}
    beside: "Metric | None" = None


class PairQuality(BaseModel):
    """How well a model translates one pair.

    Attributes:
        n: Sentences.
        chrf: Corpus chrF2 as a fraction.
        bleu: Corpus BLEU as a fraction.
        copying: chrF2 of handing the source back, as a fraction.
        failures: Sentences with each kind of silent failure.
        failing: Sentences with any of them; None where none was looked for.
        tokens: Tokens of all translations.
        characters: Characters of all sources.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=0)
    chrf: float | None
    bleu: float | None
    copying: float | None = None
    failures: dict[FailureKind, int] = {}
    failing: int | None = Field(default=None, ge=0)
    tokens: int = Field(default=0, ge=0)
    characters: int = Field(default=0, ge=0)


class FailureChange(BaseModel):
    """One kind of silent failure in one pair, beside the baseline on the same sentences.

    Attributes:
        pair: The language pair.
        kind: What fails.
        n: Sentences.
        baseline: Those that the baseline fails.
        candidate: Those that the candidate fails.
        p_value: Of an exact one-sided McNemar test that it fails more often.
        p_adjusted: Adjusted after Holm over all kinds and pairs.
        found: Whether it fails more often, at the run's level.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair: str
    kind: FailureKind
    n: int = Field(ge=0)
    baseline: int = Field(ge=0)
    candidate: int = Field(ge=0)
    p_value: float
    p_adjusted: float
    found: bool


class TranslationQuality(BaseModel):
    """How well a candidate translates.

    Attributes:
        pairs: By language pair.
        changes: Silent failures beside the baseline's; empty on the baseline itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pairs: dict[str, PairQuality]
    changes: tuple[FailureChange, ...] = ()
