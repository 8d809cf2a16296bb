"""The configs of techniques that encoder-decoder models alone have."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leanglot.techniques.training import Training


class MixedInt8(BaseModel):
    """INT8 weights whose other arithmetic runs in 16 bits, where the target's hardware has it; for CTranslate2.

    Attributes:
        rest: Type of everything that is not quantized.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["int8-mixed"] = "int8-mixed"
    rest: Literal["fp16", "bf16"] = "bf16"


class SideLayers(BaseModel):
    """Leaves layers of the encoder or the decoder out.

    A deep encoder with a shallow decoder costs little quality and answers much faster, since the decoder runs once per
    token (Kasai et al., 2021).

    Attributes:
        encoder: Layers of the encoder that stay; None keeps all.
        decoder: Layers of the decoder that stay; None keeps all.
        take: Which of them: ``spread`` evenly with the first and the last, the ``first``, the ``last``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["side-layers"] = "side-layers"
    encoder: int | None = Field(default=None, strict=True, ge=1)
    decoder: int | None = Field(default=None, strict=True, ge=1)
    take: Literal["spread", "first", "last"] = "spread"

    @model_validator(mode="after")
    def _one_of_both(self) -> "SideLayers":
        if self.encoder is None and self.decoder is None:
            raise ValueError("give encoder, decoder or both, such as decoder: 2")
        return self


class SequenceDistillation(BaseModel):
    """Distils a translation model into one with fewer layers.

    Without sizes the model as the steps before left it learns.

    Attributes:
        encoder: Layers of the student's encoder, taken from the teacher's; None keeps all.
        decoder: Layers of its decoder; None keeps all.
        targets: What is learned: ``beam`` the teacher's beam output (Kim & Rush, 2016), ``references`` the right
            translations, ``both`` one in turn with the other.
        beam: Beam of the teacher's output.
        word: Weight of the teacher's distribution of each token (word-level distillation) against the tokens
            themselves, in [0, 1].
        temperature: Softens both distributions; see `Distillation`.
        hidden: Weight of the squared difference between the student's and the teacher's hidden states of both sides; 0
            leaves it out.
        limit_per_pair: Most sentences of each pair that are learned from, drawn at random over the groups; the teacher
            translates no others. None takes all.
        training: How it is trained; its balance shares the examples out over the language pairs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["distil-sequence"] = "distil-sequence"
    encoder: int | None = Field(default=None, strict=True, ge=1)
    decoder: int | None = Field(default=None, strict=True, ge=1)
    targets: Literal["beam", "references", "both"] = "beam"
    beam: int = Field(default=4, strict=True, ge=1, le=32)
    word: float = Field(default=0.5, ge=0, le=1)
    temperature: float = Field(default=1.0, gt=0, le=1000)
    hidden: float = Field(default=0.0, ge=0, le=1e6)
    limit_per_pair: int | None = Field(default=None, strict=True, ge=1, exclude_if=lambda value: value is None)
    training: Training = Training(learning_rate=3e-4)
