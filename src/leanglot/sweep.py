"""The same model with 32, 16, 8 and 4 bits per weight, measured and judged in one run, and drawn against the bits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from leanglot.charts.files import write_figure
from leanglot.charts.sweep import draw
from leanglot.config import CandidateConfig, RunConfig
from leanglot.errors import ConfigError
from leanglot.exam import FULL, Effort
from leanglot.pipeline import optimize
from leanglot.progress import Observer
from leanglot.results.records import RunReport
from leanglot.techniques import HalfPrecision, Int8, Recipe, Runtime, WeightOnly
from leanglot.techniques.support import recipe_fault

RECIPES: Final[Mapping[int, Recipe]] = {
    32: (),
    16: (HalfPrecision(dtype="fp16"),),
    8: (Int8(embeddings=True),),
    4: (WeightOnly(bits=4, embeddings=True),),
}
_STATIC: Final[Recipe] = (Int8(activations="static", embeddings=True),)


def sweep(
    config: RunConfig,
    bits: Sequence[int],
    runtime: Runtime = "onnxruntime",
    observer: Observer | None = None,
    effort: Effort = FULL,
) -> tuple[RunReport, Path]:
    """Measure and judge the model at each number of bits, and draw accuracy by language and time against them.

    32 is the plain export, 16 is FP16, 8 is INT8 with the embedding table, 4 is weight-only INT4 beside a table of
    INT8 rows.

    Args:
        config: Model, data and run folder; its candidates are replaced.
        bits: Some of 32, 16, 8 and 4.
        runtime: What executes them.
        observer: Told of the progress.
        effort: How much is measured.

    Returns:
        The report of the run, and the chart's PNG file.

    Raises:
        ConfigError: A number of bits is not offered, or repeats.
    """
    names = {number: name_of(number) for number in _checked(bits)}
    recipes = {number: _recipe(number, runtime) for number in names}
    candidates = tuple(
        CandidateConfig(name=name, runtime=runtime, recipe=recipes[number]) for number, name in names.items()
    )
    report = optimize(config.model_copy(update={"candidates": candidates}), observer, effort)
    png, _ = write_figure(draw(report, names), config.output / "charts", "sweep")
    return report, png


def name_of(bits: int) -> str:
    """The candidate's name."""
    return f"bits-{bits}"


def _recipe(bits: int, runtime: Runtime) -> Recipe:
    """The recipe for an engine; one without dynamic activations gets static ones."""
    return RECIPES[bits] if recipe_fault(RECIPES[bits], runtime) is None else _STATIC


def _checked(bits: Sequence[int]) -> list[int]:
    if not bits or len(set(bits)) < len(bits) or set(bits) - RECIPES.keys():
        raise ConfigError(
            f"--bits {','.join(map(str, bits)) or 'nothing'} cannot be swept.",
            f"Allowed are some of {', '.join(map(str, RECIPES))}, each once.",
        )
    return sorted(bits, reverse=True)
