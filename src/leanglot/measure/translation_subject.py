"""Opens whatever translates: an artifact, or a plain encoder-decoder model folder run by PyTorch."""

from pathlib import Path

from leanglot.errors import ModelError
from leanglot.measure.subject import refuse_router
from leanglot.measure.task import task_of
from leanglot.models.translation_model import TranslationModel, load_translation_model
from leanglot.results.environment import available_cores
from leanglot.results.manifest import Manifest, is_artifact
from leanglot.results.router_manifest import is_router
from leanglot.runtimes.loading import load_translator
from leanglot.runtimes.pytorch_seq2seq import TorchSeq2Seq
from leanglot.runtimes.translation_router import TranslationRouter, load_translation_router
from leanglot.runtimes.translation_text import TranslationText
from leanglot.runtimes.translator import Translator


def open_translator(folder: Path, threads: int | None = None, *, allow_pickle: bool = False) -> Translator:
    """Load an artifact or a transformers model folder, ready to translate.

    Raises:
        ModelError: The folder is neither, or does not translate.
    """
    refuse_router(folder)
    if task_of(folder) != "translation":
        raise ModelError(f"{folder} does not translate: it is a classifier.", "Give a translation model.")
    if is_artifact(folder):
        return load_translator(folder, threads)
    return translator_in_memory(load_translation_model(folder, allow_pickle=allow_pickle), threads)


def open_any_translator(
    folder: Path, threads: int | None = None, *, allow_pickle: bool = False
) -> Translator | TranslationRouter:
    """Does as `open_translator` does, and loads a router of translation models, too."""
    if is_router(folder):
        return load_translation_router(folder, threads)
    return open_translator(folder, threads, allow_pickle=allow_pickle)


def translator_in_memory(model: TranslationModel, threads: int | None = None) -> Translator:
    """A PyTorch model as a translator, without writing it anywhere."""
    text = TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
    engine = TorchSeq2Seq(model.module, threads or available_cores(), model.facts.suppressed)
    return Translator(describe_translation(model), text, engine)


def describe_translation(model: TranslationModel) -> Manifest:
    """The manifest of an unchanged PyTorch model."""
    return Manifest(
        task="translation",
        name=model.name,
        runtime="pytorch",
        model_file="model.safetensors",
        inputs=("input_ids", "attention_mask", "decoder_input_ids"),
        max_length=model.max_length,
        pad_id=model.pad_id,
        source=model.source,
        recipe=model.recipe,
        pruning=model.pruning,
        vocabulary=model.vocabulary,
        training=model.training,
        translation=model.facts,
    )
