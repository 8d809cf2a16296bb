"""From a candidate's measures to its record: every language judged against the baseline on the same examples."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from leanglot.config import CandidateConfig, RunConfig
from leanglot.decide.alarms import AlarmEvidence, alarms
from leanglot.decide.verdict import candidate_status, judge
from leanglot.measure.quality import score
from leanglot.results.measures import Quality
from leanglot.results.records import Candidate, Environment, LanguageResult, Status, Verdict
from leanglot.stages import Trial


def baseline_record(trial: Trial, machine: Environment, notes: tuple[str, ...] = ()) -> Candidate:
    """The record of the baseline: 1 times as fast as itself, and judged against nothing.

    Args:
        trial: What was measured.
        machine: Where it was measured.
        notes: What to know of the model, told as warnings.
    """
    itself = {"speedup": 1.0, "throughput_gain": 1.0, "size_reduction": 0.0}
    record = _record(trial, "baseline", None, {})
    record = record.model_copy(update=itself | {"warnings": (*record.warnings, *notes, *_cut(trial, 0))})
    return _alarmed(record, record, trial, machine)


def judged_record(
    trial: Trial, baseline: Trial, compared: Candidate, config: RunConfig, machine: Environment
) -> Candidate:
    """The record of a candidate with a verdict per language.

    Args:
        trial: The candidate.
        baseline: The baseline, on the same examples.
        compared: The baseline's record.
        config: Margin and error level.
        machine: Where they were measured.
    """
    verdicts = judge(
        baseline.predictions.correct,
        trial.predictions.correct,
        trial.predictions.language,
        margin=config.margin,
        alpha=config.alpha,
        groups=trial.predictions.group,
    )
    status, reason = candidate_status(verdicts)
    record = _record(trial, status, reason, verdicts)
    own, other = trial.weight.size_bytes, baseline.weight.size_bytes
    warnings = (*record.warnings, *_cut(trial, _number_cut(baseline)))
    record = record.model_copy(update={"size_reduction": 1 - own / other, "warnings": warnings})
    return _alarmed(record, compared, trial, machine, config.alpha)


def _alarmed(
    record: Candidate, compared: Candidate, trial: Trial, machine: Environment, alpha: float = 0.05
) -> Candidate:
    """The record with the alarms that its measures raise."""
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for tag, label in zip(trial.predictions.language, trial.predictions.label, strict=True):
        labels[tag][label] += 1
    evidence = AlarmEvidence(
        candidate=record,
        baseline=compared,
        invariance=trial.invariance,
        target_isa=trial.made.manifest.target_isa,
        machine_isa=machine.isa,
        label_counts=labels,
        alpha=alpha,
    )
    return record.model_copy(update={"alarms": alarms(evidence)})


def failed_record(config: CandidateConfig, reason: str) -> Candidate:
    """The record of a candidate that could not be made or measured."""
    return Candidate(name=config.name, recipe=config.recipe, runtime=config.runtime, status="failed", reason=reason)


def _cut(trial: Trial, known: int) -> tuple[str, ...]:
    """A sentence on texts that were cut, where there are more of them than is known already."""
    number, longest = _number_cut(trial), trial.made.manifest.max_length
    return (f"Texts longer than {longest} tokens, which were cut: {number:,}.",) if number > known else ()


def _number_cut(trial: Trial) -> int:
    return sum(trial.evaluated.truncated.values())


def _record(trial: Trial, status: Status, reason: str | None, verdicts: Mapping[str, Verdict]) -> Candidate:
    predictions, speed = trial.predictions, trial.speed
    quality = score(predictions.label, predictions.predicted, predictions.language)
    return Candidate(
        name=trial.config.name,
        recipe=trial.made.manifest.recipe,
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
        accuracy=quality.accuracy,
        macro_accuracy=quality.macro_accuracy,
        macro_f1=quality.macro_f1,
        precision=quality.precision,
        recall=quality.recall,
        languages={tag: _language(trial, tag, quality, verdicts.get(tag)) for tag in quality.languages},
        warnings=trial.warnings,
        ledger=trial.weight.ledger,
        threads=trial.threads,
        threads_p50_ms=trial.made.manifest.threads_p50_ms,
        pruning=trial.made.manifest.pruning,
        vocabulary=trial.made.manifest.vocabulary,
        training=trial.made.manifest.training,
        tokens=trial.retokenized.tokens,
        compressed_bytes=trial.weight.compressed_bytes,
    )


def _language(trial: Trial, tag: str, quality: Quality, verdict: Verdict | None) -> LanguageResult:
    own = quality.languages[tag]
    judged = (
        {"n": own.n, "baseline": own.accuracy, "candidate": own.accuracy} if verdict is None else verdict.model_dump()
    )
    return LanguageResult(
        **judged,
        accuracy_low=own.accuracy_low,
        accuracy_high=own.accuracy_high,
        macro_f1=own.macro_f1,
        precision=own.precision,
        recall=own.recall,
        latency_p50_ms=trial.speed.languages_p50_ms.get(tag),
        latency_spread=trial.speed.languages_spread.get(tag),
        tokens_per_example=trial.evaluated.tokens_per_example[tag],
        truncated=trial.evaluated.truncated[tag],
    )
