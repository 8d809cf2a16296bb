"""Repairs the candidates of a run that harm a language, and takes what comes out through all stages."""

import functools
from collections.abc import Collection

from leanglot.config import RepairConfig, RunConfig
from leanglot.data.pool import TextPool
from leanglot.measure.subject import in_memory
from leanglot.models.text_classifier import linear_layers
from leanglot.repairing.search import (
    Patient,
    find_repair,
    judged_examples,
    keeping,
    probes_from,
    reference_for,
    shaped_patient,
)
from leanglot.results.checkpoints import Checkpoints, key_of
from leanglot.results.repairs import Repair
from leanglot.stages import Trial
from leanglot.trials import Bench, run_trial, threads_of


def repair_trial(
    bench: Bench,
    config: RunConfig,
    trial: Trial,
    baseline: Trial,
    pool: TextPool | None,
    taken: Collection[str],
) -> tuple[Repair, Trial | None]:
    """Repair a run's candidate that harms a language, and take what comes out through all stages.

    Args:
        bench: What the trials share.
        config: Margin, error level, and how far to go.
        trial: The candidate.
        baseline: The baseline on the same examples.
        pool: Texts to rank layers on; None where there are none besides the judged ones.
        taken: Names of the run's candidates.

    Returns:
        What was found, with what it cost in size and speed, and the repaired candidate; None where nothing was put
        back.
    """
    limits, place = config.repair or RepairConfig(), bench.folder.candidate(trial.config.name)
    reference = in_memory(bench.model, threads_of(bench, baseline.made))
    patient = shaped_patient(
        Patient(
            model=bench.model,
            candidate=trial.config,
            artifact=place.artifact,
            making=bench.making,
            threads=trial.threads,
            exported=bench.exports.get(key_of(*trial.config.recipe[:-1]))
            if trial.config.runtime == "onnxruntime"
            else None,
        )
    )
    unquantized = reference_for(patient, reference, bench.environment.threads)
    rows, levels = unquantized.encode(bench.exam.examples.texts).rows, (config.margin, config.alpha)
    judged = judged_examples(bench.exam, rows, baseline.predictions.correct, levels, bench.batch_tokens)
    passes = len(linear_layers(bench.model.module)) + 3  # all alone, then none, all, and about one put back
    bench.observer.enter(trial.config.name, "repairing", passes)
    advance = functools.partial(bench.observer.advance, trial.config.name)
    machine = (bench.environment.cpu, bench.environment.isa)
    key = key_of(trial.made, bench.exam.summary.digest, levels, limits, bench.batch_tokens, str(pool), machine)
    found = Checkpoints(place.path).keep(
        "repair",
        key,
        Repair,
        lambda: find_repair(patient, unquantized, judged, probes_from(pool, unquantized), limits, advance),
    )
    bench.observer.enter(trial.config.name, "done")
    if not found.layers:
        return found, None
    repaired = run_trial(bench, keeping(trial.config, found.layers, taken), reference)
    return _priced(found, trial, repaired), repaired


def _priced(found: Repair, before: Trial, after: Trial) -> Repair:
    """The repair with what it cost."""
    return found.model_copy(
        update={
            "size_bytes_before": before.weight.size_bytes,
            "size_bytes_after": after.weight.size_bytes,
            "speedup_before": before.speed.speedup,
            "speedup_after": after.speed.speedup,
        }
    )
