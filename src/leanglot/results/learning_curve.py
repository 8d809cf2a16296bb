"""The record of a learning curve: how accurate a model gets by the number of examples that it was trained on."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.results.measures import Quality
from leanglot.results.records import DataSummary, Environment
from leanglot.techniques import Distillation


class CurvePoint(BaseModel):
    """The model after training on some of the examples.

    Attributes:
        examples: Those that it was trained on, by language.
        steps: Optimizer steps.
        seconds: Time that they took, without the judging.
        quality: On the judged examples, overall and by language.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    examples: dict[str, int]
    steps: int = Field(ge=1)
    seconds: float
    quality: Quality

    @property
    def total(self) -> int:
        """Examples of all languages together."""
        return sum(self.examples.values())


class LearningCurve(BaseModel):
    """A whole curve; each point was trained from the same start, on examples that hold those of the point before.

    Attributes:
        schema_version: Version of this layout.
        created_at: When it was finished, UTC.
        environment: The machine.
        model: Name of the model.
        training: Name of the data that it was trained on.
        data: The judged examples, none of which was trained on.
        seed: Seed of the choice of examples.
        step: How it was trained; ``training.epochs`` is that of the largest point.
        fixed_steps: Whether all points were trained for as many steps; else for as many passes over their examples.
        before: Quality of the model before any training.
        points: By rising number of examples.
        notes: What to know, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    created_at: datetime
    environment: Environment
    model: str
    training: str
    data: DataSummary
    seed: int
    step: Distillation
    fixed_steps: bool
    before: Quality
    points: tuple[CurvePoint, ...] = Field(min_length=1)
    notes: tuple[str, ...] = ()
