"""Texts to tokens and back for a translation model: language tokens, limits, and what is no source."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import langcodes
import numpy as np
from tokenizers import Tokenizer

from leanglot.errors import DataError
from leanglot.languages import canonical_or_none, canonical_tag, display_name, nearest_tag, pair_tag, script, split_pair
from leanglot.results.translation import TranslationFacts
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.seq2seq import SourceRow

UNKNOWN_SOURCE: Final = "und"
_SHOWN: Final = 12
_NEAR: Final = 5  # distance of UTS #35 within which one language's variety does for another


@dataclass(frozen=True, slots=True)
class EncodedSources:
    """Tokenized sources.

    Attributes:
        rows: One per text.
        truncated: Whether each text was cut at the model's maximum length.
    """

    rows: tuple[SourceRow, ...]
    truncated: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class TranslationText:
    """The tokenizers of a translation model, and how it is told its languages.

    Attributes:
        tokenizer: Of the source side.
        target_tokenizer: Of the target side; the same object where both share one.
        facts: How the model is told its languages.
        max_length: Longest source in tokens, special and language tokens included.
    """

    tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    facts: TranslationFacts
    max_length: int
    _controls: dict[int, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Looks up the tokens that steer the model."""
        object.__setattr__(self, "_controls", _controls(self.tokenizer))

    def encode(self, texts: Sequence[str], pairs: Sequence[str]) -> EncodedSources:
        """Tokenize sources, cut at the model's maximum length.

        Special tokens that a text spells out, such as ``</s>`` or ``>>fr<<``, are read as unknown and never obeyed.

        Args:
            texts: Checked texts.
            pairs: Language pair of each, such as ``en→de``.

        Raises:
            DataError: The model cannot translate one of the pairs.
        """
        ready = {pair: self._frame(pair) for pair in dict.fromkeys(pairs)}
        written = [ready[pair].words + text for text, pair in zip(texts, pairs, strict=True)]
        encodings = self.tokenizer.encode_batch(written, add_special_tokens=False)
        rows, truncated = [], []
        for encoding, pair in zip(encodings, pairs, strict=True):
            frame = ready[pair]
            ids = self._harmless(encoding.ids)
            room = max(1, self.max_length - len(frame.before) - len(frame.after))
            truncated.append(len(ids) > room)
            whole = (*frame.before, *ids[:room], *frame.after)
            rows.append(SourceRow(np.asarray(whole, dtype=np.int64), frame.start))
        return EncodedSources(tuple(rows), tuple(truncated))

    def encode_targets(self, texts: Sequence[str]) -> tuple[TokenIds, ...]:
        """Tokenize translations as training has them: their tokens and the end token, without the start tokens.

        Args:
            texts: Any number of translations; longer ones than the model makes are cut, without an end token.
        """
        encodings = self.target_tokenizer.encode_batch(list(texts), add_special_tokens=False)
        limit, end = self.facts.max_target, self.facts.eos_id
        return tuple(np.asarray((*encoding.ids, end)[:limit], dtype=np.int64) for encoding in encodings)

    def decode(self, ids: Iterable[int] | TokenIds) -> str:
        """The text of a translation's tokens, special tokens left out."""
        text: str = self.target_tokenizer.decode([int(number) for number in ids], skip_special_tokens=True)
        return text.strip()

    def room(self, pair: str) -> int:
        """Most tokens of a text of a pair, what the model is told beside it left out."""
        frame = self._frame(pair)
        words = self.count([frame.words.strip()])[0] if frame.words else 0
        return max(1, self.max_length - len(frame.before) - len(frame.after) - words)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text alone."""
        return [len(encoding.ids) for encoding in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def check_pair(self, pair: str) -> str:
        """The normal spelling of a pair that the model can translate.

        Args:
            pair: Such as ``en→de`` or ``en->de``.

        Raises:
            DataError: It is no pair, or the model cannot translate it; names what it can.
        """
        tag = canonical_tag(pair)
        if split_pair(tag) is None:
            raise DataError(f'"{pair}" is one language, and a translation needs two.', "Give a pair, such as en→de.")
        self._frame(tag)
        return tag

    def pair_of(self, source: str | None, target: str | None) -> str:
        """The pair of two languages, one of which may go unsaid where the model leaves no choice.

        Args:
            source: Tag of the source's language; None where it is not told.
            target: Tag of the language to translate into; None for a model of a single pair.

        Raises:
            DataError: A language is missing or unknown, or the model cannot translate the pair.
        """
        pairs = [both for pair in self.facts.pairs if (both := split_pair(pair)) is not None]
        if target is None:
            targets = {both[1] for both in pairs} or set(self.facts.codes)
            if len(targets) != 1:
                raise DataError("No target language was given.", f"Give one of: {_listed(sorted(targets))}.")
            target = targets.pop()
        wanted = self._language(target)
        if source is None:
            sources = {both[0] for both in pairs if both[1] == wanted}
            if pairs and not sources:
                told = f"It translates: {_listed(self.facts.pairs)}."
                raise DataError(f"The model does not translate into {wanted} ({display_name(wanted)}).", told)
            if len(sources) == 1:
                source = sources.pop()
            elif self.facts.telling in {"source-token", "start"} and not pairs:
                source = UNKNOWN_SOURCE
            else:
                told = f"Give one of: {_listed(sorted(sources or self.facts.codes))}."
                raise DataError(
                    f"The language of the sources was not given, and {wanted} alone does not tell it.", told
                )
        if (given := self._language(source)) == wanted:
            raise DataError(f"Source and target are the same language, {wanted}.", "Give two languages.")
        return self.check_pair(pair_tag(given, wanted))

    def _language(self, tag: str) -> str:
        found = canonical_or_none(tag)
        if found is not None and split_pair(found) is None:
            return found
        near = nearest_tag(tag)
        hint = f'Did you mean "{near}"?' if near is not None else "Give a BCP 47 tag, such as de."
        raise DataError(f"{tag!r:.60} is no language tag.", hint)

    def _frame(self, pair: str) -> "_Frame":
        return _frame(self.facts, self.tokenizer, pair)

    def _harmless(self, ids: Sequence[int]) -> list[int]:
        """The ids, with unknown in place of tokens that steer the model."""
        return [self._controls.get(number, number) for number in ids if self._controls.get(number, number) >= 0]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a source of one pair is put into.

    Attributes:
        words: Put in front of the text.
        before: Token ids in front of the source.
        after: Token ids behind it.
        start: The decoder's first tokens.
    """

    words: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    start: tuple[int, ...]


