"""The steps of a chain as charts and reports tell them: plain words, and what each one changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, assert_never

from leanglot.charts.labels import language_tags
from leanglot.charts.quantities import count, megabytes
from leanglot.errors import RunError
from leanglot.results.records import Candidate, RunReport, VerdictKind
from leanglot.techniques import (
    Distillation,
    FfnPruning,
    HalfPrecision,
    HeadPruning,
    Int8,
    LayerPruning,
    MagnitudePruning,
    MixedInt8,
    MovementPruning,
    Quantization,
    QuantizationAware,
    Recipe,
    Runtime,
    SequenceDistillation,
    SideLayers,
    TrimVocabulary,
    WeightOnly,
)

RUNTIME_NAME: Final[Mapping[Runtime, str]] = {
    "pytorch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "ctranslate2": "CTranslate2",
}
_ONE_BY_ONE: Final = 4  # layers that are named in full


@dataclass(frozen=True)
class Change:
    """A measure before and after a step.

    Attributes:
        before: At the nearest earlier step that has the measure; None where none has.
        after: After the step; None where it was not measured.
        spanned: Steps from the one to the other: more than 1 where those between have no measure.
    """

    before: float | None
    after: float | None
    spanned: int = 1

    @property
    def difference(self) -> float | None:
        """After minus before; None where either is missing."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True)
class LanguageStep:
    """What a step does to one language.

    Attributes:
        accuracy: The language's accuracy before and after.
        verdict: Against the baseline, after the step.
        newly_harmed: Whether it is harmed after the step and was not at the nearest earlier step with a verdict.
    """

    accuracy: Change
    verdict: VerdictKind | None
    newly_harmed: bool

    @property
    def drop(self) -> float | None:
        """What the step costs, in the unit of the scores; None where it cannot be told."""
        difference = self.accuracy.difference
        return None if difference is None else -difference


@dataclass(frozen=True)
class ChainStep:
    """One step of a chain, told by the candidate that has all steps up to it.

    Attributes:
        words: What is done, such as ``remove 25% of heads``.
        candidate: The candidate.
        size: Bytes on disk.
        time: Time of one text as a share of the baseline's, 1 over the speed-up: each candidate was timed side by side
            with the baseline, and at another time than the step before.
        accuracy: Over all examples.
        mean: Mean over the languages of each one's accuracy.
        languages: By language of the run; empty on the baseline.
    """

    words: str
    candidate: Candidate
    size: Change
    time: Change
    accuracy: Change
    mean: Change
    languages: Mapping[str, LanguageStep]

    @property
    def failed(self) -> str | None:
        """Why its candidate failed; None where it did not."""
        if self.candidate.status != "failed":
            return None
        return f"failed: {self.candidate.reason or 'no reason was recorded'}"

    @property
    def worst(self) -> tuple[str, float] | None:
        """The language that the step costs most, and its drop; None where nothing can be compared."""
        drops = [(tag, each.drop) for tag, each in self.languages.items() if each.drop is not None]
        return max(drops, key=lambda pair: pair[1], default=None)


def chain_steps(report: RunReport, name: str) -> tuple[ChainStep, ...]:
    """The way of one candidate, the baseline first, the candidate itself last.

    Args:
        report: The run.
        name: A name among the run's chains.

    Raises:
        RunError: When the report has no such chain, or the chain names candidates that it does not have.
    """
    chain = [_find(report, each, name) for each in report.chains.get(name, ())]
    if len(chain) < 2:
        known = ", ".join(report.chains) or "none"
        raise RunError(f'This report shows no steps of "{name}".', f"Candidates whose steps it shows: {known}.")
    sizes = _changes([each.size_bytes for each in chain])
    times = _changes([1 / each.speedup if each.speedup else None for each in chain])
    accuracies = _changes([each.accuracy for each in chain])
    means = _changes([each.macro_accuracy for each in chain])
    languages = {tag: _language_steps(chain, tag) for tag in language_tags(report)}
    words = ["baseline", *(words_between(*pair) for pair in pairwise(chain))]
    return tuple(
        ChainStep(
            words=words[place],
            candidate=candidate,
            size=sizes[place],
            time=times[place],
            accuracy=accuracies[place],
            mean=means[place],
            languages={tag: steps[place - 1] for tag, steps in languages.items()} if place else {},
        )
        for place, candidate in enumerate(chain)
    )


def size_words(size_bytes: float | None) -> str:
    """Bytes in megabytes; in kilobytes where these would round to 0.0."""
    if size_bytes is not None and 50 <= size_bytes < 50_000:
        return f"{size_bytes / 1e3:.1f} kB"
    return megabytes(size_bytes)


def words_between(before: Candidate, after: Candidate) -> str:
    """What the later of two candidates has more: its further steps, and its runtime where that is another."""
    shared = len(before.recipe) if after.recipe[: len(before.recipe)] == before.recipe else 0
    further = after.recipe[shared:]
    moved = [f"export to {RUNTIME_NAME[after.runtime]}"] if after.runtime != before.runtime else []
    return " + ".join([*moved, *recipe_words(further, after)]) or "nothing more"


