"""leanglot's recommended quantized candidate, made and loaded as any user would."""

from pathlib import Path

from leanglot.runtimes.base import Predictor


def prepare(source: Path, folder: Path, variant: str, calibration: Path) -> None:  # noqa: ARG001 - one signature for all
    """Make the artifact for this machine."""
    from leanglot.artifacts import make_artifact
    from leanglot.config import CandidateConfig
    from leanglot.models.text_classifier import load_text_classifier
    from leanglot.quantizers import Making
    from leanglot.results.environment import available_cores, read_environment
    from leanglot.techniques import Int8

    candidate = CandidateConfig(name="int8-embeddings", recipe=(Int8(embeddings=True),))
    make_artifact(load_text_classifier(source), candidate, folder, Making(isa=read_environment(available_cores()).isa))


def open_predictor(folder: Path, threads: int, variant: str) -> Predictor:  # noqa: ARG001 - one signature for all
    """Load the artifact."""
    from leanglot.runtimes.loading import load

    return load(folder, threads).predictor
