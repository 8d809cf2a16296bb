"""Looks at a model folder before anything in it is loaded, and refuses what must not or cannot be read."""

import json
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open

from leanglot.errors import ModelError

_PICKLES: Final = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_WEIGHTS: Final = ("model.safetensors", "model.safetensors.index.json")
_LARGEST_CONFIG: Final = 10_000_000


def check_config(folder: Path) -> None:
    """Refuses a folder without the config of a text classifier.

    Raises:
        ModelError: Says what is missing or wrong, and what to do.
    """
    named = architectures(read_config(folder))
    if not any(name.endswith("ForSequenceClassification") for name in named):
        raise ModelError(
            f"{folder} holds {', '.join(named) or 'a model of unnamed architecture'}, which is no text classifier.",
            "Allowed are models that end in ForSequenceClassification, such as XLMRobertaForSequenceClassification.",
        )


def read_config(folder: Path) -> dict[str, Any]:
    """The model config of a folder.

    Raises:
        ModelError: There is none, or it is damaged.
    """
    if not folder.is_dir():
        raise ModelError(
            f"Model folder {folder} does not exist.",
            "Give a folder written by save_pretrained(), or the name of a model on the hub such as org/model.",
        )
    path = folder / "config.json"
    if not path.is_file():
        found = ", ".join(sorted(item.name for item in folder.iterdir())[:8]) or "nothing"
        raise ModelError(
            f"{folder} has no config.json; it holds {found}.",
            "Save the model with model.save_pretrained(folder) and tokenizer.save_pretrained(folder).",
        )
    if path.stat().st_size > _LARGEST_CONFIG:
        raise ModelError(f"{path} is larger than {_LARGEST_CONFIG} bytes: that is no model config.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ModelError(f"{path} is no valid JSON: {error}", "Save the model again.") from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise ModelError(f"{path} names no model_type.", "Save the model again with save_pretrained().")
    return config


def architectures(config: dict[str, Any]) -> tuple[str, ...]:
    """The architectures that a config names."""
    named = config.get("architectures")
    return tuple(map(str, named)) if isinstance(named, list) else ()


def check_weights(folder: Path, *, allow_pickle: bool) -> bool:
    """Whether the weights are pickled; refuses what must not or cannot be read.

    Raises:
        ModelError: There are no weights, they are damaged, or they are pickled and that was not allowed.
    """
    if not any((folder / name).is_file() for name in _WEIGHTS):
        if not any((folder / name).is_file() for name in _PICKLES):
            graph = any(folder.glob("*.onnx"))
            hint = "It holds an ONNX graph: give the PyTorch model it was made from." if graph else "Save it again."
            raise ModelError(f"{folder} has no weights: none of {', '.join(_WEIGHTS)}.", hint)
        if not allow_pickle:
            raise ModelError(
                f"{folder} has only pickled weights ({_PICKLES[0]}); loading a pickle can run code.",
                "Convert them: model.save_pretrained(folder) writes safetensors. "
                "If you trust where they come from, pass --allow-pickle.",
            )
        return True
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(str(path), framework="numpy") as stored:
                stored.keys()
        except (SafetensorError, OSError) as error:
            raise ModelError(
                f"{path} is damaged or cut off ({path.stat().st_size} bytes): {error}",
                "Copy or download the file again and compare its size.",
            ) from error
    return False


def precision_notes(folder: Path) -> tuple[str, ...]:
    """A sentence on weights that are stored in less than the precision they are run in."""
    found: set[str] = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(str(path), framework="numpy") as stored:
            found |= {stored.get_slice(name).get_dtype() for name in stored.keys()}  # noqa: SIM118 - no mapping
    if not (half := sorted(found & {"F16", "BF16"})):
        return ()
    return (f"The model's weights are stored as {' and '.join(half)}; it is run and weighed in FP32, twice as large.",)