def checked_sources(texts: Iterable[str]) -> list[str]:
    """Texts that can be translated, as a list.

    Raises:
        DataError: One string was given instead of several, or a text is empty, no string, or no valid Unicode.
    """
    if isinstance(texts, str):
        raise DataError("translate() takes several texts, got one string.", f"Call translate([{texts[:40]!r}]).")
    found = list(texts)
    for position, text in enumerate(found):
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"Text {position} is empty or no string: {text!r:.60}.", "Leave it out.")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise DataError(f"Text {position} holds half of a surrogate pair: {text[:40]!r}.", "Decode it again.")
    return found


def _frame(facts: TranslationFacts, tokenizer: Tokenizer, pair: str) -> _Frame:
    source, target = split_pair(pair) or ("", "")
    _check_known(facts, pair, source, target)
    end, first = facts.eos_id, facts.decoder_start_id
    if facts.telling == "none":
        return _Frame("", (), (end,), (first,))
    into = _code(facts, target, "target")
    if facts.telling == "prefix":
        words = (facts.prefix or "").format(source=_code(facts, source, "source"), target=into)
        return _Frame(words, (), (end,), (first,))
    into_id = _id(tokenizer, into, target)
    if facts.telling == "source-token":
        return _Frame("", (into_id,), (end,), (first,))
    start = (into_id,) if facts.start_code == "alone" else (first, into_id)
    if facts.telling == "start":
        return _Frame("", (), (end,), start)
    own = _id(tokenizer, _code(facts, source, "source"), source)
    return _Frame("", (own,), (end,), start) if facts.source_code == "front" else _Frame("", (), (end, own), start)


def _check_known(facts: TranslationFacts, pair: str, source: str, target: str) -> None:
    if not facts.pairs:
        return
    for known in facts.pairs:
        own = split_pair(known) or ("", "")
        if _does_for(own[0], source) and _does_for(own[1], target):
            return
    raise DataError(
        f"The model does not translate {pair} ({display_name(pair).strip()}).",
        f"It translates: {_listed(facts.pairs)}.",
    )


def _code(facts: TranslationFacts, tag: str, side: str) -> str:
    known = _closest(tag, tuple(facts.codes))
    if known is None:
        hint = f"It knows: {_listed(sorted(facts.codes))}."
        raise DataError(f"The model has no {side} language {tag} ({display_name(tag)}).", hint)
    return facts.codes[known]


def _id(tokenizer: Tokenizer, token: str, tag: str) -> int:
    found: int | None = tokenizer.token_to_id(token)
    if found is None:
        raise DataError(
            f"The tokenizer lacks {token}, which tells the model {tag}.", "Use the tokenizer that belongs to the model."
        )
    return found


@lru_cache(maxsize=4096)
def _closest(tag: str, known: tuple[str, ...]) -> str | None:
    """The known tag that does for one: itself, else the language's nearest variety in the same script (UTS #35)."""
    if tag in known:
        return tag
    near = [(langcodes.tag_distance(tag, other), other) for other in known if script(other) == script(tag)]
    best = min(near, default=(_NEAR + 1, ""))
    return best[1] if best[0] <= _NEAR else None


def _does_for(known: str, asked: str) -> bool:
    return _closest(asked, (known,)) is not None


def _listed(tags: Sequence[str]) -> str:
    more = f" and {len(tags) - _SHOWN} more" if len(tags) > _SHOWN else ""
    return ", ".join(tags[:_SHOWN]) + more


def _controls(tokenizer: Tokenizer) -> dict[int, int]:
    """The unknown token's id, or -1 without one, by the id of every other special token."""
    special = {
        number: str(token.content) for number, token in tokenizer.get_added_tokens_decoder().items() if token.special
    }
    unknown = next((number for number, name in special.items() if name in {"<unk>", "[UNK]"}), -1)
    return {number: unknown for number in special if number != unknown}
