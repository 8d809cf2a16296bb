"""Alarms: what was measured of a candidate and its owner must know before shipping, each with a stable code."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from scipy.stats import binom

from leanglot.results.measures import Invariance
from leanglot.results.records import Alarm, Candidate, LedgerRow
from leanglot.techniques import HalfPrecision, Int8, QuantizationAware, Technique, WeightOnly
from leanglot.techniques.targets import has_arithmetic, saturates

Code = Literal[
    "slower-than-baseline",
    "chance-level",
    "batch-dependent",
    "saturation-likely",
    "mostly-fp32",
    "emulated-precision",
    "not-measured",
]
CODES: Final[tuple[Code, ...]] = get_args(Code)
PAGE: Final = "docs/alarms.md"

LARGEST_CHANGE: Final = 0.05
"""A probability that changes by more than this with the batch is an alarm, also where no answer flips."""
LARGEST_FP32_SHARE: Final = 0.5
"""Share of the weights' bytes in FP32 above which a quantized candidate is an alarm."""
_NAMED_AT_MOST: Final = 5

LabelCounts = Mapping[str, int]


@dataclass(frozen=True)
class AlarmEvidence:
    """What alarms are raised from. What is None or empty was not measured, which is told where it matters.

    Attributes:
        candidate: The candidate, measured; the baseline itself is one too.
        baseline: The baseline of the run.
        invariance: Whether the candidate's answers depend on the batch.
        target_isa: Instruction-set extensions of the machine it was made for.
        machine_isa: Those of the machine it was measured on.
        label_counts: Number of judged examples by language and right label.
        alpha: Error level of the tests.
    """

    candidate: Candidate
    baseline: Candidate
    invariance: Invariance | None = None
    target_isa: tuple[str, ...] = ()
    machine_isa: tuple[str, ...] = ()
    label_counts: Mapping[str, LabelCounts] | None = None
    alpha: float = 0.05

    @property
    def is_baseline(self) -> bool:
        """Whether the candidate is the baseline itself."""
        return self.candidate.name == self.baseline.name

    @property
    def quantization(self) -> Technique | None:
        """The last step of the recipe, where quantization stands; None where there is no step."""
        return self.candidate.recipe[-1] if self.candidate.recipe else None


@dataclass(frozen=True)
class _Gap:
    """Something that could not be checked, as a part of a sentence."""

    what: str


# A sentence with the numbers; what is missing to say anything; or None: nothing is wrong, or it does not apply.
_Finding = str | _Gap | None


def alarms(evidence: AlarmEvidence) -> tuple[Alarm, ...]:
    """Raises what must be known of a candidate.

    Args:
        evidence: What was measured.

    Returns:
        At most one alarm per code, in the order of `CODES`; what could not be checked comes last, as
        ``not-measured``. A failed candidate has none: its reason says all.
    """
    if evidence.candidate.status == "failed":
        return ()
    findings = {code: check(evidence) for code, check in _CHECKS.items()}
    raised = [_alarm(code, finding) for code, finding in findings.items() if isinstance(finding, str)]
    if gaps := [finding.what for finding in findings.values() if isinstance(finding, _Gap)]:
        raised.append(_alarm("not-measured", f"Not known: {'; '.join(gaps)}."))
    return tuple(raised)


def at_chance(right: int, labels: LabelCounts, expected: float | None, alpha: float = 0.05, tests: int = 1) -> bool:
    """Whether so many right answers are no more than always giving the commonest label, or guessing, would give.

    The exact one-sided binomial test does not find the accuracy above the commonest label's share, which is never
    below ``1 / labels``; and it would have found it almost surely, had the accuracy been the expected one. So too few
    examples are never at chance, and an accuracy as good as expected is called so with chance ``alpha / tests`` at
    most.

    Args:
        right: Number of right answers.
        labels: Number of examples by right label.
        expected: Accuracy to tell from chance; None takes the middle between chance and perfection.
        alpha: Error level.
        tests: Number of tests made together.
    """
    n = sum(labels.values())
    if n == 0 or len([count for count in labels.values() if count]) < 2:
        return False
    chance = max(labels.values()) / n
    enough = int(binom.isf(alpha, n, chance)) + 1
    reference = (1 + chance) / 2 if expected is None else expected
    return right < enough and bool(binom.sf(enough - 1, n, reference) >= 1 - alpha / tests)


def _slower(evidence: AlarmEvidence) -> _Finding:
    candidate = evidence.candidate
    if evidence.is_baseline:
        return None
    if candidate.speedup is None:
        return _Gap("how fast it is beside the baseline")
    if candidate.speedup >= 1:
        return None
    p50 = None if candidate.latency_ms is None else candidate.latency_ms.p50
    median = "" if p50 is None else f", with a median of {p50:.3g} ms"
    return f"Slower than the baseline: {_below_one(candidate.speedup)} times as fast{median}, measured in turns."


def _chance_level(evidence: AlarmEvidence) -> _Finding:
    candidate, counts = evidence.candidate, evidence.label_counts
    if counts is None or candidate.accuracy is None or not candidate.languages.keys() <= counts.keys():
        return _Gap("whether its accuracy is above chance")
    level = (evidence.alpha, 1 + len(candidate.languages))
    overall = sum((Counter(labels) for labels in counts.values()), Counter[str]())
    expected = None if evidence.is_baseline else evidence.baseline.accuracy
    if at_chance(round(candidate.accuracy * overall.total()), overall, expected, *level):
        return f"Accuracy is at chance level: {_beside_chance(candidate.accuracy, overall)}."
    found = []
    for tag, result in candidate.languages.items():
        labels, accuracy = counts[tag], result.candidate
        expected = None if evidence.is_baseline else _at_least(evidence.baseline, tag, result.baseline)
        if accuracy is not None and at_chance(round(accuracy * sum(labels.values())), labels, expected, *level):
            found.append(f"{tag} {_beside_chance(accuracy, labels)}")
    return f"Accuracy is at chance level in {_listed(found)}." if found else None


