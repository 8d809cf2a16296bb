"""The config of distillation: the student, the loss, and how the student is trained."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leanglot.techniques.pruning import Importance, Place
from leanglot.techniques.training import Training


class Student(BaseModel):
    """What learns from the model: some of its own layers with their weights, or a smaller one of its family.

    Attributes:
        layers: How many layers; None takes as many as the model has.
        take: Which of the model's layers, with their weights (Sanh et al., 2019): ``spread`` evenly with the first and
            the last, ``alternate`` every second (every third, ...) from the first on, the ``first`` ones, the ``last``
            ones, or by ``importance``. None takes ``spread``, where they keep their weights.
        importance: How layers are ranked, for ``take: importance``.
        hidden: Width of the hidden states. With this, `heads` or `ffn` all layers get new weights; the token embeddings
            are the model's, in a narrower student their largest principal components.
        heads: Attention heads per layer; None takes the model's.
        ffn: Neurons per layer; None takes the model's, in a narrower student as many fewer as it is narrower.
        wider: Whether it may be larger than the model in any of these.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int | None = Field(default=None, strict=True, ge=1)
    take: Literal["spread", "alternate", "first", "last", "importance"] | None = None
    importance: Importance = Importance()
    hidden: int | None = Field(default=None, strict=True, ge=1)
    heads: int | None = Field(default=None, strict=True, ge=1)
    ffn: int | None = Field(default=None, strict=True, ge=1)
    wider: bool = False

    @property
    def is_new(self) -> bool:
        """Whether its layers get new weights."""
        return (self.hidden, self.heads, self.ffn) != (None, None, None)

    @model_validator(mode="after")
    def _fits_together(self) -> "Student":
        if self.layers is None and not self.is_new:
            raise ValueError("give layers, such as 6, or sizes: hidden, heads, ffn")
        if self.is_new and self.take is not None:
            raise ValueError("take chooses among the model's layers; with hidden, heads or ffn they get new weights")
        return self


class HiddenMatching(BaseModel):
    """Makes the student's hidden states resemble the teacher's (Jiao et al., 2020; Romero et al., 2015).

    The mean squared difference per token and component, after a learned projection of the student's states to the
    teacher's width, joins the loss.

    Attributes:
        weight: Its weight in the loss.
        layers: Layer of the teacher by layer of the student, both counted from 0; None spreads the student's layers
            evenly over the teacher's, the last on the last.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float = Field(default=1.0, gt=0, le=1e6)
    layers: dict[Place, Place] | None = Field(default=None, min_length=1)


class Distillation(BaseModel):
    """Knowledge distillation: a student learns the answers of the model before any step (Hinton et al., 2015).

    The loss is ``alpha * T^2 * KL(teacher || student) + (1 - alpha) * CE(labels)``, both at the student's logits, the
    first with both models' logits divided by the temperature T; texts without a label learn from the teacher alone.
    Without `student`, the model as the steps before left it learns: recovery after pruning. With ``alpha: 0`` and
    without a student this is plain fine-tuning.

    Attributes:
        student: What learns; None takes the model as it is.
        temperature: T, which softens both models' answers.
        alpha: Weight of the teacher's answers against the labels, in [0, 1].
        hidden: Also match hidden states; None matches the logits alone.
        training: How it is trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["distil"] = "distil"
    student: Student | None = None
    temperature: float = Field(default=4.0, gt=0, le=1000)
    alpha: float = Field(default=0.7, ge=0, le=1)
    hidden: HiddenMatching | None = None
    training: Training = Training()
