"""Reads the tokenizers of a translation model: fast ones as they are, SentencePiece models converted."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from leanglot.errors import ModelError
from leanglot.extras import require
from leanglot.models.sentencepiece_model import bpe_tokenizer, read_pieces, unigram_tokenizer
from leanglot.models.translation_facts import TARGET_TOKENIZER
from leanglot.quiet import quiet_transformers

_FILES: Final = ("tokenizer.json", "source.spm", "sentencepiece.bpe.model", "spiece.model")


def read_settings(folder: Path) -> dict[str, Any]:
    """The folder's tokenizer_config.json; empty where there is none.

    Raises:
        ModelError: It is damaged.
    """
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return {}
    found = _json(path)
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds no settings.", "Save the tokenizer again.")
    return found


def read_tokenizers(folder: Path, family: str) -> tuple[Tokenizer, Tokenizer]:
    """The tokenizers of the source and the target side, neither cutting nor padding; one object where both share it.

    Raises:
        ModelError: There is none, it is damaged, or cannot be converted.
        MissingExtraError: A SentencePiece model is to be converted, and its package is missing.
    """
    if not any((folder / name).is_file() for name in _FILES):
        raise ModelError(
            f"{folder} has no tokenizer: none of {', '.join(_FILES)}.",
            "Save it beside the model: tokenizer.save_pretrained(folder).",
        )
    if (folder / "tokenizer.json").is_file():
        source = _fast(folder / "tokenizer.json")
        own = folder / TARGET_TOKENIZER
        target = _fast(own) if own.is_file() else source
    elif family == "marian":
        source, target = _marian(folder)
    elif family == "m2m_100" and (folder / "vocab.json").is_file():
        source = target = _m2m(folder)
    else:
        source = target = _by_transformers(folder)
    for tokenizer in (source, target):
        tokenizer.no_padding()
        tokenizer.no_truncation()
    return source, target


def _fast(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"{path} cannot be read: {str(error)[:300]}", "Copy or save the tokenizer again.") from error


def _marian(folder: Path) -> tuple[Tokenizer, Tokenizer]:
    """One SentencePiece model per side over a common vocab.json, or a vocabulary for each."""
    vocabulary = _vocabulary(folder / "vocab.json")
    own = folder / "target_vocab.json"
    target_vocabulary = _vocabulary(own) if own.is_file() else vocabulary
    target_model = folder / "target.spm"
    source = unigram_tokenizer(read_pieces(folder / "source.spm"), vocabulary, folder)
    if not target_model.is_file():
        raise ModelError(f"{folder} has source.spm but no target.spm.", "Copy the whole folder of the model.")
    return source, unigram_tokenizer(read_pieces(target_model), target_vocabulary, folder)


def _m2m(folder: Path) -> Tokenizer:
    """vocab.json tells the ids; the languages' tokens follow behind it, in the order that transformers has them."""
    vocabulary = _vocabulary(folder / "vocab.json")
    home = require("transformers.models.m2m_100.tokenization_m2m_100", "translation")
    listed = str(read_settings(folder).get("language_codes") or "m2m100")
    if listed not in home.FAIRSEQ_LANGUAGE_CODES:
        raise ModelError(
            f"language_codes in {folder} is {listed!r}.", f"Allowed: {', '.join(home.FAIRSEQ_LANGUAGE_CODES)}."
        )
    codes = [f"__{code}__" for code in home.FAIRSEQ_LANGUAGE_CODES[listed]]
    path = folder / "sentencepiece.bpe.model"
    if not path.is_file():
        raise ModelError(f"{folder} has vocab.json but no {path.name}.", "Copy the whole folder of the model.")
    return bpe_tokenizer(read_pieces(path), vocabulary, codes, folder)


def _by_transformers(folder: Path) -> Tokenizer:
    require("sentencepiece", "translation")
    try:
        with quiet_transformers():
            loaded = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        backend = getattr(loaded, "backend_tokenizer", None)
    except Exception as error:  # transformers raises many types for a tokenizer it cannot read
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"The tokenizer in {folder} cannot be loaded: {reason[:300]}",
            "Save it again with save_pretrained() of a fast tokenizer, which writes tokenizer.json.",
        ) from error
    if not isinstance(backend, Tokenizer):
        raise ModelError(
            f"The tokenizer in {folder} is a {type(loaded).__name__}, which has no fast version.",
            "Convert it to a tokenizer.json of the tokenizers library.",
        )
    return backend


def _vocabulary(path: Path) -> dict[str, int]:
    if not path.is_file():
        raise ModelError(f"{path.parent} has no {path.name}.", "Copy the whole folder of the model.")
    found = _json(path)
    pieces = found if isinstance(found, dict) else {}
    sound = all(isinstance(number, int) and number >= 0 for number in pieces.values())
    if not pieces or not sound or len(set(pieces.values())) < len(pieces):
        raise ModelError(f"{path} is no vocabulary: it must give each piece an id of its own.", "Copy the file again.")
    return pieces


def _json(path: Path) -> object:
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ModelError(f"{path} is no valid JSON: {error}", "Copy or save it again.") from error
    return found


def settings_text(settings: Mapping[str, Any]) -> str:
    """The content of a tokenizer_config.json."""
    return json.dumps(settings, indent=1, ensure_ascii=False) + "\n"
