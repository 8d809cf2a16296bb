"""One transformation of one translation model: its steps, its export, its artifact."""

from pathlib import Path

from leanglot.config import CandidateConfig, DataConfig
from leanglot.data.parallel_reading import read_parallel_training
from leanglot.errors import RecipeError
from leanglot.models.hub import resolve_model
from leanglot.models.translation_model import load_translation_model
from leanglot.results.atomic import atomic_folder, remove_leftovers
from leanglot.results.environment import available_cores, read_environment
from leanglot.results.manifest import Manifest, is_artifact, read_manifest
from leanglot.steps import check_place
from leanglot.techniques.targets import target_extensions
from leanglot.translating.making import make_translation_artifact
from leanglot.translating.materials import TranslationMaking


def transform_translation(
    model: str,
    candidate: CandidateConfig,
    out: Path,
    making: TranslationMaking | None = None,
    *,
    allow_pickle: bool = False,
    force: bool = False,
) -> Manifest:
    """Carry out one recipe on one translation model, and write the artifact.

    Args:
        model: A model folder, an artifact for PyTorch, or a name on the hub.
        candidate: The recipe.
        out: The artifact's folder.
        making: The target machine, and sentences to learn from; None takes this machine, and no sentences.
        allow_pickle: Whether pickled weights may be read.
        force: Replace an artifact that is there.

    Raises:
        RunError: The folder exists and `force` is off, or it is not one that may be replaced.
        LeanglotError: The model cannot be used or the recipe does not fit it.
    """
    out = out.absolute()
    source = resolve_model(model, allow_pickle=allow_pickle)
    making = making or make_translation_making(None)
    check_place(out, source, force=force)
    remove_leftovers(out.parent)
    if is_artifact(source) and (runtime := read_manifest(source).runtime) != "pytorch":
        asked = ", ".join(step.technique for step in candidate.recipe) or "an export"
        raise RecipeError(
            f"{source} holds what {runtime} runs, and {asked} starts from a PyTorch model.",
            "Give the model folder that the artifact was made from.",
        )
    with atomic_folder(out) as folder:
        loaded = load_translation_model(source, allow_pickle=allow_pickle)
        return make_translation_artifact(loaded, candidate, folder, making)


def make_translation_making(target_isa: str | None, calibration: DataConfig | None = None) -> TranslationMaking:
    """What making an artifact needs beside the model and the recipe.

    Args:
        target_isa: Name of the target's instruction set; None takes this machine's.
        calibration: Sentences that importance is measured on and that show what the vocabulary is needed for.

    Raises:
        ConfigError: The instruction set is unknown.
        DataError: The sentences cannot be used.
    """
    shown = None if calibration is None else read_parallel_training(calibration.path, calibration.columns)
    isa = target_extensions(target_isa, read_environment(available_cores()).isa)
    return TranslationMaking(isa=isa, calibration=shown)
