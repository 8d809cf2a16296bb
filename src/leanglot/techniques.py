"""The compression techniques' configs: frozen, typed, and the same in YAML, on the command line and in Python."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Int8(BaseModel):
    """Dynamic INT8 quantization of the exported graph: weights stored in 8 bits, activations quantized per call.

    Attributes:
        activations: How activation ranges are found; ``dynamic`` takes them from each batch.
        embeddings: Also store the embedding table as INT8 rows. Off, a multilingual model keeps most of its bytes.
        per_channel: One weight scale per output channel instead of one per matrix.
        reduce_range: Use 7 bits for weights, which prevents 16-bit saturation on x86 without VNNI. None lets the
            target machine's instruction set decide.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["int8"] = "int8"
    activations: Literal["dynamic"] = "dynamic"
    embeddings: bool = False
    per_channel: bool = True
    reduce_range: bool | None = None


class MagnitudePruning(BaseModel):
    """Unstructured magnitude pruning: the smallest weights of all linear layers become zero (Han et al., 2015).

    Attributes:
        sparsity: Share of the linear layers' weights set to zero, in [0, 1).
        scope: ``global`` ranks the weights of all layers together, ``layer`` each layer's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["magnitude"] = "magnitude"
    sparsity: float = Field(ge=0, lt=1)
    scope: Literal["global", "layer"] = "global"


Technique = Annotated[Int8 | MagnitudePruning, Field(discriminator="technique")]
Recipe = tuple[Technique, ...]
Runtime = Literal["pytorch", "onnxruntime"]
