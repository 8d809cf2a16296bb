"""Routes a run: decides, learns to tell the languages, writes the router, and records what it is worth."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leanglot.config import Costs
from leanglot.config.deciding import RoutingConfig
from leanglot.data.examples import Examples
from leanglot.data.pool import TextPool
from leanglot.decide.routing import Question, Routed, route
from leanglot.decide.routing_detection import detection_shares, routes_of, spread_value
from leanglot.errors import DataError, RunError
from leanglot.measure.cold_start import measure_cold_start
from leanglot.pricing import stored_answers, stored_failures
from leanglot.results.folder import RunFolder, inside
from leanglot.results.predictions import Predictions
from leanglot.results.records import RunReport
from leanglot.results.router_manifest import IDENTIFIER_FILE
from leanglot.results.routing import Detection, RoutingFacts
from leanglot.routing.artifact import write_router
from leanglot.routing.outcome import Outcome, outcome_of
from leanglot.runtimes.identifier import Identifier
from leanglot.train.identify import FEWEST_TEXTS, Learned, Lessons, learn

_TIMED_TEXTS: Final = 64


@dataclass(frozen=True, eq=False)
class Material:
    """What a routing is made from, besides the run.

    Attributes:
        config: The limits.
        costs: Prices; None minimizes latency.
        examples: The judged examples; None where their texts are not at hand.
        pool: Texts that are not judged, to learn languages from; None where there are none.
        seed: Seed of what is drawn.
    """

    config: RoutingConfig
    costs: Costs | None = None
    examples: Examples | None = None
    pool: TextPool | None = None
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Decision:
    """A routing, ready to be written.

    Attributes:
        routed: Who answers what.
        identifier: Tells languages; None where nothing does.
        facts: The record.
    """

    routed: Routed
    identifier: Identifier | None
    facts: RoutingFacts

    def added_to(self, report: RunReport) -> RunReport:
        """The report with this routing."""
        return report.model_copy(update={"routing": self.routed.assignment, "routing_facts": self.facts})


def decide(report: RunReport, folder: Path, material: Material) -> Decision:
    """Route a finished run from its stored answers.

    Args:
        report: The run.
        folder: Its folder.
        material: Limits, prices, texts.

    Raises:
        ConfigError: No assignment keeps within the limits.
        DataError: The examples are not those that the run judged.
        RunError: The baseline's answers are missing.
    """
    predictions, _ = (stored_answers if report.metric is None else stored_failures)(report, folder)
    _check_examples(report, material.examples)
    routed = route(
        Question(
            candidates=report.candidates,
            predictions=predictions,
            config=material.config,
            costs=material.costs,
            margin=report.margin,
            seed=material.seed,
        )
    )
    telling = _learned(material, report)
    routes = routes_of(predictions[report.baseline].language, routed)
    outcome = outcome_of(routes, predictions, report, folder, material.seed)
    facts = _facts(routed, outcome, material, telling.notes)
    if telling.learned is None:
        return Decision(routed, None, facts)
    changes = _detected(telling.learned, telling.told, routed, report, predictions, material)
    if telling.told is not None:
        changes |= _with_detection(telling.told, routed, report, folder, predictions)
    return Decision(routed, telling.learned.identifier, facts.model_copy(update=changes))


def write_decision(decision: Decision, report: RunReport, folder: Path, out: Path) -> Decision:
    """Write the router of a decision, and measure the memory of a fresh process with all its variants.

    Args:
        decision: The decision.
        report: The run.
        folder: The run's folder.
        out: The router's folder.

    Raises:
        LeanglotError: An artifact is missing or damaged, or the place cannot be written.
    """
    artifacts = {}
    for name in decision.routed.variants:
        relative = report.candidate(name).artifact
        if relative is None:
            raise RunError(f"{name} has no artifact.", "Run again, which makes it.")
        artifacts[name] = inside(folder, relative)
    write_router(
        out, report.model, artifacts, decision.routed.assignment, decision.routed.fallback, decision.identifier
    )
    text = "leanglot"
    pair = None if report.metric is None else min(report.data.examples)
    started = measure_cold_start(out, text, None, repetitions=1, pair=pair)
    changes: dict[str, object] = {"memory_bytes": started.peak_rss_bytes, "memory_measured": True}
    limit = decision.facts.config.max_memory_bytes
    if limit is not None and started.peak_rss_bytes > limit:
        over = (
            f"Measured, all variants take {started.peak_rss_bytes / 1e6:,.0f} MB, more than the {limit / 1e6:,.0f} MB "
            "allowed."
        )
        changes["notes"] = (*decision.facts.notes, over)
    if out.resolve().is_relative_to(folder.resolve()):
        changes["artifact"] = RunFolder(folder).relative(out)
    if decision.facts.detection is not None:
        size = (out / IDENTIFIER_FILE).stat().st_size
        changes["detection"] = decision.facts.detection.model_copy(update={"size_bytes": size})
    return Decision(decision.routed, decision.identifier, decision.facts.model_copy(update=changes))


def _check_examples(report: RunReport, examples: Examples | None) -> None:
    if examples is not None and examples.digest() != report.data.digest:
        raise DataError(
            f"These {len(examples):,} examples are not the {sum(report.data.examples.values()):,} that the run judged "
            f"({report.data.source}).",
            "Give the same --data, with the same columns, --limit and --seed.",
        )


@dataclass(frozen=True, eq=False)
class _Telling:
    """An identifier, as far as there is one.

    Attributes:
        learned: What was learned; None where nothing was.
        told: The language told of each judged text, which it did not learn from; None where that is not known.
        notes: What to know of it.
    """

    learned: Learned | None = None
    told: tuple[str | None, ...] | None = None
    notes: tuple[str, ...] = ()


def _learned(material: Material, report: RunReport) -> _Telling:
    """The identifier that the material allows for."""
    examples, pool = material.examples, material.pool
    if not material.config.detect or report.metric is not None:
        return _Telling()
    if len(report.data.examples) < 2:
        return _Telling(notes=("There is no language identifier: one language needs none.",))
    if pool is not None:
        source = f"{len(pool.texts):,} texts of {Path(pool.source).name}, none of them judged"
        learned = learn(Lessons(pool.texts, pool.languages, None, source), material.seed)
        notes = _lacking(report, learned)
        told = None if examples is None else tuple(learned.identifier.tell(examples.texts))
        return _Telling(learned, told, notes)
    if examples is not None:
        learned = learn(Lessons(examples.texts, examples.languages, examples.groups, "judged texts"), material.seed)
        whole = len(learned.positions) == len(examples)
        note = "The language identifier learned from judged texts, since there were no others."
        return _Telling(learned, learned.told if whole else None, (note, *_lacking(report, learned)))
    return _Telling(notes=("There is no language identifier: no texts were there to learn from.",))


def _lacking(report: RunReport, learned: Learned) -> tuple[str, ...]:
    lacking = sorted(set(report.data.examples) - set(learned.identifier.info.languages))
    told = (
        f"{', '.join(lacking)} had fewer than {FEWEST_TEXTS} texts to learn from, so the identifier never tells them."
    )
    return (told,) if lacking else ()


def _facts(routed: Routed, outcome: Outcome, material: Material, notes: tuple[str, ...]) -> RoutingFacts:
    saving = None if routed.single_value is None else routed.single_value - routed.value
    return RoutingFacts(
        config=material.config,
        main=routed.main,
        fallback=routed.fallback,
        variants=routed.variants,
        objective="mean latency" if material.costs is None else "monthly cost",
        currency=None if material.costs is None else material.costs.currency,
        value=routed.value,
        single=routed.single,
        single_value=routed.single_value,
        baseline_value=routed.baseline_value,
        chance_better=routed.chance_better,
        saving=saving,
        honest_saving=routed.honest_saving,
        memory_bytes=routed.memory_bytes,
        accuracy=outcome.quality,
        verdicts=outcome.verdicts,
        reasons=routed.reasons,
        excluded=routed.excluded,
        notes=(*routed.notes, *notes),
    )


def _detected(
    learned: Learned,
    told: tuple[str | None, ...] | None,
    routed: Routed,
    report: RunReport,
    predictions: dict[str, Predictions],
    material: Material,
) -> dict[str, object]:
    """What changes when languages are detected, for the record."""
    info, answers = learned.identifier.info, predictions[report.baseline]
    if told is None:
        lessons = material.pool if material.pool is not None else material.examples
        languages = [lessons.languages[place] for place in learned.positions] if lessons is not None else []
        shares = detection_shares(learned.told, languages, routed)
        counted = "counted on these, held out in turns"
    else:
        shares = detection_shares(told, answers.language, routed)
        counted = "counted on the judged texts" + ("" if material.pool else ", each held out while it was told")
    texts = (material.examples or material.pool or Examples((), (), ())).texts
    detection = Detection(
        examples=shares.examples,
        right=shares.right,
        right_low=shares.right_low,
        misrouted=shares.misrouted,
        unknown=shares.unknown,
        learned_from=f"{info.learned_from}; {counted}",
        threshold=info.threshold,
        text_p50_ms=_text_p50_ms(learned.identifier, texts[:_TIMED_TEXTS]),
    )
    return {"detection": detection}


def _with_detection(
    told: tuple[str | None, ...], routed: Routed, report: RunReport, folder: Path, predictions: dict[str, Predictions]
) -> dict[str, object]:
    """What the system does when languages are detected, for the record."""
    routes = routes_of(told, routed)
    outcome = outcome_of(routes, predictions, report, folder)
    return {
        "detected_accuracy": outcome.quality,
        "detected_verdicts": outcome.verdicts,
        "detected_value": spread_value(routes, predictions[report.baseline].language, outcome.correct, routed),
    }


def _text_p50_ms(identifier: Identifier, texts: Sequence[str]) -> float:
    """Median time to tell the language of one text."""
    times = []
    for text in texts:
        start = time.perf_counter()
        identifier.tell([text])
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)
