"""Settings of a run's log beside its own report."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LogConfig(BaseModel):
    """Where a run is logged besides its folder.

    Attributes:
        tracker: The program that shows it.
        folder: Where its files go; a server that ``MLFLOW_TRACKING_URI`` names is used in its place.
        experiment: Name that the runs are kept under; None takes that of the run folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tracker: Literal["mlflow"]
    folder: Path = Path("runs/logs")
    experiment: str | None = Field(default=None, min_length=1, max_length=250)
