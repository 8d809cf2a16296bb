"""Text-classification models of transformers: checked before anything is loaded, and saved as plain folders."""

import copy
import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from leanglot.errors import ModelError
from leanglot.models.fit import check_fit, head_labels, longest_input
from leanglot.models.folder_checks import check_config, check_weights, precision_notes
from leanglot.models.pretrained import check_weight_values, load_pretrained
from leanglot.models.sliced import is_sliced, load_sliced
from leanglot.quiet import quiet_transformers
from leanglot.results.baseline_store import digests_without_baseline
from leanglot.results.manifest import file_digest, is_artifact, read_manifest
from leanglot.results.shaping import PruningFacts, VocabularyFacts
from leanglot.results.training import TrainingFacts
from leanglot.techniques import Recipe


@dataclass(frozen=True, slots=True)
class TextClassifier:
    """A PyTorch text classifier with its tokenizer.

    Attributes:
        module: The transformers model, float32, in evaluation mode.
        tokenizer: The fast tokenizer, set to cut at `max_length` and never to pad.
        labels: Class names in the order of the logits.
        max_length: Longest input in tokens, special tokens included.
        pad_id: Token id of the padding.
        source: SHA-256 over the config, the weights and the tokenizer it was loaded from.
        name: Name of the folder or hub model.
        recipe: The steps that made it, where the folder is an artifact.
        notes: What to know of how it was read, one sentence each.
        pruning: What the pruning steps of the recipe did.
        vocabulary: What vocabulary trimming did; None where the vocabulary is whole.
        training: What the training steps of the recipe did.
    """

    module: PreTrainedModel
    tokenizer: Tokenizer
    labels: tuple[str, ...]
    max_length: int
    pad_id: int
    source: str
    name: str
    recipe: Recipe = ()
    notes: tuple[str, ...] = ()
    pruning: tuple[PruningFacts, ...] = ()
    vocabulary: VocabularyFacts | None = None
    training: tuple[TrainingFacts, ...] = ()

    def with_own(self, layers: Iterable[nn.Module]) -> "TextClassifier":
        """A model whose weights in these layers can be changed without touching this one's; all others are shared."""
        own = {id(weight) for layer in layers for weight in layer.parameters()}
        return replace(self, module=sharing_copy(self.module, own))


def load_text_classifier(
    folder: Path, *, name: str | None = None, allow_pickle: bool = False, max_length: int | None = None
) -> TextClassifier:
    """Load a local folder written by ``save_pretrained``.

    Args:
        folder: Holds config.json, safetensors weights and a tokenizer.
        name: Name of the model; None takes the folder's.
        allow_pickle: Also read pickled PyTorch weights, through PyTorch's restricted unpickler.
        max_length: Cut texts at this many tokens; None takes the tokenizer's and the model's own limit.

    Raises:
        ModelError: The folder cannot be used; says what is missing or damaged and what to do.
    """
    check_config(folder)
    pickled = check_weights(folder, allow_pickle=allow_pickle)
    loaded, tokenizer = _load_tokenizer(folder)
    module = _load_module(folder, pickled=pickled)
    check_fit(folder, module, tokenizer)
    longest = longest_input(folder, module, loaded, max_length)
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest, direction=getattr(loaded, "truncation_side", "right"))
    pad_id = module.config.pad_token_id
    manifest = read_manifest(folder) if is_artifact(folder) else None
    return TextClassifier(
        module=module,
        tokenizer=tokenizer,
        labels=head_labels(folder, module),
        max_length=longest,
        pad_id=0 if pad_id is None else int(pad_id),
        source=folder_digest(folder),
        name=name or folder.resolve().name,
        recipe=() if manifest is None else manifest.recipe,
        notes=precision_notes(folder),
        pruning=() if manifest is None else manifest.pruning,
        vocabulary=None if manifest is None else manifest.vocabulary,
        training=() if manifest is None else manifest.training,
    )


