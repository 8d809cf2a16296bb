"""Audits calibration: the same candidate with balanced, proportional and single-language texts, judged by language."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leanglot.artifacts import knowing_threads, make_artifact
from leanglot.config import CandidateConfig
from leanglot.data.pool import TextPool
from leanglot.decide.verdict import judge
from leanglot.errors import RecipeError
from leanglot.exam import FULL, Exam, prepare_exam
from leanglot.measure.quality import score
from leanglot.measure.subject import in_memory
from leanglot.models.hub import resolve_model
from leanglot.models.text_classifier import TextClassifier, load_text_classifier
from leanglot.progress import Observer, Silent
from leanglot.quantizers import Making
from leanglot.results.atomic import atomic_folder, remove_leftovers, scratch_folder
from leanglot.results.audits import AuditedVariant, CalibrationAudit
from leanglot.results.environment import available_cores
from leanglot.results.manifest import Manifest
from leanglot.results.measures import Quality
from leanglot.results.predictions import Predictions
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.loading import load
from leanglot.steps import Setting, answer_exam, check_place
from leanglot.techniques import Calibration, Int8
from leanglot.techniques.support import learns_from_texts

UNQUANTIZED = "unquantized"
_SINGLE = "en"  # what other tools calibrate with


@dataclass(frozen=True, slots=True)
class _Judging:
    """What the variants are judged with."""

    exam: Exam
    setting: Setting
    margin: float
    alpha: float
    observer: Observer

    def answers(self, classifier: Classifier, name: str) -> Predictions:
        encoded = classifier.encode(self.exam.examples.texts)
        return answer_exam(classifier, name, encoded, self.exam, self.setting, self.observer)


def audit_calibration(
    model: str,
    candidate: CandidateConfig,
    out: Path,
    setting: Setting,
    making: Making,
    levels: tuple[float, float] = (0.01, 0.05),
    observer: Observer | None = None,
    *,
    force: bool = False,
) -> tuple[CalibrationAudit, Manifest]:
    """Make a static candidate with three mixtures of calibration texts and compare them, language by language.

    Args:
        model: A model folder, or a name on the hub.
        candidate: Its recipe ends in a step with static activations.
        out: Folder for the balanced artifact, the one to keep.
        setting: The judged data.
        making: The target machine and the pool of calibration texts.
        levels: Margin and error level of the verdicts.
        observer: Told of the progress.
        force: Replace an artifact that is there.

    Returns:
        The audit, and the manifest of the artifact.

    Raises:
        RecipeError: Nothing in the recipe is calibrated.
        LeanglotError: The model or the data cannot be used.
    """
    variants = _variants(candidate, making.calibration)
    source, out = resolve_model(model, allow_pickle=setting.allow_pickle), out.absolute()
    check_place(out, source, force=force)
    remove_leftovers(out.parent)
    loaded = load_text_classifier(source, allow_pickle=setting.allow_pickle)
    exam = prepare_exam(setting.data, loaded.labels, FULL, setting.limit, setting.seed)
    observer = observer or Silent()
    observer.plan([UNQUANTIZED, *variants])
    judging = _Judging(exam, setting, *levels, observer)
    before = judging.answers(in_memory(loaded, setting.threads), UNQUANTIZED)
    with scratch_folder(out) as inside:
        made = _make_all(loaded, variants, inside, making)
        found = [_judged(judging, name, inside / name, manifest) for name, manifest in made.items()]
        balanced = found[0][1]
        with atomic_folder(out) as folder:
            for path in (inside / next(iter(made))).iterdir():
                path.rename(folder / path.name)
            manifest = knowing_threads(folder, next(iter(made.values())), setting.threads or available_cores())
    audit = CalibrationAudit(
        model=loaded.name,
        data=exam.summary,
        margin=judging.margin,
        alpha=judging.alpha,
        unquantized=_quality(before),
        variants=tuple(_compared(variant, answers, balanced, judging) for variant, answers in found),
    )
    return audit, manifest


def _variants(candidate: CandidateConfig, pool: TextPool | None) -> dict[str, CandidateConfig]:
    """The candidate by the name of its mixture: as it is asked for, proportional, and with one language."""
    step = candidate.recipe[-1] if candidate.recipe else None
    if not isinstance(step, Int8) or not learns_from_texts(step):
        raise RecipeError(
            f"The recipe of {candidate.name} takes no calibration texts, so there is nothing to audit.",
            "Choose static activations: --scheme int8-static.",
        )
    if pool is None:
        raise RecipeError("There are no calibration texts to audit.", "Give some: --calibration FILE.")
    asked = step.calibration or Calibration()
    language = _single_language(pool.languages)
    plain = asked.model_copy(update={"traffic": None, "languages": None})
    mixtures = {
        "balanced": plain.model_copy(update={"balance": "uniform"}),
        "proportional": plain.model_copy(update={"balance": "proportional"}),
        f"{language} only": plain.model_copy(update={"balance": "uniform", "languages": (language,)}),
    }
    if asked not in mixtures.values():
        mixtures = {"as asked": asked, **mixtures}
    elif asked != mixtures["balanced"]:
        kept = next(name for name, mixture in mixtures.items() if mixture == asked)
        mixtures = {kept: asked, **mixtures}
    return {name: _calibrated(candidate, step, mixture) for name, mixture in mixtures.items()}


def _calibrated(candidate: CandidateConfig, step: Int8, mixture: Calibration) -> CandidateConfig:
    recipe = (*candidate.recipe[:-1], step.model_copy(update={"calibration": mixture}))
    return candidate.model_copy(update={"recipe": recipe})


def _single_language(languages: Sequence[str]) -> str:
    """English, as other tools would calibrate with; where there is none, the language with the most texts."""
    present = sorted(set(languages))
    return _SINGLE if _SINGLE in present else max(present, key=languages.count)


def _make_all(
    model: TextClassifier, variants: dict[str, CandidateConfig], inside: Path, making: Making
) -> dict[str, Manifest]:
    """All variants, from one export."""
    first = next(iter(variants.values()))
    exported = inside / "export"
    exported.mkdir()
    make_artifact(model, first.model_copy(update={"recipe": first.recipe[:-1]}), exported, making)
    made = {}
    for name, variant in variants.items():
        folder = inside / name
        folder.mkdir()
        made[name] = make_artifact(model, variant, folder, making, exported)
    return made


def _judged(judging: _Judging, name: str, folder: Path, manifest: Manifest) -> tuple[AuditedVariant, Predictions]:
    answers = judging.answers(load(folder, judging.setting.threads), name)
    variant = AuditedVariant(name=name, texts=manifest.calibration, quality=_quality(answers), notes=manifest.notes)
    return variant, answers


def _compared(
    variant: AuditedVariant, answers: Predictions, balanced: Predictions, judging: _Judging
) -> AuditedVariant:
    if answers is balanced:
        return variant
    verdicts = judge(
        balanced.correct,
        answers.correct,
        answers.language,
        margin=judging.margin,
        alpha=judging.alpha,
        groups=answers.group,
    )
    return variant.model_copy(update={"against_kept": verdicts})


def _quality(answers: Predictions) -> Quality:
    return score(answers.label, answers.predicted, answers.language)
