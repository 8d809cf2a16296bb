"""Prices a run: reads the answers that its folder keeps, prices every candidate, and recommends with the prices."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from leanglot.config import BASELINE_NAME, Costs, RunConfig
from leanglot.decide.cost import check_names, price
from leanglot.decide.recommend import recommend
from leanglot.errors import RunError
from leanglot.report.files import write_report
from leanglot.results.folder import REPORT_NAME, CandidateFolder, RunFolder
from leanglot.results.predictions import Predictions, read_predictions
from leanglot.results.records import SCHEMA_VERSION, Goal, RunReport
from leanglot.results.translation_store import read_translations
from leanglot.results.translations import Translations


def price_run(
    report: RunReport,
    folder: Path,
    costs: Costs,
    tolerances: Mapping[Goal, float] | None = None,
    *,
    strict: bool = False,
) -> RunReport:
    """Prices a run's candidates and recommends again, with the goal ``cost``.

    Args:
        report: The run.
        folder: Its folder. A candidate whose answers are missing or damaged there is priced by the counts in its
            record, which is told.
        costs: Predictions, traffic, cost per error, machines.
        tolerances: Largest drop of the accuracy by goal; see `recommend`.
        strict: Recommend certified candidates alone.

    Returns:
        The report with its prices and recommendations; nothing is written.

    Raises:
        ConfigError: A monthly figure is given for a candidate that there is not, or a tolerance cannot be used.
    """
    check_names(costs, [candidate.name for candidate in report.candidates])
    return _priced(report, folder, costs, tolerances, strict=strict)


def price_finished(report: RunReport, folder: Path, config: RunConfig) -> RunReport:
    """Prices a run that has just ended, where its settings have prices.

    A monthly figure for a name that came to nothing, which a search cannot know beforehand, is no error after all that
    work; it is told in the notes.

    Args:
        report: The run.
        folder: Its folder.
        config: Its settings.
    """
    return report if config.costs is None else _priced(report, folder, config.costs, None, strict=config.strict)


def check_figures(config: RunConfig) -> None:
    """Refuses monthly figures for candidates that a run will not have, before it starts.

    Args:
        config: Its settings, with all candidates.

    Raises:
        ConfigError: A name is unknown. Where a search or a repair makes candidates of its own, none is.
    """
    if config.costs is not None and config.search is None and config.repair is None:
        check_names(config.costs, [BASELINE_NAME, *(candidate.name for candidate in config.candidates)])


def recommend_again(
    report: RunReport,
    folder: Path,
    costs: Costs | None,
    tolerances: Mapping[Goal, float] | None = None,
    *,
    strict: bool = False,
) -> RunReport:
    """Recommends from stored results, with new prices, or else with those that the run has.

    Args:
        report: The run.
        folder: Its folder.
        costs: New prices; None keeps what is there.
        tolerances: Largest drop of the accuracy by goal; see `recommend`.
        strict: Recommend certified candidates alone.

    Returns:
        The report with its recommendations; nothing is written.

    Raises:
        ConfigError: See `price_run`.
    """
    if costs is not None:
        return price_run(report, folder, costs, tolerances, strict=strict)
    found = recommend(
        report.candidates, tolerances=tolerances, strict=strict, pricing=report.pricing, metric=report.metric
    )
    return report.model_copy(update={"recommendations": found})


def save_again(report: RunReport, run: Path) -> None:
    """Writes a changed report over a run's own, with its page, text and charts; each whole or not at all.

    Args:
        report: The run, changed.
        run: The run folder, or its ``report.json``.

    Raises:
        RunError: The run is given as another file than its report, or another process works in its folder.
        StorageError: The folder cannot be written.
    """
    if run.is_file() and run.name != REPORT_NAME:
        raise RunError(f"{run} is not the {REPORT_NAME} of a run, so nothing was saved.", "Give the run folder.")
    folder = RunFolder(run.parent if run.is_file() else run)
    with folder.locked():
        write_report(report, folder.path)
        folder.write_report(report)


def _priced(
    report: RunReport, folder: Path, costs: Costs, tolerances: Mapping[Goal, float] | None, *, strict: bool
) -> RunReport:
    predictions, missing = (stored_answers if report.metric is None else stored_failures)(report, folder)
    candidates, pricing = price(report.candidates, costs, predictions, missing, strict=strict)
    found = recommend(candidates, tolerances=tolerances, strict=strict, pricing=pricing, metric=report.metric)
    changes: dict[str, object] = {"candidates": candidates, "recommendations": found}
    if _routed_at_other_prices(report, costs):
        changes |= {"routing": None, "routing_facts": None}
        told = (
            "The routing of this run was decided at other prices and was left out: decide it again with leanglot route."
        )
        pricing = pricing.model_copy(update={"notes": (*pricing.notes, told)})
    changes["pricing"] = pricing
    return report.model_copy(update=changes | {"schema_version": SCHEMA_VERSION})


def _routed_at_other_prices(report: RunReport, costs: Costs) -> bool:
    """Whether the run has a routing whose amounts do not go with these prices."""
    facts, priced = report.routing_facts, report.pricing
    if facts is None or facts.objective != "monthly cost":
        return False
    return priced is None or priced.costs != costs


def stored_answers(report: RunReport, folder: Path) -> tuple[dict[str, Predictions], dict[str, str]]:
    """The answers of all candidates that did not fail.

    Args:
        report: The run.
        folder: Its folder.

    Returns:
        Those that could be read, and for the others why not, as the end of a sentence; both by candidate.
    """
    return _read(report, folder, lambda place: read_predictions(place.predictions))


def stored_failures(report: RunReport, folder: Path) -> tuple[dict[str, Predictions], dict[str, str]]:
    """The translations of all candidates that did not fail, as answers: right is what fails in no way.

    Args:
        report: The run.
        folder: Its folder.

    Returns:
        See `stored_answers`.
    """
    return _read(report, folder, lambda place: _as_answers(read_translations(place.translations)))


def _as_answers(found: Translations) -> Predictions:
    fails = np.zeros(len(found), dtype=np.bool_)
    for shown in found.failed.values():
        fails |= shown
    return Predictions(
        index=found.index,
        language=found.pair,
        group=found.group,
        label=found.reference,
        predicted=found.hypothesis,
        correct=~fails,
        confidence=found.confidence,
    )


def _read(
    report: RunReport, folder: Path, read: Callable[[CandidateFolder], Predictions]
) -> tuple[dict[str, Predictions], dict[str, str]]:
    found: dict[str, Predictions] = {}
    missing: dict[str, str] = {}
    for candidate in report.candidates:
        if candidate.status == "failed":
            continue
        try:
            found[candidate.name] = read(RunFolder(folder).candidate(candidate.name))
        except RunError as error:
            missing[candidate.name] = error.message.rstrip(".")
    return found, missing