def save_text_classifier(model: TextClassifier, folder: Path) -> None:
    """Write the model as a plain transformers folder: safetensors weights, config and tokenizer."""
    with quiet_transformers():
        model.module.save_pretrained(str(folder))
    save_tokenizer(model, folder)


def save_tokenizer(model: TextClassifier, folder: Path) -> None:
    """Write the tokenizer and its config so that transformers loads them without further help."""
    model.tokenizer.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": model.max_length,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    if (pad := model.tokenizer.id_to_token(model.pad_id)) is not None:
        settings["pad_token"] = pad
    text = json.dumps(settings, indent=1, ensure_ascii=False) + "\n"
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")


def sharing_copy(module: PreTrainedModel, own: Collection[int] = ()) -> PreTrainedModel:
    """A module of the same structure around the same tensors, so that a table of gigabytes is not held twice.

    Args:
        module: Left as it is; its structure can be changed in the copy, its tensors cannot.
        own: ``id()`` of the parameters that the copy gets for itself.
    """
    tensors = (*module.parameters(), *module.buffers())
    return copy.deepcopy(module, {id(tensor): tensor for tensor in tensors if id(tensor) not in own})


def linear_layers(module: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers by name: what pruning and quantization work on."""
    return {name: layer for name, layer in module.named_modules() if isinstance(layer, nn.Linear)}


def linear_sparsity(module: nn.Module) -> float | None:
    """Share of exactly zero weights among the linear layers' weights; None where there are none."""
    weights = [layer.weight for layer in linear_layers(module).values()]
    total = sum(weight.numel() for weight in weights)
    if total == 0:
        return None
    return sum(int((weight == 0).sum()) for weight in weights) / total


def folder_digest(folder: Path) -> str:
    """SHA-256 over the config, the weights and the tokenizer's files of a model folder.

    What a monitor compares with is stored in an artifact later, and does not make another model of it.
    """
    suffixes = {".json", ".safetensors", ".bin", ".model", ".spm", ".txt"}
    paths = (path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix in suffixes)
    files = {path.name: file_digest(path) for path in paths}
    if is_artifact(folder):
        files = digests_without_baseline(folder, files)
    digest = hashlib.sha256()
    for name, own in files.items():
        digest.update(f"{name}:{own}\n".encode())
    return digest.hexdigest()


def _load_tokenizer(folder: Path) -> tuple[object, Tokenizer]:
    """The tokenizer as transformers reads it, and the fast one in it."""
    names = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model", "vocab.json")
    if not any((folder / name).is_file() for name in names):
        raise ModelError(
            f"{folder} has no tokenizer: none of {', '.join(names)}.",
            "Save it beside the model: tokenizer.save_pretrained(folder).",
        )
    try:
        with quiet_transformers():
            loaded = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        backend = getattr(loaded, "backend_tokenizer", None)
    except Exception as error:  # transformers raises many types for a tokenizer it cannot read
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        hint = "Save it again with save_pretrained(), which writes tokenizer.json."
        if not (folder / "tokenizer.json").is_file() and any(folder.glob("*.model")):
            hint += " A SentencePiece model alone is converted only where its package is: pip install sentencepiece"
        raise ModelError(f"The tokenizer in {folder} cannot be loaded: {reason[:300]}", hint) from error
    if not isinstance(backend, Tokenizer):
        raise ModelError(
            f"The tokenizer in {folder} is a {type(loaded).__name__}, which has no fast version.",
            "Convert it to a tokenizer.json of the tokenizers library.",
        )
    return loaded, backend


def _load_module(folder: Path, *, pickled: bool) -> PreTrainedModel:
    advice = "Fine-tune the model for classification first, then save it with its head."
    module = (
        load_sliced(folder)
        if is_sliced(folder)
        else load_pretrained(AutoModelForSequenceClassification, folder, pickled=pickled, advice=advice)
    )
    check_weight_values(folder, module)
    return module
