"""Encoder-decoder translation models of transformers: checked before anything is loaded, and saved as plain folders."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from tokenizers import Tokenizer
from transformers import AutoModelForSeq2SeqLM, PreTrainedModel

from leanglot.errors import ModelError
from leanglot.languages import canonical_tag
from leanglot.models.folder_checks import check_weights, precision_notes, read_config
from leanglot.models.pretrained import check_weight_values, load_pretrained
from leanglot.models.seq2seq_sliced import load_sliced_seq2seq
from leanglot.models.sliced import is_sliced
from leanglot.models.text_classifier import folder_digest
from leanglot.models.translation_checks import check_family, check_pad, check_vocabulary
from leanglot.models.translation_facts import TARGET_TOKENIZER, Given, longest_source, read_facts
from leanglot.models.translation_tokenizers import read_settings, read_tokenizers, settings_text
from leanglot.quiet import quiet_transformers
from leanglot.results.atomic import write_text_atomically
from leanglot.results.manifest import is_artifact, read_manifest
from leanglot.results.shaping import PruningFacts, VocabularyFacts
from leanglot.results.training import TrainingFacts
from leanglot.results.translation import TranslationFacts
from leanglot.techniques import Recipe

FACTS_KEY: Final = "leanglot_translation"


@dataclass(frozen=True, slots=True)
class TranslationModel:
    """A PyTorch translation model with its tokenizers.

    Attributes:
        module: The transformers model, float32, in evaluation mode.
        tokenizer: The source side's tokenizer, which neither cuts nor pads.
        target_tokenizer: The target side's; the same object where both share one.
        facts: How it is told its languages.
        max_length: Longest source in tokens, special and language tokens included.
        pad_id: Token id of the padding.
        source: SHA-256 over the config, the weights and the tokenizers it was loaded from.
        name: Name of the folder or hub model.
        recipe: The steps that made it, where the folder is an artifact.
        notes: What to know of how it was read, one sentence each.
        pruning: What the pruning steps of the recipe did.
        vocabulary: What vocabulary trimming did; None where the vocabulary is whole.
        training: What the training steps of the recipe did.
    """

    module: PreTrainedModel
    tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    facts: TranslationFacts
    max_length: int
    pad_id: int
    source: str
    name: str
    recipe: Recipe = ()
    notes: tuple[str, ...] = ()
    pruning: tuple[PruningFacts, ...] = ()
    vocabulary: VocabularyFacts | None = None
    training: tuple[TrainingFacts, ...] = ()


def is_translation_model(folder: Path) -> bool:
    """Whether a folder's config.json describes an encoder-decoder model, of a supported family or not."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False  # who reads the folder next says what is wrong with it
    return isinstance(config, dict) and config.get("is_encoder_decoder") is True


def load_translation_model(
    folder: Path,
    *,
    name: str | None = None,
    allow_pickle: bool = False,
    max_length: int | None = None,
    pairs: tuple[str, ...] = (),
) -> TranslationModel:
    """Load a local folder written by ``save_pretrained``.

    Args:
        folder: Holds config.json, safetensors weights and a tokenizer.
        name: Name of the model; None takes the folder's.
        allow_pickle: Also read pickled PyTorch weights, through PyTorch's restricted unpickler.
        max_length: Longest source in tokens; None takes the tokenizer's and the model's own limit.
        pairs: The pairs it translates, such as ``en→de``, where nothing in the folder tells; see `TranslationFacts`.

    Raises:
        ModelError: The folder cannot be used; says what is missing or damaged and what to do.
    """
    config = read_config(folder)
    check_family(folder, config)
    pickled = check_weights(folder, allow_pickle=allow_pickle)
    settings = read_settings(folder)
    tokenizer, target_tokenizer = read_tokenizers(folder, str(config["model_type"]))
    module = load_translation_module(folder, pickled=pickled)
    notes = check_vocabulary(folder, module, tokenizer, target_tokenizer)
    given = Given(folder, config, settings, module, tokenizer, target_tokenizer, pairs, name or folder.resolve().name)
    stored = _stored_facts(folder, config)
    facts = read_facts(given) if stored is None else stored
    if stored is not None and pairs:
        facts = facts.model_copy(update={"pairs": tuple(dict.fromkeys(map(canonical_tag, pairs)))})
    manifest = read_manifest(folder) if is_artifact(folder) else None
    return TranslationModel(
        module=module,
        tokenizer=tokenizer,
        target_tokenizer=target_tokenizer,
        facts=facts,
        max_length=longest_source(module, settings, max_length, folder),
        pad_id=check_pad(folder, module),
        source=folder_digest(folder),
        name=given.name,
        recipe=() if manifest is None else manifest.recipe,
        notes=(*precision_notes(folder), *notes),
        pruning=() if manifest is None else manifest.pruning,
        vocabulary=None if manifest is None else manifest.vocabulary,
        training=() if manifest is None else manifest.training,
    )


def load_translation_module(folder: Path, *, pickled: bool = False) -> PreTrainedModel:
    """The weights of a folder as a module in float32 and evaluation mode.

    Raises:
        ModelError: They are damaged, incomplete, or not finite.
    """
    advice = "Copy the whole model again, or save it from where it was trained."
    module = (
        load_sliced_seq2seq(folder)
        if is_sliced(folder)
        else load_pretrained(AutoModelForSeq2SeqLM, folder, pickled=pickled, advice=advice)
    )
    check_weight_values(folder, module)
    return module


def save_translation_model(model: TranslationModel, folder: Path) -> None:
    """Write the model as a plain transformers folder: safetensors weights, config and tokenizers.

    Transformers loads it with ``AutoModelForSeq2SeqLM`` and ``AutoTokenizer``; how it is told its languages stands in
    config.json under ``leanglot_translation``, which transformers passes over.
    """
    with quiet_transformers():
        model.module.save_pretrained(str(folder))
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config[FACTS_KEY] = model.facts.model_dump(mode="json", exclude_defaults=True)
    write_text_atomically(path, json.dumps(config, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
    save_translation_tokenizers(model, folder)


def save_translation_tokenizers(model: TranslationModel, folder: Path) -> None:
    """Write the tokenizers, so that transformers loads the source side's without further help.

    A target side of its own is written beside it, under the name that the facts have for it.
    """
    model.tokenizer.save(str(folder / "tokenizer.json"))
    if model.target_tokenizer is not model.tokenizer:
        model.target_tokenizer.save(str(folder / TARGET_TOKENIZER))
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": model.max_length,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    for key, number in (("pad_token", model.pad_id), ("eos_token", model.facts.eos_id)):
        if (token := model.tokenizer.id_to_token(number)) is not None:
            settings[key] = token
    write_text_atomically(folder / "tokenizer_config.json", settings_text(settings))


def _stored_facts(folder: Path, config: dict[str, Any]) -> TranslationFacts | None:
    stored = config.get(FACTS_KEY)
    if stored is None:
        return None
    try:
        return TranslationFacts.model_validate(stored)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in (FACTS_KEY, *first["loc"]))
        raise ModelError(
            f"{folder / 'config.json'}: {where}: {first['msg']}", "The file may be damaged: save the model again."
        ) from error
