"""From a translation candidate's measures to its record: every pair judged on the same sentences."""

from collections.abc import Mapping

import numpy as np

from leanglot.config import RunConfig
from leanglot.decide.alarms import AlarmEvidence, alarms
from leanglot.decide.failure_changes import failure_changes, with_failures
from leanglot.decide.translation_verdict import judge_translations
from leanglot.decide.verdict import candidate_status
from leanglot.measure.translation_quality import overall, pair_quality
from leanglot.results.records import Candidate, Environment, LanguageResult, Status, Verdict
from leanglot.results.translation import FailureChange, PairQuality, TranslationQuality
from leanglot.techniques import MetricName
from leanglot.translating.trials import TranslationTrial


def baseline_record(
    trial: TranslationTrial, config: RunConfig, machine: Environment, notes: tuple[str, ...]
) -> Candidate:
    """The record of the baseline: 1 times as fast as itself, and judged against nothing."""
    itself = {"speedup": 1.0, "throughput_gain": 1.0, "size_reduction": 0.0}
    record = _record(trial, config.translation.metric, "baseline", None, {}, ())
    record = record.model_copy(update=itself | {"warnings": (*record.warnings, *notes)})
    return _alarmed(record, record, trial, machine, config.alpha)


def judged_record(
    trial: TranslationTrial,
    baseline: TranslationTrial,
    compared: Candidate,
    config: RunConfig,
    machine: Environment,
) -> Candidate:
    """The record of a candidate with a verdict per pair.

    Args:
        trial: The candidate.
        baseline: The baseline, on the same sentences.
        compared: The baseline's record.
        config: Margin, error level and metric.
        machine: Where they were measured.
    """
    metric = config.translation.metric
    verdicts = judge_translations(
        baseline.translations, trial.translations, metric, margin=config.margin, alpha=config.alpha, seed=config.seed
    )
    changes = failure_changes(baseline.translations, trial.translations, config.alpha)
    verdicts = with_failures(verdicts, changes)
    status, reason = candidate_status(verdicts)
    record = _record(trial, metric, status, reason, verdicts, changes)
    smaller = 1 - trial.weight.size_bytes / baseline.weight.size_bytes
    return _alarmed(record.model_copy(update={"size_reduction": smaller}), compared, trial, machine, config.alpha)


def _alarmed(
    record: Candidate, compared: Candidate, trial: TranslationTrial, machine: Environment, alpha: float
) -> Candidate:
    evidence = AlarmEvidence(
        candidate=record,
        baseline=compared,
        target_isa=trial.made.manifest.target_isa,
        machine_isa=machine.isa,
        alpha=alpha,
    )
    # Chance level and the influence of the batch are questions to classifiers.
    found = [alarm for alarm in alarms(evidence) if alarm.code != "not-measured"]
    return record.model_copy(update={"alarms": tuple(found)})


def _record(
    trial: TranslationTrial,
    metric: MetricName,
    status: Status,
    reason: str | None,
    verdicts: Mapping[str, Verdict],
    changes: tuple[FailureChange, ...],
) -> Candidate:
    speed, made = trial.speed, trial.made.manifest
    pairs = pair_quality(trial.translations)
    scores = [score for quality in pairs.values() if (score := getattr(quality, metric)) is not None]
    split = sum(trial.evaluated.truncated.values())
    told = f"Texts longer than {made.max_length} tokens, which were translated sentence by sentence: {split:,}."
    warned = (told,) if split else ()
    return Candidate(
        name=trial.config.name,
        recipe=made.recipe,
        runtime=trial.config.runtime,
        artifact=f"candidates/{trial.config.name}/artifact",
        status=status,
        reason=reason,
        size_bytes=trial.weight.size_bytes,
        sparsity=trial.weight.sparsity,
        peak_rss_bytes=trial.cold_start.peak_rss_bytes,
        cold_start_s=trial.cold_start.seconds,
        latency_ms=speed.latency_ms,
        tokenization_p50_ms=speed.tokenization_p50_ms,
        throughput_per_s=speed.throughput_per_s,
        speedup=speed.speedup,
        throughput_gain=speed.throughput_gain,
        accuracy=overall(trial.translations, metric),
        macro_accuracy=float(np.mean(scores)) if scores else None,
        languages={
            pair: _pair(trial, pair, quality, getattr(quality, metric), verdicts.get(pair))
            for pair, quality in pairs.items()
        },
        warnings=(*made.notes, *speed.warnings, *warned),
        ledger=trial.weight.ledger,
        threads=trial.threads,
        threads_p50_ms=made.threads_p50_ms,
        pruning=made.pruning,
        vocabulary=made.vocabulary,
        training=made.training,
        translation=TranslationQuality(pairs=pairs, changes=changes),
    )


def _pair(
    trial: TranslationTrial, pair: str, quality: PairQuality, score: float | None, verdict: Verdict | None
) -> LanguageResult:
    judged = {"n": quality.n, "baseline": score, "candidate": score} if verdict is None else verdict.model_dump()
    return LanguageResult(
        **judged,
        latency_p50_ms=trial.speed.languages_p50_ms.get(pair),
        latency_spread=trial.speed.languages_spread.get(pair),
        tokens_per_example=trial.evaluated.tokens_per_example[pair],
        truncated=0,
    )
