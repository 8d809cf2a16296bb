"""The config of movement pruning: weights become zero while the model is trained, those first that move towards it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leanglot.techniques.distillation import HiddenMatching
from leanglot.techniques.pruning import Sparsity
from leanglot.techniques.training import Training


class MovementPruning(BaseModel):
    """Unstructured movement pruning (Sanh, Wolf & Rush, 2020, arXiv 2005.07683), its hard form.

    Each weight of the linear layers has a score, which falls while the training moves the weight towards zero and rises
    while it moves it away. The weights with the lowest scores are zero; their share rises from 0 along the cubic curve
    of Zhu & Gupta (2017, arXiv 1710.01878). The loss is that of `Distillation`. Weights that an earlier step set to
    zero are trained like all others and may come back.

    Attributes:
        sparsity: Share of the linear layers' weights that are zero in the end, in [0, 1); layers that the training
            freezes stay dense and do not count.
        scope: ``global`` ranks the scores of all layers together, ``layer`` each layer's own.
        score_rate: Factor of the learning rate for the scores, which have no weight decay. With the usual 1e-4 it makes
            the 1e-2 of the paper.
        warmup: Share of the steps before the sparsity starts to rise, in which scores are learned alone.
        cooldown: Share of the steps after it has reached its end, in which the weights that are left recover; the
            scores are learned on, so that weights may still change places.
        temperature: See `Distillation`.
        alpha: See `Distillation`.
        hidden: See `Distillation`.
        training: How it is trained, without `patience`: the best validation would be one of a lower sparsity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["movement"] = "movement"
    sparsity: Sparsity
    scope: Literal["global", "layer"] = "global"
    score_rate: float = Field(default=100.0, gt=0, le=1e6)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    cooldown: float = Field(default=0.2, ge=0, lt=1)
    temperature: float = Field(default=4.0, gt=0, le=1000)
    alpha: float = Field(default=0.7, ge=0, le=1)
    hidden: HiddenMatching | None = None
    training: Training = Training()

    @model_validator(mode="after")
    def _fits_together(self) -> "MovementPruning":
        if self.warmup + self.cooldown >= 1:
            raise ValueError(
                "warmup and cooldown must sum to less than 1, or no steps are left in which the sparsity rises"
            )
        if self.training.patience is not None:
            raise ValueError("patience could take weights from before the sparsity has reached its end: leave it out")
        return self
