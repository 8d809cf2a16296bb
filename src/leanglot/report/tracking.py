"""Logs a finished run to MLflow: a run with what all share and the report, and inside it one per candidate."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from leanglot.config import LogConfig
from leanglot.errors import StorageError
from leanglot.languages import PAIR_ARROW
from leanglot.report.card import CARD_NAME
from leanglot.results.folder import REPORT_NAME
from leanglot.results.records import Candidate, RunReport
from leanglot.results.translation import Metric
from leanglot.train.tracking import require_mlflow

_FILES: Final = (REPORT_NAME, "report.html", "report.md", "report.csv", "languages.csv", CARD_NAME)
_NUMBERS: Final = (
    "size_bytes", "size_reduction", "sparsity", "peak_rss_bytes", "cold_start_s", "tokenization_p50_ms",
    "throughput_per_s", "throughput_gain", "speedup", "accuracy", "macro_accuracy", "macro_f1", "precision", "recall",
)  # fmt: skip
_LATENCY: Final = ("mean", "std", "p50", "p95", "p99")
_COSTS: Final = ("infra", "errors", "total", "total_low", "total_high", "chance_cheapest")
_LANGUAGE: Final[Mapping[str, str]] = {
    "candidate": "accuracy",
    "macro_f1": "macro_f1",
    "drop": "drop",
    "drop_bound": "drop_bound",
    "latency_p50_ms": "latency_p50_ms",
    "n": "examples",
}
_LONGEST_PARAMETER: Final = 500  # what the oldest servers take
_LONGEST_TAG: Final = 5000
_NOISY: Final = ("mlflow", "alembic")


@dataclass(frozen=True, slots=True)
class RunLog:
    """Where a run is logged.

    Attributes:
        folder: The database and the files go here, unless ``MLFLOW_TRACKING_URI`` names a server.
        experiment: Name that the runs are kept under.
    """

    folder: Path
    experiment: str

    def check(self) -> None:
        """Refuses what could only fail once the work is done.

        Raises:
            MissingExtraError: MLflow, or what its database needs, is not installed.
        """
        require_mlflow()


def run_log(config: LogConfig, run: Path) -> RunLog:
    """Where a run is logged, once it is clear that it can be.

    Args:
        config: What was asked for.
        run: The run folder.

    Raises:
        MissingExtraError: MLflow, or what its database needs, is not installed.
    """
    log = RunLog(config.folder, config.experiment or run.resolve().name)
    log.check()
    return log


def log_run(report: RunReport, run: Path, log: RunLog) -> str:
    """Logs a finished run.

    Numbers that are not known are no metrics: they are named, with why, in the run's report, and in the tag
    ``missing`` of the candidate.

    Args:
        report: The run.
        run: Its folder, whose report and spreadsheets are kept as artifacts.
        log: Where to.

    Returns:
        The id of the run in MLflow.

    Raises:
        MissingExtraError: MLflow is not installed.
        StorageError: MLflow did not take it; what it has of the run is marked as failed.
    """
    mlflow = require_mlflow()
    with _quietly():
        try:
            return _Writer(mlflow, log, report).write(run)
        except Exception as error:  # the client raises its own types, those of its database, and those of HTTP
            raise StorageError(
                f"MLflow did not take the run: {type(error).__name__}: {str(error)[:300]}",
                f"The run itself is whole. Log it again with: leanglot report {run} --log-with mlflow",
            ) from error


class _Writer:
    """Writes one run, and marks it as failed where that breaks off."""

    def __init__(self, mlflow: ModuleType, log: RunLog, report: RunReport) -> None:
        self.entities = mlflow.entities
        self.report = report
        self.time = int(report.created_at.timestamp() * 1000)
        self.client, self.experiment = _open(mlflow, log)

    def write(self, run: Path) -> str:
        parent = self._start(run.resolve().name, {"leanglot.kind": "run"})
        with self._ended(parent):
            self._batch(parent, _shared(self.report), {}, _told(self.report))
            for candidate in self.report.candidates:
                self._candidate(parent, candidate)
            for name in _FILES:
                if (run / name).is_file():
                    self.client.log_artifact(parent, str(run / name))
        return parent

    def _candidate(self, parent: str, candidate: Candidate) -> None:
        tags = {"mlflow.parentRunId": parent, "leanglot.kind": "candidate"}
        own = self._start(candidate.name, tags)
        with self._ended(own):
            self._batch(own, _made(candidate), metrics_of(candidate, self.report.metric), _judged(candidate))

    def _start(self, name: str, tags: Mapping[str, str]) -> str:
        started = self.client.create_run(self.experiment, start_time=self.time, tags=dict(tags), run_name=name)
        return str(started.info.run_id)

    @contextmanager
    def _ended(self, run: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with suppress(Exception):  # what broke off the writing is told, not that this fails too
                self.client.set_terminated(run, status="FAILED")
            raise
        self.client.set_terminated(run, status="FINISHED")

    def _batch(
        self, run: str, parameters: Mapping[str, object], metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None:
        kinds = self.entities
        self.client.log_batch(
            run,
            metrics=[kinds.Metric(name, value, self.time, 0) for name, value in metrics.items()],
            params=[kinds.Param(name, str(value)[:_LONGEST_PARAMETER]) for name, value in parameters.items()],
            tags=[kinds.RunTag(name, value[:_LONGEST_TAG]) for name, value in tags.items()],
        )


def metrics_of(candidate: Candidate, metric: Metric | None = None) -> dict[str, float]:
    """The numbers of a candidate by the names that MLflow shows them under; what is not known is not there.

    Those of a language end in its tag, such as ``accuracy/th``. Those of translations are called after their metric,
    and end in ``en_to_de``, since MLflow takes no arrows.

    Args:
        candidate: The candidate.
        metric: What quality was measured with; None where it is accuracy.
    """
    found: dict[str, Any] = {name: getattr(candidate, name) for name in _NUMBERS}
    if candidate.latency_ms is not None:
        found |= {f"latency_{name}_ms": getattr(candidate.latency_ms, name) for name in _LATENCY}
    if candidate.monthly_cost is not None:
        found |= {f"monthly_cost_{name}": getattr(candidate.monthly_cost, name) for name in _COSTS}
    for tag, own in candidate.languages.items():
        found |= {f"{name}/{_allowed(tag)}": getattr(own, field) for field, name in _LANGUAGE.items()}
    if metric is not None:
        found = {name.replace("accuracy", metric.name): value for name, value in found.items()}
    return {name: float(value) for name, value in found.items() if value is not None}


def _allowed(tag: str) -> str:
    """A tag without the arrow of a pair."""
    return tag.replace(PAIR_ARROW, "_to_")


def _shared(report: RunReport) -> dict[str, object]:
    machine = report.environment
    return {
        "model": report.model,
        "data": report.data.source,
        "data_digest": report.data.digest,
        "examples": sum(report.data.examples.values()),
        "languages": len(report.data.examples),
        "margin": report.margin,
        "alpha": report.alpha,
        "cpu": machine.cpu,
        "isa": " ".join(machine.isa),
        "threads": machine.threads,
        "platform": machine.platform,
        **({} if report.metric is None else {"metric": report.metric.name, "signature": report.metric.signature}),
        **{f"version_{name}": version for name, version in machine.versions.items()},
        **{f"recommended_{goal}": answer.candidate or "none" for goal, answer in report.recommendations.items()},
    }


def _told(report: RunReport) -> dict[str, str]:
    return {f"recommended_{goal}": answer.reason for goal, answer in report.recommendations.items()}


def _made(candidate: Candidate) -> dict[str, object]:
    steps = {f"step_{number}": step.model_dump_json() for number, step in enumerate(candidate.recipe, 1)}
    return {"runtime": candidate.runtime, "status": candidate.status, **steps}


def _judged(candidate: Candidate) -> dict[str, str]:
    tags = {
        f"verdict/{_allowed(tag)}": own.verdict for tag, own in candidate.languages.items() if own.verdict is not None
    }
    missing = (
        []
        if candidate.latency_ms is None
        else [f"latency_{name}_ms: {why}" for name, why in candidate.latency_ms.missing.items()]
    )
    found = {"reason": candidate.reason, "missing": "; ".join(missing) or None}
    found["alarms"] = " ".join(dict.fromkeys(alarm.code for alarm in candidate.alarms)) or None
    return {**tags, **{name: value for name, value in found.items() if value}}


def _open(mlflow: ModuleType, log: RunLog) -> tuple[Any, str]:
    """A client, and the id of the experiment, made where there is none of that name."""
    if "MLFLOW_TRACKING_URI" in os.environ:
        client, place = mlflow.MlflowClient(), None
    else:
        folder = log.folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
        place = (folder / "artifacts").as_uri()
    known = client.get_experiment_by_name(log.experiment)
    if known is None:
        return client, client.create_experiment(log.experiment, artifact_location=place)
    return client, known.experiment_id


@contextmanager
def _quietly() -> Iterator[None]:
    """Keeps MLflow's own notes, such as that it makes its tables, out of the terminal."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [each.level for each in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in loggers:
            each.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for each, level in zip(loggers, levels, strict=True):
                each.setLevel(level)