def recipe_words(recipe: Recipe, made: Candidate | None = None) -> tuple[str, ...]:
    """Each step of a recipe in plain words, such as ``remove 25% of heads`` or ``INT8 + embeddings``.

    Args:
        recipe: The steps.
        made: The candidate that they made, which knows how many pieces were left.
    """
    words = []
    for step in recipe:
        match step:
            case TrimVocabulary():
                words.append(_trimming(step, made))
            case MagnitudePruning():
                words.append(
                    f"zero {_share(step.target)} of linear weights" + (f", {step.pattern}" if step.pattern else "")
                )
            case MovementPruning():
                words.append(f"zero {_share(step.sparsity)} of linear weights by movement")
            case HeadPruning() | FfnPruning() | LayerPruning():
                words.append(_removing(step))
            case Int8() | WeightOnly() | HalfPrecision() | QuantizationAware() | MixedInt8():
                words.append(_quantizing(step))
            case Distillation():
                words.append(_distilling(step))
            case SideLayers() | SequenceDistillation():
                words.append(_by_side(step))
            case _:
                assert_never(step)
    return tuple(words)


def _trimming(step: TrimVocabulary, made: Candidate | None) -> str:
    if made is not None and made.vocabulary is not None:
        return f"trim vocabulary to {count(made.vocabulary.pieces_after)} pieces"
    if step.languages is None:
        return "trim vocabulary"
    return f"trim vocabulary to {_number(len(step.languages), 'language')}"


def _distilling(step: Distillation) -> str:
    student = step.student
    if student is None:
        return "distil" if step.alpha else "fine-tune"
    if not student.is_new:
        return f"distil into {_number(student.layers or 0, 'layer')}"
    sizes = {"hidden": student.hidden, "heads": student.heads, "FFN": student.ffn, "layers": student.layers}
    return f"distil into {', '.join(f'{name} {value}' for name, value in sizes.items() if value is not None)}"


def _by_side(step: SideLayers | SequenceDistillation) -> str:
    sides = {"encoder": step.encoder, "decoder": step.decoder}
    kept = " and ".join(_number(value, f"{side} layer") for side, value in sides.items() if value is not None)
    if isinstance(step, SideLayers):
        return f"keep {kept}"
    return f"distil into {kept}" if kept else "distil"


def _removing(step: HeadPruning | FfnPruning | LayerPruning) -> str:
    units = {"heads": "heads", "ffn": "FFN neurons", "layers": "layers"}[step.technique]
    if step.sparsity is not None:
        return f"remove {_share(step.sparsity)} of {units}"
    if isinstance(step, LayerPruning):
        layers = step.remove or ()
        named = ", ".join(map(str, sorted(layers)))
        if len(layers) > _ONE_BY_ONE:
            return f"remove {_number(len(layers), 'layer')}"
        return f"remove layer{'' if len(layers) == 1 else 's'} {named}"
    heads = step.remove if isinstance(step, HeadPruning) else None
    return f"remove {_number(sum(map(len, (heads or {}).values())), 'head')}"


def _quantizing(step: Quantization) -> str:
    match step:
        case MixedInt8():
            return f"INT8 + {step.rest.upper()}"
        case Int8():
            kind = "INT8" if step.weights == "signed" else "UINT8"
            words = f"static {kind}" if step.activations == "static" else kind
            words += " + embeddings" if step.embeddings else ""
        case WeightOnly():
            words = f"INT{step.bits} weights" + (" + embeddings" if step.embeddings else "")
        case HalfPrecision():
            words = step.dtype.upper()
        case QuantizationAware():
            words = "QAT INT8" + (" + embeddings" if step.embeddings else "")
    if not step.keep:
        return words
    return f"{words} except {step.keep[0] if len(step.keep) == 1 else _number(len(step.keep), 'part')}"


def _share(share: float) -> str:
    return f"{100 * share:.4g}%"


def _number(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _changes(values: Sequence[float | None]) -> list[Change]:
    """Each value with the nearest known one before it."""
    changes, before, since = [], None, 0
    for place, value in enumerate(values):
        changes.append(Change(before, value, max(1, place - since)))
        if value is not None:
            before, since = value, place
    return changes


def _language_steps(chain: Sequence[Candidate], tag: str) -> list[LanguageStep]:
    """One language along the chain, without the baseline."""
    results = [candidate.languages.get(tag) for candidate in chain]
    changes = _changes([None if result is None else result.candidate for result in results])
    steps, was_harmed = [], False
    for change, result in list(zip(changes, results, strict=True))[1:]:
        verdict = None if result is None else result.verdict
        steps.append(LanguageStep(change, verdict, newly_harmed=verdict == "harmed" and not was_harmed))
        was_harmed = was_harmed if verdict is None else verdict == "harmed"
    return steps


def _find(report: RunReport, wanted: str, chain: str) -> Candidate:
    try:
        return report.candidate(wanted)
    except KeyError:
        known = ", ".join(candidate.name for candidate in report.candidates)
        raise RunError(
            f'The steps of "{chain}" name "{wanted}", which is not a candidate of this report.', f"Candidates: {known}."
        ) from None
