"""Opens an artifact on the engine its manifest names, importing no other."""

from importlib import import_module
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

from leanglot.errors import ModelError
from leanglot.quiet import quiet_imports
from leanglot.results.environment import available_cores
from leanglot.results.manifest import Manifest, read_manifest, verify_files
from leanglot.runtimes.base import Predictor
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.seq2seq import Seq2SeqEngine
from leanglot.runtimes.translation_text import TranslationText
from leanglot.runtimes.translator import Translator, translation_facts
from leanglot.techniques import Runtime

_ENGINES: Final[dict[Runtime, str]] = {
    "pytorch": "leanglot.runtimes.pytorch",
    "onnxruntime": "leanglot.runtimes.onnxruntime",
    "openvino": "leanglot.runtimes.openvino",
}
_TRANSLATION_ENGINES: Final[dict[Runtime, str]] = {
    "pytorch": "leanglot.runtimes.pytorch_seq2seq",
    "onnxruntime": "leanglot.runtimes.onnx_seq2seq",
    "openvino": "leanglot.runtimes.openvino_seq2seq",
    "ctranslate2": "leanglot.runtimes.ctranslate2_seq2seq",
}


def load(artifact: str | Path, threads: int | None = None, *, verify: bool = False) -> Classifier:
    """Load an artifact, ready to answer.

    Args:
        artifact: The artifact's folder.
        threads: Threads the engine may use; None takes the number that was fastest where the artifact was made, as far
            as this machine has that many physical cores, and all cores where that was not searched.
        verify: Compare every file with the hashes of the manifest first.

    Raises:
        ModelError: The folder is no artifact, or is damaged.
    """
    folder = Path(artifact)
    manifest = read_manifest(folder)
    if manifest.task != "text-classification":
        raise ModelError(
            f"{folder} is a {manifest.task} artifact, no classifier.", "Give the artifact of a classifier."
        )
    if verify:
        verify_files(folder, manifest)
    with quiet_imports():
        engine = import_module(_ENGINES[manifest.runtime])
    predictor: Predictor = engine.open_predictor(folder, manifest, threads or fitting_threads(manifest))
    return Classifier(manifest, load_tokenizer(folder, manifest), predictor)


def load_translator(artifact: str | Path, threads: int | None = None, *, verify: bool = False) -> Translator:
    """Load a translation artifact, ready to answer.

    Args:
        artifact: The artifact's folder.
        threads: As `load` takes them.
        verify: Compare every file with the hashes of the manifest first.

    Raises:
        ModelError: The folder is no artifact, is damaged, or does not translate.
    """
    folder = Path(artifact)
    manifest = read_manifest(folder)
    facts = translation_facts(manifest)
    if verify:
        verify_files(folder, manifest)
    source = _read_tokenizer(folder / "tokenizer.json")
    target = source if facts.target_tokenizer is None else _read_tokenizer(folder / facts.target_tokenizer)
    for tokenizer in (source, target):
        tokenizer.no_padding()
        tokenizer.no_truncation()
    with quiet_imports():
        module = import_module(_TRANSLATION_ENGINES[manifest.runtime])
    engine: Seq2SeqEngine = module.open_engine(folder, manifest, threads or fitting_threads(manifest))
    return Translator(manifest, TranslationText(source, target, facts, manifest.max_length), engine)


def fitting_threads(manifest: Manifest) -> int:
    """The number of threads that suits an artifact on this machine."""
    cores = available_cores()
    return cores if manifest.threads is None else min(manifest.threads, cores)


def load_tokenizer(folder: Path, manifest: Manifest) -> Tokenizer:
    """The artifact's tokenizer, set to cut at the model's maximum length and never to pad."""
    tokenizer = _read_tokenizer(folder / "tokenizer.json")
    tokenizer.no_padding()
    side = (tokenizer.truncation or {}).get("direction", "right")
    tokenizer.enable_truncation(manifest.max_length, direction=side)
    return tokenizer


def _read_tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"{path} cannot be read: {error}", "Make the artifact again.") from error
