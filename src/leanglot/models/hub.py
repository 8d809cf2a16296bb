"""Finds a model: a local folder as it is, a hub name through huggingface_hub's own cache."""

import re
from pathlib import Path
from typing import Final

from huggingface_hub import snapshot_download

from leanglot.config.places import expanded
from leanglot.errors import ModelError

_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FILES: Final = ["*.json", "*.safetensors", "*.model", "*.txt"]


def resolve_model(model: str, *, allow_pickle: bool = False) -> Path:
    """The local folder of a model.

    Args:
        model: A folder, or a name on the hub such as ``intfloat/multilingual-e5-small``. A folder wins over a name,
            and so does a missing folder in one that exists.
        allow_pickle: Also fetch pickled weights.

    Raises:
        ModelError: There is no such folder, and the hub has no such model or cannot be reached.
    """
    folder = expanded(model)
    misspelled = folder.parent != Path() and folder.parent.is_dir()
    if folder.exists() or misspelled or not _HUB_NAME.fullmatch(model):
        return folder
    try:
        return Path(snapshot_download(model, allow_patterns=[*_FILES, "*.bin"] if allow_pickle else _FILES))
    except Exception as error:  # the client raises its own and its HTTP library's types
        raise ModelError(
            f"{model} is no local folder, and the hub did not give it: {type(error).__name__}: {str(error)[:300]}",
            "Check the path or the name. Without a network, copy the model here and give its folder.",
        ) from error
