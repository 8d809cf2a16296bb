"""Which pieces of a vocabulary stay: those that texts use, what these need, and what is near them."""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, pre_tokenizers

from leanglot.compress.merges import steps
from leanglot.compress.tokenizer_trim import Inventory
from leanglot.models.uncut import uncut

_BYTE: Final = re.compile(r"<0x[0-9A-F]{2}>")
_CHUNK: Final = 4096  # texts that are encoded at once
_Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """The pieces that stay.

    Attributes:
        kept: Their ids.
        missing: Share of the tokens of further texts, by language, whose piece is gone; see `VocabularyFacts`. None
            where there is one text or none, or no token.
    """

    kept: frozenset[int]
    missing: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class _Tokens:
    """The tokens of all texts one after the other, without those that a post-processor adds.

    Attributes:
        ids: Shape (tokens,).
        texts: Position of the text that each stands in, shape (tokens,).
    """

    ids: _Ids
    texts: _Ids


@dataclass(frozen=True, slots=True)
class _Claims:
    """The first and the last text that give a reason to keep a piece, by id: equal where only one does.

    Attributes:
        first: Shape (ids,); beyond every text where none does.
        last: Shape (ids,); -1 where none does.
    """

    first: _Ids
    last: _Ids

    @classmethod
    def none(cls, ids: int) -> "_Claims":
        return cls(np.full(ids, np.iinfo(np.int64).max), np.full(ids, -1))

    def add(self, ids: _Ids, first: _Ids, last: _Ids) -> None:
        np.minimum.at(self.first, ids, first)
        np.maximum.at(self.last, ids, last)

    def inherit(self, heirs: Iterable[tuple[int, int]]) -> None:
        """What is a reason for the first of a pair is one for the second."""
        pairs = np.array(list(heirs), dtype=np.int64).reshape(-1, 2)
        self.add(pairs[:, 1], self.first[pairs[:, 0]], self.last[pairs[:, 0]])


def choose_pieces(
    tokenizer: Tokenizer,
    inventory: Inventory,
    texts: Sequence[str],
    languages: Sequence[str],
    *,
    coverage: float = 1.0,
    neighbours: bool = False,
) -> Choice:
    """Choose the pieces that stay.

    With coverage 1 the trimmed tokenizer splits each of the texts as the original does; see decision 0013.

    Args:
        tokenizer: Counts the pieces; neither its truncation nor its padding matters.
        inventory: Of the same tokenizer.
        texts: Texts that show what is used.
        languages: Language of each.
        coverage: Share of each language's tokens whose pieces stay, the most frequent first, among equals the lower id.
        neighbours: Also keep pieces that the texts do not use but are near: that stand within their words, or differ
            from a used piece in letter case or in standing at the start of a word.
    """
    plain = uncut(tokenizer.to_str())
    tokens = _tokens(plain, texts)
    tags, codes = np.unique(np.array(languages), return_inverse=True)
    claims = _Claims.none(max(inventory.ids.values()) + 1)
    claims.add(tokens.ids, tokens.texts, tokens.texts)
    used = set(np.unique(tokens.ids).tolist())
    kept = _covered(tokens, codes, coverage)
    if inventory.kind == "WordPiece":
        kept |= _dead_ends(plain, inventory, texts, tokens, claims)
    if neighbours:
        names = {number: piece for piece, number in inventory.ids.items()}
        variants = [(number, near) for number in kept for near in _variants(names[number], inventory)]
        claims.inherit(variants)
        near = {piece for _, piece in variants} | _within_words(plain, inventory, texts, claims)
        kept |= near - used
    basic = inventory.fixed | _single_characters(inventory)
    if inventory.kind == "BPE":
        needed = steps(inventory, kept)
        claims.inherit(needed)
        kept |= {step for _, step in needed}
        basic |= {step for _, step in steps(inventory, basic)}
    lost = _mask(len(claims.first), kept | basic, inverted=True)
    alone = (claims.first == claims.last) & _mask(len(claims.first), basic, inverted=True)
    return Choice(frozenset(kept | basic), _shares(tags.tolist(), codes, tokens, lost | alone))


def _tokens(tokenizer: Tokenizer, texts: Sequence[str]) -> _Tokens:
    ids, lengths = list[_Ids](), list[int]()
    for start in range(0, len(texts), _CHUNK):
        encodings = tokenizer.encode_batch_fast(list(texts[start : start + _CHUNK]), add_special_tokens=False)
        rows = [encoding.ids for encoding in encodings]
        lengths += map(len, rows)
        ids.append(np.array([number for row in rows for number in row], dtype=np.int64))
    return _Tokens(np.concatenate(ids), np.repeat(np.arange(len(texts)), lengths))


def _covered(tokens: _Tokens, codes: _Ids, coverage: float) -> set[int]:
    """Ids of the most frequent pieces of each language, as many as its share of tokens needs."""
    kept = set[int]()
    for code in range(int(codes.max()) + 1):
        pieces, counts = np.unique(tokens.ids[codes[tokens.texts] == code], return_counts=True)
        order = np.lexsort((pieces, -counts))
        needed = math.ceil(coverage * int(counts.sum()) - 1e-9)
        kept |= set(pieces[order][: int(np.searchsorted(counts[order].cumsum(), needed)) + 1].tolist())
    return kept


