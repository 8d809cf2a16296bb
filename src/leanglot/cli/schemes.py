"""From the options of ``leanglot quantize`` to a step of a recipe, refusing what has no effect."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import typer
from pydantic import TypeAdapter

from leanglot.cli.parsing import was_typed
from leanglot.errors import ConfigError
from leanglot.techniques import Recipe, Runtime, Task
from leanglot.techniques.support import runtimes_of, task_fault

Scheme = Literal[
    "int8", "int8-static", "int8-qat", "int8-weights", "int4-weights", "fp16", "bf16", "int8-fp16", "int8-bf16"
]

_STEPS: Final[Mapping[str, Mapping[str, Any]]] = {
    "int8": {"technique": "int8"},
    "int8-static": {"technique": "int8", "activations": "static"},
    "int8-qat": {"technique": "qat"},
    "int8-weights": {"technique": "weight-only", "bits": 8},
    "int4-weights": {"technique": "weight-only", "bits": 4},
    "fp16": {"technique": "half", "dtype": "fp16"},
    "bf16": {"technique": "half", "dtype": "bf16"},
    "int8-fp16": {"technique": "int8-mixed", "rest": "fp16"},
    "int8-bf16": {"technique": "int8-mixed", "rest": "bf16"},
}
_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "int8": ("embeddings", "per_channel", "weights", "reduce_range", "keep"),
    "qat": ("embeddings", "per_channel", "reduce_range", "keep", "ranges"),
    "weight-only": ("embeddings", "block", "symmetric", "keep"),
    "half": ("keep",),
    "int8-mixed": (),
}
_SCHOOLING: Final = ("epochs", "learning_rate")
_CALIBRATION: Final[Mapping[str, str]] = {
    "method": "method",
    "percentile": "percentile",
    "samples": "samples",
    "balance": "balance",
    "temperature": "temperature",
    "traffic": "traffic",
    "calibration_language": "languages",
    "memory_mb": "memory_mb",
    "seed": "seed",
}


def chosen_scheme(name: str) -> Mapping[str, Any]:
    """The fixed part of a scheme's step.

    Raises:
        ConfigError: There is no scheme of that name.
    """
    if name not in _STEPS:
        raise ConfigError(f"--scheme {name} is not known.", f"Allowed are {', '.join(_STEPS)}.")
    return _STEPS[name]


def quantization_step(scheme: str, given: Mapping[str, Any], context: typer.Context) -> dict[str, Any]:
    """The step that the options describe, as in a config file.

    Args:
        scheme: Name of the scheme.
        given: Values of the options that belong to one scheme or another, by name.
        context: Tells which of them were typed.

    Raises:
        ConfigError: The scheme is unknown, or an option was typed that has no effect on it.
    """
    fixed = chosen_scheme(scheme)
    static = fixed.get("activations") == "static"
    able = {
        *_OPTIONS[fixed["technique"]],
        *(_CALIBRATION if static else ()),
        *(("calibration", "data") if static else ()),
        *(("training", "data", "seed", *_SCHOOLING) if fixed["technique"] == "qat" else ()),
    }
    idle = sorted(name for name in given.keys() - able if was_typed(context, name))
    if idle:
        raise ConfigError(f"--scheme {scheme} takes no {_options(idle)}.", f"It takes {_options(sorted(able))}.")
    for name, option, value in (("percentile", "method", "percentile"), ("temperature", "balance", "temperature")):
        if was_typed(context, name) and given[option] != value:
            raise ConfigError(f"--{name} has no effect with --{option} {given[option]}.", f"Add --{option} {value}.")
    step = {**fixed, **{name: given[name] for name in _OPTIONS[fixed["technique"]] if given[name] is not None}}
    if fixed["technique"] == "qat":
        step["training"] = {name: given[name] for name in (*_SCHOOLING, "seed") if was_typed(context, name)}
    if static:
        asked = {key: given[name] for name, key in _CALIBRATION.items() if was_typed(context, name)}
        step["calibration"] = asked
    return step


def _options(names: Sequence[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def best_runtime(scheme: str, task: Task = "text-classification") -> Runtime:
    """The first of the engines that can do a scheme to models of a task; where none can, of those that know it."""
    recipe: Recipe = TypeAdapter(Recipe).validate_python([chosen_scheme(scheme)])
    able = runtimes_of(recipe[0], task)
    return next((runtime for runtime in able if task_fault(recipe, runtime, task) is None), able[0])
