"""Loads a module that transformers saved, without pickles and remote code, and refuses weights that cannot be used."""

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from leanglot.errors import ModelError
from leanglot.quiet import quiet_transformers


def load_pretrained(auto: Any, folder: Path, *, pickled: bool, advice: str) -> PreTrainedModel:  # noqa: ANN401
    """The module of a folder that ``save_pretrained`` wrote.

    Args:
        auto: Transformers' class for the task, such as ``AutoModelForSeq2SeqLM``; these have no common type.
        folder: Holds config.json and the weights.
        pickled: Read pickled weights, through PyTorch's restricted unpickler.
        advice: What to do where weights are missing.

    Returns:
        The module, float32, in evaluation mode.

    Raises:
        ModelError: Transformers cannot load it, or weights are missing.
    """
    try:
        with quiet_transformers():
            module, info = auto.from_pretrained(
                str(folder),
                dtype=torch.float32,
                use_safetensors=not pickled,
                weights_only=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:  # transformers raises many types for a folder it cannot read
        raise ModelError(
            f"transformers cannot load {folder}: {type(error).__name__}: {str(error)[:400]}",
            f"Check that {auto.__name__}.from_pretrained(folder) works.",
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            f"{folder} lacks the weights of {', '.join(missing[:4])}"
            f"{f' and {len(missing) - 4} more' if len(missing) > 4 else ''}; they would be random.",
            advice,
        )
    loaded: PreTrainedModel = module.eval()
    return loaded


def check_weight_values(folder: Path, module: PreTrainedModel) -> None:
    """Refuses weights that are no numbers.

    Raises:
        ModelError: Names the first such tensor.
    """
    for name, weight in module.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise ModelError(
                f"The weights {name} in {folder} hold NaN or infinity.",
                "Save the model again, from a sound checkpoint.",
            )
