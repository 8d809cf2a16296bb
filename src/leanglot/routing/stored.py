"""Routes a run that has ended: from its folder alone, or at the end of the run itself."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from leanglot.config import Costs, DataConfig, RunConfig
from leanglot.config.deciding import RoutingConfig
from leanglot.data.examples import Examples
from leanglot.data.pool import find_pool, read_texts
from leanglot.data.reading import read_examples
from leanglot.data.split import sample_per_language
from leanglot.errors import LeanglotError
from leanglot.results.records import SCHEMA_VERSION, RunReport
from leanglot.routing.artifact import check_router_place
from leanglot.routing.run import Decision, Material, decide, write_decision

ROUTER_FOLDER: Final = "router"


def route_run(
    report: RunReport, folder: Path, material: Material, out: Path | None, *, force: bool = False
) -> Decision:
    """Route a finished run, and write the router where a place is given.

    Args:
        report: The run.
        folder: Its folder.
        material: Limits, prices, texts. Without prices those of the run are taken, where it has any.
        out: The router's folder; None decides alone.
        force: Replace a router that is there.

    Raises:
        LeanglotError: The limits leave no routing, the place is taken, or the run cannot be used.
    """
    if out is not None:
        check_router_place(out, force=force)
    if material.costs is None and report.pricing is not None:
        material = replace(material, costs=report.pricing.costs)
    decision = decide(report, folder, material)
    return decision if out is None else write_decision(decision, report, folder, out)


def route_finished(
    report: RunReport, folder: Path, config: RunConfig, examples: Examples | None
) -> tuple[RunReport, LeanglotError | None]:
    """Route a run that has just ended, where its settings ask for it, into ``router`` in its folder.

    Args:
        report: The run.
        folder: Its folder.
        config: Its settings.
        examples: What it judged; None for a translation run, which has no languages to detect.

    Returns:
        The report with the routing, and why there is none where that went wrong: all that work is written first.
    """
    if config.routing is None:
        return report, None
    try:
        named = config.calibration or config.training
        judged = None if examples is None or not config.routing.detect else set(examples.texts)
        pool = None if judged is None else find_pool(named, config.data, judged)
        material = Material(config.routing, config.costs, examples, pool, config.seed)
        decision = decide(report, folder, material)
        return with_routing(report, write_decision(decision, report, folder, folder / ROUTER_FOLDER)), None
    except LeanglotError as error:
        error.hint = f"{error.hint or ''}\nThe run itself is complete: leanglot route {folder}".strip()
        return report, error


def with_routing(report: RunReport, decision: Decision) -> RunReport:
    """The report with a routing."""
    return decision.added_to(report).model_copy(update={"schema_version": SCHEMA_VERSION})


def material_from(
    config: RoutingConfig,
    costs: Costs | None,
    data: DataConfig | None,
    texts: DataConfig | None,
    limit: int | None = None,
    seed: int = 0,
) -> Material:
    """What a stored run is routed from.

    Args:
        config: The limits.
        costs: Prices; None takes the run's.
        data: What the run judged, whose texts it does not keep; None where that is not at hand.
        texts: Texts to learn the languages from; None where there are none.
        limit: Most examples per language that the run judged.
        seed: The run's seed.

    Raises:
        DataError: A file cannot be used.
    """
    examples = None if data is None else read_examples(data.path, data.columns)[0]
    if examples is not None and limit is not None:
        examples = sample_per_language(examples, limit, seed)
    judged = () if examples is None else set(examples.texts)
    pool = None if texts is None else read_texts(texts.path, texts.columns, judged)
    return Material(config, costs, examples, pool, seed)
