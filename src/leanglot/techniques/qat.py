"""The config of quantization-aware training: a model that learns with its weights and activations rounded to INT8."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leanglot.techniques.distillation import HiddenMatching
from leanglot.techniques.quantization import Int8, Keep
from leanglot.techniques.training import Training

_USUAL: Final[dict[str, Any]] = {"learning_rate": 2e-5, "epochs": 1.0}


class QuantizationAware(BaseModel):
    """Training with rounded weights and activations, for a graph of static INT8; see `Int8`.

    Attributes:
        ranges: Where activation ranges come from: ``learned`` trains them with the weights, ``observed`` takes the
            moving average of the smallest and the largest value while the weights are trained.
        clipping: Which bounds are learned: ``asymmetric`` has two per tensor; ``pact`` has one, on both sides of 0,
            or above 0 alone where no value is below (Choi et al., "PACT", 2018, arXiv 1805.06085, here without its
            penalty on large bounds).
        embeddings: Also store the embedding table as INT8 rows, and train with them.
        per_channel: One weight scale per output channel instead of one per matrix.
        reduce_range: Use 7 bits for weights, which prevents 16-bit saturation on x86 without VNNI. None lets the
            target machine's instruction set decide.
        keep: Module patterns that stay in FP32; see `Int8`.
        samples: Training texts that the ranges start from, balanced over the languages.
        temperature: See `Distillation`.
        alpha: See `Distillation`.
        hidden: See `Distillation`.
        range_rate: Factor of the learning rate for learned bounds, which have far to go.
        training: How it is trained; unless said otherwise for one epoch at a learning rate of 2e-5.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["qat"] = "qat"
    ranges: Literal["learned", "observed"] = "learned"
    clipping: Literal["asymmetric", "pact"] = "asymmetric"
    embeddings: bool = False
    per_channel: bool = True
    reduce_range: bool | None = None
    keep: Keep = ()
    samples: int = Field(default=512, strict=True, ge=1, le=1_000_000)
    temperature: float = Field(default=4.0, gt=0, le=1000)
    alpha: float = Field(default=0.7, ge=0, le=1)
    hidden: HiddenMatching | None = None
    range_rate: float = Field(default=100.0, gt=0, le=1e6)
    training: Training = Training(**_USUAL)

    @model_validator(mode="before")
    @classmethod
    def _usual_training(cls, values: object) -> object:
        """What is not said of the training is as it is for a model that is trained already."""
        if isinstance(values, dict) and isinstance(values.get("training"), dict):
            return values | {"training": _USUAL | values["training"]}
        return values

    @model_validator(mode="after")
    def _clipping_where_learned(self) -> "QuantizationAware":
        if self.ranges == "observed" and self.clipping == "pact":
            raise ValueError("clipping: pact is a way to learn ranges: set ranges to learned, or leave it out")
        return self

    @property
    def scheme(self) -> Int8:
        """How the trained model is quantized."""
        return Int8(
            activations="static",
            embeddings=self.embeddings,
            per_channel=self.per_channel,
            reduce_range=self.reduce_range,
            keep=self.keep,
        )
