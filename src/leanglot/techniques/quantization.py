"""The configs of the quantization techniques."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from leanglot.techniques.drawing import Balance, Shares


def _patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if any(not pattern.strip(".") for pattern in patterns):
        raise ValueError("an empty pattern names no layer; write one such as embeddings or encoder.layer.0")
    return patterns


Keep = Annotated[tuple[str, ...], AfterValidator(_patterns)]


class Calibration(BaseModel):
    """How activation ranges are found, and on which texts.

    Attributes:
        method: ``minmax`` takes the extremes; ``percentile`` cuts the rarest values off; ``entropy`` takes the range
            whose quantized distribution has the least Kullback-Leibler divergence (Migacz, 2017).
        percentile: Share of the values inside the range, in percent; for ``percentile`` only.
        samples: Number of texts.
        balance: How they are shared out over the languages; see `Drawing`.
        temperature: For ``balance: temperature``.
        traffic: Share of each language, for ``balance: traffic``.
        languages: Languages to draw from; None takes all.
        memory_mb: Most memory, in MiB, that the observed activations may take at once.
        seed: Seed of the draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["minmax", "percentile", "entropy"] = "minmax"
    percentile: float = Field(default=99.99, gt=50, le=100)
    samples: int = Field(default=512, strict=True, ge=1, le=1_000_000)
    balance: Balance = "uniform"
    temperature: float = Field(default=3.0, ge=1, le=100)
    traffic: Shares | None = None
    languages: tuple[str, ...] | None = Field(default=None, min_length=1)
    memory_mb: int = Field(default=512, strict=True, ge=1)
    seed: int = Field(default=0, strict=True, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _traffic_where_needed(self) -> "Calibration":
        if (self.balance == "traffic") != (self.traffic is not None):
            raise ValueError("balance: traffic and the shares under traffic need each other")
        return self


class Int8(BaseModel):
    """INT8 quantization: weights in 8 bits, activations quantized too, so that products run in integers.

    Attributes:
        activations: How activation ranges are found: ``dynamic`` takes them from each batch, ``static`` from
            calibration texts once.
        weights: ``signed`` INT8 or ``unsigned`` UINT8 weights.
        embeddings: Also store the embedding table as INT8 rows. Off, a multilingual model keeps most of its bytes.
        embedding_bits: Bits of each number in these rows; 4 in translation models for ONNX Runtime alone.
        per_channel: One weight scale per output channel instead of one per matrix.
        reduce_range: Use 7 bits for weights, which prevents 16-bit saturation on x86 without VNNI. None lets the
            target machine's instruction set decide.
        keep: Module patterns that stay in FP32, such as ``embeddings``, ``classifier`` or ``encoder.layer.0``.
        calibration: For ``static`` activations.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["int8"] = "int8"
    activations: Literal["dynamic", "static"] = "dynamic"
    weights: Literal["signed", "unsigned"] = "signed"
    embeddings: bool = False
    embedding_bits: Literal[8, 4] = 8
    per_channel: bool = True
    reduce_range: bool | None = None
    keep: Keep = ()
    calibration: Calibration | None = None

    @model_validator(mode="after")
    def _bits_of_quantized_tables(self) -> "Int8":
        if self.embedding_bits != 8 and not self.embeddings:
            raise ValueError("embedding_bits needs embeddings: true")
        return self

    @model_validator(mode="after")
    def _calibration_where_needed(self) -> "Int8":
        if self.activations == "dynamic" and self.calibration is not None:
            raise ValueError("dynamic activations need no calibration: set activations to static, or leave it out")
        return self


class WeightOnly(BaseModel):
    """Weight-only quantization in blocks: weights in 8 or 4 bits, activations and results in floating point.

    ONNX Runtime and OpenVINO round the activations to INT8 in groups of a block while they multiply.

    Attributes:
        bits: Bits per weight.
        block: Weights along the input dimension that share a scale.
        symmetric: Without zero points: a little smaller, and much worse at 4 bits.
        embeddings: Also store the embedding table as INT8 rows.
        keep: Module patterns that stay in FP32; see `Int8`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["weight-only"] = "weight-only"
    bits: Literal[8, 4] = 4
    block: Literal[32, 64, 128] = 32
    symmetric: bool = False
    embeddings: bool = False
    keep: Keep = ()


class HalfPrecision(BaseModel):
    """Weights, and where the engine can also the arithmetic, in 16-bit floating point.

    Attributes:
        dtype: ``fp16`` (IEEE binary16) or ``bf16`` (bfloat16: FP32's range, 8 bits of precision).
        keep: Module patterns that stay in FP32; see `Int8`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["half"] = "half"
    dtype: Literal["fp16", "bf16"] = "fp16"
    keep: Keep = ()