def _at_least(baseline: Candidate, tag: str, accuracy: float | None) -> float | None:
    """The lower end of the baseline's interval in a language: ten right of ten do not promise a perfect model."""
    own = baseline.languages.get(tag)
    return accuracy if own is None or own.accuracy_low is None else own.accuracy_low


def _batch_dependent(evidence: AlarmEvidence) -> _Finding:
    found = evidence.invariance
    if found is None:
        return None if evidence.is_baseline else _Gap("whether its answers depend on the batch")
    if found.flips == 0 and max(found.padding, found.mates) <= LARGEST_CHANGE:
        return None
    changed = f"{found.flips} of {found.texts} texts changed their answer, and"
    changed = changed if found.flips else f"no answer to {found.texts} texts changed, but"
    return (
        f"Answers depend on what else is in the batch: {changed} "
        f"a probability changed by up to {found.padding:.3f} with padding and {found.mates:.3f} with other texts of "
        "the same length."
    )


def _saturation(evidence: AlarmEvidence) -> _Finding:
    step = _integers(evidence.quantization)
    if not isinstance(step, Int8) or step.weights != "signed" or step.reduce_range:
        return None
    if evidence.candidate.runtime == "pytorch":  # adds up in 32 bits on every machine
        return None
    if step.reduce_range is None or not evidence.target_isa:
        return _Gap("whether 16-bit sums saturate on the target")
    if not saturates(evidence.target_isa):
        return None
    return (
        "16-bit saturation is likely: signed weights use all 8 bits, and the target "
        f"({', '.join(evidence.target_isa)}) adds pairs of products up in 16 bits. "
        "Set reduce_range: true, or weights: unsigned."
    )


def _mostly_fp32(evidence: AlarmEvidence) -> _Finding:
    step, ledger = _integers(evidence.quantization), evidence.candidate.ledger
    if not isinstance(step, Int8 | WeightOnly):
        return None
    total = sum(row.size_bytes for row in ledger)
    if total == 0:
        return _Gap("where the bytes of its weights are")
    wide = [row for row in ledger if row.dtype == "float32"]
    share = sum(row.size_bytes for row in wide) / total
    if share <= LARGEST_FP32_SHARE:
        return None
    largest = max(wide, key=lambda row: row.size_bytes)
    return (
        f"{share:.1%} of the weights' {total / 1e6:,.1f} MB are still FP32, most of them in the part {largest.part} "
        f"({largest.size_bytes / 1e6:,.1f} MB). {_remedy(largest, step)}"
    )


def _integers(step: Technique | None) -> Technique | None:
    """The step as one of `Int8` where training came before it."""
    return step.scheme if isinstance(step, QuantizationAware) else step


def _remedy(row: LedgerRow, step: Int8 | WeightOnly) -> str:
    if row.part != "embeddings":
        return f"See what keep leaves out ({', '.join(step.keep)})." if step.keep else "Its layers were not quantized."
    if step.embeddings:
        return "Trim the vocabulary to make the table smaller."
    return "Set embeddings: true to store the table as INT8 rows, or trim the vocabulary."


def _emulated(evidence: AlarmEvidence) -> _Finding:
    step = evidence.quantization
    if not isinstance(step, HalfPrecision):
        return None
    name = step.dtype.upper()
    if evidence.candidate.runtime != "pytorch":
        engine = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}[evidence.candidate.runtime]
        return f"{name} makes the files smaller and nothing faster: {engine} computes in FP32 here."
    if not evidence.machine_isa:
        return _Gap(f"whether the machine computes {name} in hardware")
    if has_arithmetic(step.dtype, evidence.machine_isa):
        return None
    return (
        f"{name} is emulated: this machine has no such arithmetic, and PyTorch is usually several times slower in it."
    )


_CHECKS: Final[Mapping[Code, Callable[[AlarmEvidence], _Finding]]] = {
    "slower-than-baseline": _slower,
    "chance-level": _chance_level,
    "batch-dependent": _batch_dependent,
    "saturation-likely": _saturation,
    "mostly-fp32": _mostly_fp32,
    "emulated-precision": _emulated,
}


def _alarm(code: Code, message: str) -> Alarm:
    return Alarm(code=code, message=message, anchor=f"{PAGE}#{code}")


def _below_one(ratio: float) -> str:
    """Enough digits that it does not read 1."""
    return next((text for digits in range(2, 7) if float(text := f"{ratio:.{digits}f}") < 1), f"{ratio:g}")


def _beside_chance(accuracy: float, labels: LabelCounts) -> str:
    n = sum(labels.values())
    return f"{accuracy:.1%} of {n:,} examples, the commonest label alone {max(labels.values()) / n:.1%}"


def _listed(items: Sequence[str]) -> str:
    count = f"{len(items)} language{'' if len(items) == 1 else 's'}"
    more = f"; and {len(items) - _NAMED_AT_MOST} more" if len(items) > _NAMED_AT_MOST else ""
    return f"{count}: {'; '.join(items[:_NAMED_AT_MOST])}{more}"
