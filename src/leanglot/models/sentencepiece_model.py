"""Converts a SentencePiece model whose ids stand in a vocab.json into a tokenizer of the tokenizers library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from leanglot.errors import ModelError
from leanglot.extras import require

# Stands in front of a piece that this side's model does not have: no text holds the noncharacter U+FFFF.
_OTHER_SIDE: Final = "\uffff"
_NORMAL, _USER, _BYTE = 1, 4, 6  # types of pieces in SentencePiece's protocol
_UNKNOWN_PENALTY: Final = 10.0  # by which SentencePiece scores an unknown character below the worst piece


@dataclass(frozen=True, slots=True)
class Pieces:
    """What a SentencePiece model holds.

    Attributes:
        path: Where it was read.
        kind: ``unigram`` or ``bpe``.
        scores: Score of each piece that text can be cut into: of a unigram, the log probability; of BPE, the rank.
        charsmap: The compiled table of character normalization; empty where there is none.
        squeezes: Whether white space is squeezed and taken off both ends.
    """

    path: Path
    kind: str
    scores: Mapping[str, float]
    charsmap: bytes
    squeezes: bool


def read_pieces(path: Path) -> Pieces:
    """Read a SentencePiece model.

    Raises:
        ModelError: It is damaged, or of a kind that cannot be converted.
        MissingExtraError: The package is missing.
    """
    protocol = require("sentencepiece.sentencepiece_model_pb2", "translation")
    model = protocol.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's own errors differ between its versions
        raise ModelError(f"{path} is no SentencePiece model: {str(error)[:200]}", "Copy the file again.") from error
    kinds = {1: "unigram", 2: "bpe"}
    kind = kinds.get(model.trainer_spec.model_type)
    if kind is None or not model.pieces:
        raise ModelError(f"{path} is no unigram or BPE model with pieces.", "Convert the tokenizer to tokenizer.json.")
    if any(piece.type == _BYTE for piece in model.pieces):
        raise ModelError(f"{path} falls back to bytes, which is not converted.", "Convert it to tokenizer.json.")
    scores = {piece.piece: piece.score for piece in model.pieces if piece.type in {_NORMAL, _USER}}
    spec = model.normalizer_spec
    return Pieces(path, kind, scores, spec.precompiled_charsmap, spec.remove_extra_whitespaces)


def unigram_tokenizer(pieces: Pieces, vocabulary: Mapping[str, int], folder: Path) -> Tokenizer:
    """A tokenizer that cuts text as the model does and numbers the pieces as vocab.json does (Marian).

    A vocabulary that both sides share has pieces that this side's model lacks: they can be decoded and are never cut,
    single characters excepted, which transformers looks up too where the model does not know them (two or more in a row
    are one unknown token to it, and stay themselves here).

    Args:
        pieces: The model.
        vocabulary: Id of each piece, special and language tokens included.
        folder: For messages.

    Raises:
        ModelError: The model is no unigram, or the vocabulary has gaps or no end token.
    """
    if pieces.kind != "unigram":
        raise ModelError(f"{pieces.path} is a {pieces.kind} model, which is not converted here.", _BY_HAND)
    names = _in_order(vocabulary, folder)
    special = set(_special(names))
    unknown = min(pieces.scores.values(), default=0.0) - _UNKNOWN_PENALTY
    rows = []
    for name in names:
        if name in special or name in pieces.scores:
            rows.append((name, pieces.scores.get(name, 0.0)))
        else:
            rows.append((name, unknown) if len(name) == 1 else (_OTHER_SIDE + name, 0.0))
    tokenizer = Tokenizer(models.Unigram(rows, unk_id=vocabulary["<unk>"], byte_fallback=False))
    _dress(tokenizer, pieces, _special(names), [decoders.Replace(_OTHER_SIDE, ""), *_metaspace_decoder()])
    return tokenizer


def bpe_tokenizer(pieces: Pieces, vocabulary: Mapping[str, int], codes: Sequence[str], folder: Path) -> Tokenizer:
    """A tokenizer that merges as the model does and numbers the pieces as vocab.json does (M2M-100).

    Args:
        pieces: The model.
        vocabulary: Id of each piece, special tokens included.
        codes: The languages' tokens, whose ids follow behind the vocabulary.
        folder: For messages.

    Raises:
        ModelError: The model is no BPE, or the vocabulary has gaps or no end token.
    """
    if pieces.kind != "bpe":
        raise ModelError(f"{pieces.path} is a {pieces.kind} model, which is not converted here.", _BY_HAND)
    names = [*_in_order(vocabulary, folder), *codes]
    ids = {name: number for number, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(ids, _merges(pieces.scores, ids), unk_token="<unk>", fuse_unk=True))  # noqa: S106
    _dress(tokenizer, pieces, [*_special(names), *codes], _metaspace_decoder())
    return tokenizer


_BY_HAND: Final = "Convert the tokenizer to a tokenizer.json of the tokenizers library and put it beside the model."


def _in_order(vocabulary: Mapping[str, int], folder: Path) -> list[str]:
    names = [name for name, _ in sorted(vocabulary.items(), key=lambda both: both[1])]
    if sorted(vocabulary.values()) != list(range(len(names))):
        raise ModelError(f"The ids in {folder / 'vocab.json'} have gaps.", "Copy the file again.")
    if missing := [name for name in ("</s>", "<unk>") if name not in vocabulary]:
        raise ModelError(f"{folder / 'vocab.json'} lacks {', '.join(missing)}.", "Copy the file again.")
    return names


def _special(names: Sequence[str]) -> list[str]:
    control = {"</s>", "<unk>", "<pad>", "<s>"}
    return [name for name in names if name in control or (name.startswith(">>") and name.endswith("<<"))]


def _merges(scores: Mapping[str, float], ids: Mapping[str, int]) -> list[tuple[str, str]]:
    """Every pair of pieces that makes a piece, the best-scored piece first, as SentencePiece merges them."""
    merges = []
    for piece, score in scores.items():
        if piece not in ids:
            continue
        halves = ((piece[:cut], piece[cut:]) for cut in range(1, len(piece)))
        known = [both for both in halves if both[0] in ids and both[1] in ids]
        merges += [(score, both) for both in sorted(known, key=lambda both: (ids[both[0]], ids[both[1]]))]
    return [both for _, both in sorted(merges, key=lambda scored: -scored[0])]


def _dress(tokenizer: Tokenizer, pieces: Pieces, special: Sequence[str], back: Sequence[Any]) -> None:
    steps: list[Any] = [normalizers.Precompiled(pieces.charsmap)] if pieces.charsmap else []
    if pieces.squeezes:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    if steps:
        tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.decoder = decoders.Sequence(list(back))
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    end = tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", end)])


def _metaspace_decoder() -> list[Any]:
    return [decoders.Metaspace(replacement="▁", prepend_scheme="always", split=True)]
