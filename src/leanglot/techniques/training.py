"""The config of training: how long, how fast, in which batches, and when to stop."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leanglot.techniques.drawing import Balance, Shares
from leanglot.techniques.quantization import Keep


class Training(BaseModel):
    """How a model is trained, whatever the loss.

    Attributes:
        epochs: Examples drawn, as a multiple of the training examples; with a balance other than ``proportional`` small
            languages come round more often than that, large ones less.
        batch_size: Examples per optimizer step, over all processes together.
        micro_batch: Most examples that go through the model at once; the gradients of a step's parts are added up. None
            goes by their 4,096 tokens alone, which always are the most.
        learning_rate: The optimizer's (AdamW) at its highest.
        weight_decay: Of all matrices; biases and norms have none (Loshchilov & Hutter, 2019).
        warmup: Share of the steps over which the learning rate rises from 0.
        schedule: How it falls afterwards; ``constant`` does not.
        clip: Largest norm of the gradient of all weights together; None does not clip.
        dropout: Dropout of every layer that has some; None leaves what the model's config says.
        freeze: Module patterns whose weights stay as they are, such as ``embeddings``.
        balance: How the examples of a batch are shared out over the languages; see `Drawing`.
        temperature: For ``balance: temperature``.
        traffic: Share of each language, for ``balance: traffic``.
        precision: Arithmetic of the products: ``fp32``, or mixed with ``bf16`` or ``fp16`` where hardware has it.
        validation: Share of the examples, by group, that are held out and answered after each epoch; 0 holds none out.
        patience: Stop after so many epochs without a better validation, and take the weights of the best; None trains
            to the end and takes the last.
        watch: What must get better: the accuracy of the ``worst`` language, or the ``mean`` over the languages.
        seed: Seed of the batches, the held-out examples, dropout, and every new weight.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: float = Field(default=3.0, gt=0, le=10_000)
    batch_size: int = Field(default=64, strict=True, ge=1, le=1_000_000)
    micro_batch: int | None = Field(default=None, strict=True, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0, le=10)
    weight_decay: float = Field(default=0.01, ge=0, lt=1)
    warmup: float = Field(default=0.1, ge=0, le=1)
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    clip: float | None = Field(default=1.0, gt=0)
    dropout: float | None = Field(default=None, ge=0, lt=1)
    freeze: Keep = ()
    balance: Balance = "uniform"
    temperature: float = Field(default=3.0, ge=1, le=100)
    traffic: Shares | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    validation: float = Field(default=0.1, ge=0, lt=1)
    patience: int | None = Field(default=None, strict=True, ge=1)
    watch: Literal["worst", "mean"] = "worst"
    seed: int = Field(default=0, strict=True, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _fits_together(self) -> "Training":
        if (self.balance == "traffic") != (self.traffic is not None):
            raise ValueError("balance: traffic and the shares under traffic need each other")
        if self.patience is not None and self.validation == 0:
            raise ValueError("patience needs held-out examples: set validation above 0")
        return self
