"""Logs of a training for TensorBoard or MLflow."""

import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final, Literal, get_args

from leanglot.errors import ConfigError
from leanglot.extras import require
from leanglot.results.training import Epoch
from leanglot.techniques.training import Training

Tracker = Literal["tensorboard", "mlflow"]

_NEEDS: Final[dict[Tracker, str]] = {"tensorboard": "tensorboard", "mlflow": "mlflow"}
_DATABASE: Final = ("sqlalchemy", "alembic")


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where losses and accuracies are logged besides the artifact's own record.

    Attributes:
        tracker: The program that shows them.
        folder: Where its files go.
        project: Name of the training.
    """

    tracker: Tracker
    folder: Path
    project: str

    def settings(self) -> dict[str, object]:
        """What Accelerate is told.

        Raises:
            MissingExtraError: The tracker is not installed.
        """
        if self.tracker == "mlflow":
            require_mlflow()
        else:
            require(_NEEDS[self.tracker], self.tracker)
        return {"log_with": self.tracker, "project_dir": str(self.folder)}

    def options(self) -> dict[str, dict[str, object]]:
        """What Accelerate hands to the tracker itself.

        MLflow logs to the server that ``MLFLOW_TRACKING_URI`` names, else to a database in the folder.
        """
        if self.tracker != "mlflow" or "MLFLOW_TRACKING_URI" in os.environ:
            return {}
        folder = self.folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        require_mlflow().set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        return {"mlflow": {"logging_dir": (folder / "artifacts").as_uri()}}

    def flat(self, config: Training) -> dict[str, object]:
        """The settings in the plain form that trackers take."""
        return {name: str(value) for name, value in config.model_dump(mode="json").items()}


def require_mlflow() -> ModuleType:
    """MLflow, and what its database in a folder needs where no server takes the log.

    MLflow reports its own use to its makers: here it does not, unless ``MLFLOW_DISABLE_TELEMETRY`` is set to false.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = require("mlflow", "mlflow")
    if "MLFLOW_TRACKING_URI" not in os.environ:
        for needed in _DATABASE:
            require(needed, "mlflow")
    return mlflow


def make_tracking(tracker: str, folder: Path, project: str) -> Tracking:
    """Where to log to.

    Raises:
        ConfigError: The tracker is not known.
        MissingExtraError: It is not installed.
    """
    for known in get_args(Tracker):
        if known == tracker:
            tracking = Tracking(known, folder, project)
            tracking.settings()
            return tracking
    raise ConfigError(f"--log-with {tracker} is not known.", f"Allowed are {', '.join(get_args(Tracker))}.")


def logged(epoch: Epoch) -> dict[str, float]:
    """The numbers of a validation by the names that trackers show them under."""
    values = {f"train/{part}": value for part, value in epoch.parts.items()}
    values |= {f"train/loss/{tag}": value for tag, value in epoch.loss.items()}
    values |= {f"train/accuracy/{tag}": value for tag, value in epoch.accuracy.items()}
    values |= {"learning_rate": epoch.learning_rate, "memory_bytes": float(epoch.peak_memory_bytes)}
    for tag, check in epoch.held_out.items():
        values |= {f"validation/accuracy/{tag}": check.accuracy, f"validation/loss/{tag}": check.loss}
    if epoch.worst is not None and epoch.mean is not None:
        values |= {"validation/worst": epoch.worst[1], "validation/mean": epoch.mean}
    return values
