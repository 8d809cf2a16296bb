"""What training did: a record of the artifact and of the report."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LanguageCheck(BaseModel):
    """Held-out examples of one language.

    Attributes:
        n: How many.
        right: Those answered right.
        loss: Mean loss.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=1)
    right: int = Field(ge=0)
    loss: float

    @property
    def accuracy(self) -> float:
        """Share answered right."""
        return self.right / self.n


class Epoch(BaseModel):
    """Training up to one validation.

    Attributes:
        step: Optimizer steps done by then.
        epoch: Examples drawn by then, as a multiple of the training examples.
        learning_rate: That of the last step.
        seen: Examples drawn since the last validation, by language.
        loss: Their mean loss while they were trained on, by language.
        accuracy: Share of those with a label that were answered right while they were trained on, by language.
        parts: The mean over all of them of each part of the loss that there is; ``labels`` over those with one.
        held_out: Held-out examples by language; empty where none are held out.
        seconds: Time since the last validation, this one included.
        peak_memory_bytes: Largest memory of a step: resident memory of the process, on a GPU what PyTorch allocated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int = Field(ge=1)
    epoch: float
    learning_rate: float
    seen: dict[str, int]
    loss: dict[str, float]
    accuracy: dict[str, float] = {}
    parts: dict[str, float]
    held_out: dict[str, LanguageCheck] = {}
    seconds: float
    peak_memory_bytes: int

    @property
    def worst(self) -> tuple[str, float] | None:
        """The held-out language with the lowest accuracy, and that accuracy."""
        if not self.held_out:
            return None
        tag = min(self.held_out, key=lambda each: (self.held_out[each].accuracy, each))
        return tag, self.held_out[tag].accuracy

    @property
    def mean(self) -> float | None:
        """Mean accuracy over the held-out languages."""
        if not self.held_out:
            return None
        return sum(each.accuracy for each in self.held_out.values()) / len(self.held_out)


class TrainingFacts(BaseModel):
    """What one training step of a recipe did.

    Attributes:
        technique: The step.
        examples: Training examples by language, without the held-out ones.
        unlabelled: Those without a label.
        steps: Optimizer steps that were planned.
        stopped_at: The step after which training ended early; None where it went to the end.
        kept_step: The step whose weights were taken.
        processes: Processes that trained together.
        precision: Arithmetic of the products.
        epochs: What was noted at each validation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["distil", "distil-sequence", "qat", "movement"]
    examples: dict[str, int]
    unlabelled: int = Field(ge=0)
    steps: int = Field(ge=1)
    stopped_at: int | None
    kept_step: int = Field(ge=1)
    processes: int = Field(ge=1)
    precision: Literal["fp32", "bf16", "fp16"]
    epochs: tuple[Epoch, ...]

    @property
    def kept(self) -> Epoch | None:
        """What was noted when the weights were taken; None where that was between two validations."""
        return next((epoch for epoch in self.epochs if epoch.step == self.kept_step), None)