def _mask(size: int, ids: Collection[int], *, inverted: bool) -> NDArray[np.bool_]:
    mask = np.full(size, inverted)
    mask[list(ids)] = not inverted
    return mask


def _shares(tags: Sequence[str], codes: _Ids, tokens: _Tokens, missing: NDArray[np.bool_]) -> dict[str, float | None]:
    """Share of missing tokens by language."""
    texts, of_token = np.bincount(codes, minlength=len(tags)), codes[tokens.texts]
    totals = np.bincount(of_token, minlength=len(tags))
    gone = np.bincount(of_token[missing[tokens.ids]], minlength=len(tags))
    return {
        tag: float(gone[code] / totals[code]) if texts[code] > 1 and totals[code] > 0 else None
        for code, tag in enumerate(tags)
    }


def _single_characters(inventory: Inventory) -> set[int]:
    """Pieces of one character in all its forms, and bytes: so that no character becomes unknown."""
    return {
        number
        for piece, number in inventory.ids.items()
        if len(piece) == 1 or len(_core(piece, inventory)) <= 1 or _BYTE.fullmatch(piece)
    }


def _core(piece: str, inventory: Inventory) -> str:
    """A piece without what tells its place in a word."""
    return piece.removeprefix(inventory.mark).removeprefix(inventory.prefix).removesuffix(inventory.suffix)


def _variants(piece: str, inventory: Inventory) -> Iterator[int]:
    """Ids of pieces that differ from one in letter case or in their place in a word at most."""
    core = _core(piece, inventory)
    text = str(decoders.ByteLevel().decode([core])) if inventory.byte_level else core
    spellings = {text, text.lower(), text.upper(), text.capitalize()}
    if inventory.byte_level:
        whole = "\ufffd" not in text  # else the piece ends within a character, and has no case
        spellings = {core, *(_byte_spelling(spelling) for spelling in spellings if whole)}
    for start in {"", inventory.mark, inventory.prefix}:
        for end in {"", inventory.suffix}:
            for spelling in spellings:
                if (found := inventory.ids.get(f"{start}{spelling}{end}")) is not None:
                    yield found


def _byte_spelling(text: str) -> str:
    """A text in the alphabet of bytes."""
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)
    return "".join(word for word, _ in words)


def _within_words(tokenizer: Tokenizer, inventory: Inventory, texts: Sequence[str], claims: _Claims) -> set[int]:
    """Ids of pieces that stand within words, however the tokenizer splits these; adds to the claims."""
    places: dict[str, tuple[int, int]] = {}
    for position, text in enumerate(texts):
        for word in _words(tokenizer, text):
            places[word] = (places.get(word, (position,))[0], position)
    longest = max(map(len, inventory.ids))
    found = np.array(
        [
            (number, *ends)
            for word, ends in places.items()
            for start in range(len(word))
            for end in range(start + 1, min(len(word), start + longest) + 1)
            if (number := inventory.ids.get(_piece_at(word, start, end, inventory))) is not None
        ],
        dtype=np.int64,
    ).reshape(-1, 3)
    claims.add(found[:, 0], found[:, 1], found[:, 2])
    return set(np.unique(found[:, 0]).tolist())


def _words(tokenizer: Tokenizer, text: str) -> list[str]:
    """What the model of a tokenizer is given of a text."""
    plain = text if tokenizer.normalizer is None else tokenizer.normalizer.normalize_str(text)
    if tokenizer.pre_tokenizer is None:
        return [plain]
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(plain)]


def _piece_at(word: str, start: int, end: int, inventory: Inventory) -> str:
    """How a piece is spelled that covers a part of a word."""
    before = inventory.prefix if start > 0 else ""
    return f"{before}{word[start:end]}{inventory.suffix if end == len(word) else ''}"


def _dead_ends(
    tokenizer: Tokenizer, inventory: Inventory, texts: Sequence[str], tokens: _Tokens, claims: _Claims
) -> set[int]:
    """Pieces that WordPiece takes before it gives a word up; without them it might take others and get through."""
    found = list[tuple[int, int]]()
    for position in np.unique(tokens.texts[tokens.ids == (-1 if inventory.unknown is None else inventory.unknown)]):
        text = texts[position]
        for part in _between_added(tokenizer, inventory, text):
            for word in _words(tokenizer, part):
                found += [(number, int(position)) for number in _taken_in_vain(word, inventory)]
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    claims.add(pairs[:, 0], pairs[:, 1], pairs[:, 1])
    return {number for number, _ in found}


def _between_added(tokenizer: Tokenizer, inventory: Inventory, text: str) -> Iterator[str]:
    """The parts of a text that the model sees: what is left around added tokens."""
    encoding, start = tokenizer.encode(text, add_special_tokens=False), 0
    for number, piece, (begin, end) in zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True):
        written = number != inventory.unknown or text[begin:end].strip() == piece
        if number in inventory.added and written:
            yield text[start:begin]
            start = end
    yield text[start:]


def _taken_in_vain(word: str, inventory: Inventory) -> list[int]:
    """The longest matches from the start of a word on; none where they reach its end."""
    taken, start = list[int](), 0
    while start < len(word) <= inventory.longest_word:
        pieces = ((end, _piece_at(word, start, end, inventory)) for end in range(len(word), start, -1))
        match = next(((end, inventory.ids[piece]) for end, piece in pieces if piece in inventory.ids), None)
        if match is None:
            return taken
        start = match[0]
        taken.append(match[1])
    return []
