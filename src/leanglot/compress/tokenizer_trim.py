"""Surgery on a tokenizer: pieces leave its vocabulary, and every id in its JSON follows."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from tokenizers import Tokenizer

from leanglot.errors import RecipeError

Kind = Literal["Unigram", "BPE", "WordPiece", "WordLevel"]
_State = dict[str, Any]

_SENTENCEPIECE_MARK: Final = "▁"
_BYTE_LEVEL_MARK: Final = "Ġ"
# Under which key a sequence of components lists them.
_LISTS: Final = ("normalizers", "pretokenizers", "processors")


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a tokenizer's JSON says of its pieces.

    Attributes:
        kind: How its model splits words.
        ids: Id by piece, added tokens included.
        added: Ids of the added tokens, which are found in a text before the model sees it.
        fixed: Ids that it cannot do without: the added tokens, the unknown token, those that the post-processor sets,
            the padding; for Unigram also a piece of the lowest score, which the score of unknown characters hangs on.
        unknown: Id of the unknown token.
        mark: What stands for the blank before a word; empty where nothing does.
        prefix: What pieces inside a word begin with; empty where nothing is.
        suffix: What the last piece of a word ends with; empty where nothing is.
        longest_word: Characters of a word above which WordPiece gives up.
        merges: Pairs of pieces that BPE joins, the first in rank first.
        byte_level: Pieces are spelled in the alphabet of bytes.
    """

    kind: Kind
    ids: Mapping[str, int]
    added: frozenset[int]
    fixed: frozenset[int]
    unknown: int | None
    mark: str
    prefix: str
    suffix: str
    longest_word: int
    merges: tuple[tuple[str, str], ...]
    byte_level: bool


@dataclass(frozen=True, slots=True)
class TrimmedTokenizer:
    """A tokenizer with fewer pieces.

    Attributes:
        tokenizer: Its truncation and padding are the original's.
        rows: By new id, the original's id of the same piece: ascending, but for added tokens, which come last where the
            model itself has no such piece.
    """

    tokenizer: Tokenizer
    rows: tuple[int, ...]


def take_inventory(tokenizer: Tokenizer) -> Inventory:
    """Reads what there is to trim.

    Raises:
        RecipeError: Its model is of another kind, or splits texts at random.
    """
    state = _state(tokenizer)
    model, kind = state["model"], _kind(state["model"])
    if model.get("dropout") or model.get("alpha"):
        raise RecipeError(
            "The tokenizer splits texts at random: its model has dropout or alpha set.",
            "Save it without, as for inference; else no count of its pieces is complete.",
        )
    ids = _model_ids(model) | {token["content"]: token["id"] for token in state["added_tokens"]}
    unknown = _unknown(model, ids)
    return Inventory(
        kind=kind,
        ids=ids,
        added=frozenset(token["id"] for token in state["added_tokens"]),
        fixed=_fixed(state, ids, unknown),
        unknown=unknown,
        mark=_mark(state, kind),
        prefix=model.get("continuing_subword_prefix") or "",
        suffix=model.get("end_of_word_suffix") or "",
        longest_word=model.get("max_input_chars_per_word", 0),
        merges=tuple(_pair(merge) for merge in model.get("merges", ())),
        byte_level=_is_byte_level(state),
    )


def trim_tokenizer(tokenizer: Tokenizer, kept: Collection[int], lead: Sequence[int] = ()) -> TrimmedTokenizer:
    """Take pieces out of a tokenizer.

    A merge of BPE stays where its two parts and what it gives do. New ids are given without gaps in the old order.

    Args:
        tokenizer: Left as it is.
        kept: Ids of the pieces to keep; those that it cannot do without stay anyway.
        lead: Ids of pieces that get the first new ids, in this order; they stay too.

    Raises:
        RecipeError: Its model is of a kind that cannot be trimmed, or its JSON cannot be read back with the new ids.
    """
    state = _state(tokenizer)
    model = state["model"]
    _kind(model)
    own = _model_ids(model)
    ids = own | {token["content"]: token["id"] for token in state["added_tokens"]}
    stay = {*kept, *lead, *_fixed(state, ids, _unknown(model, ids))}
    numbers = range(len(model["vocab"])) if isinstance(model["vocab"], list) else sorted(own.values())
    inside = [number for number in numbers if number in stay and number not in lead]
    behind = sorted({token["id"] for token in state["added_tokens"]}.difference(own.values(), lead))
    rows = (*lead, *inside, *behind)
    new = {old: number for number, old in enumerate(rows)}
    joining = {content: number for content, number in ids.items() if number in lead and number not in own.values()}
    _trim_model(model, new, joining)
    for token in state["added_tokens"]:
        token["id"] = new[token["id"]]
    state["added_tokens"].sort(key=lambda token: token["id"])
    for processor in _components(state["post_processor"]):
        _renumber(processor, new)
    if state["padding"] is not None:
        state["padding"]["pad_id"] = _renumbered(new, state["padding"]["pad_id"], "padding")
    expected = {piece: new[old] for piece, old in ids.items() if old in new}
    return TrimmedTokenizer(_read_back(state, expected), rows)


def _state(tokenizer: Tokenizer) -> _State:
    state: _State = json.loads(tokenizer.to_str())
    return state


def _read_back(state: _State, expected: Mapping[str, int]) -> Tokenizer:
    """The tokenizer of a JSON, checked: the library gives added tokens their ids itself."""
    hint = "Please report it, with the tokenizer.json."
    try:
        tokenizer = Tokenizer.from_str(json.dumps(state, ensure_ascii=False))
    except Exception as error:  # the library raises nothing but Exception
        raise RecipeError(f"The trimmed tokenizer cannot be read back: {error!s:.300}", hint) from error
    if tokenizer.get_vocab(with_added_tokens=True) != expected:
        raise RecipeError("The trimmed tokenizer gives its pieces other ids than it was told to.", hint)
    return tokenizer


def _kind(model: _State) -> Kind:
    for kind in get_args(Kind):
        if model["type"] == kind:
            known: Kind = kind
            return known
    raise RecipeError(
        f"The tokenizer's model is {model['type']}, whose vocabulary cannot be trimmed.",
        f"Supported are {', '.join(get_args(Kind))}.",
    )


def _model_ids(model: _State) -> dict[str, int]:
    """Id by piece of the model alone; of pieces that a Unigram model lists twice, the last counts."""
    if isinstance(model["vocab"], list):
        return {piece: number for number, (piece, _) in enumerate(model["vocab"])}
    return dict(model["vocab"])


def _unknown(model: _State, ids: Mapping[str, int]) -> int | None:
    if model["type"] == "Unigram":
        return None if model["unk_id"] is None else int(model["unk_id"])
    return ids.get(model.get("unk_token") or "")


def _fixed(state: _State, ids: Mapping[str, int], unknown: int | None) -> frozenset[int]:
    fixed: set[int] = {token["id"] for token in state["added_tokens"]}
    if unknown is not None:
        fixed.add(unknown)
    for processor in _components(state["post_processor"]):
        fixed |= set(_ids_in(processor))
    if state["padding"] is not None:
        fixed.add(state["padding"]["pad_id"])
    if state["model"]["type"] == "Unigram":
        vocabulary = state["model"]["vocab"]
        lowest = min(range(len(vocabulary)), key=lambda number: vocabulary[number][1])
        fixed |= {lowest, ids[vocabulary[lowest][0]]}
    return frozenset(fixed)


def _components(section: _State | None) -> Iterator[_State]:
    """The parts of a normalizer, pre-tokenizer or post-processor, those within sequences too."""
    if section is None:
        return
    yield section
    for part in (part for name in _LISTS for part in section.get(name, ())):
        yield from _components(part)


def _is_byte_level(state: _State) -> bool:
    parts = (*_components(state["normalizer"]), *_components(state["pre_tokenizer"]))
    return any(part["type"] == "ByteLevel" for part in parts)


def _mark(state: _State, kind: Kind) -> str:
    if _is_byte_level(state):
        return _BYTE_LEVEL_MARK
    for part in _components(state["pre_tokenizer"]):
        if part["type"] == "Metaspace":
            return str(part["replacement"])
    return _SENTENCEPIECE_MARK if kind in {"Unigram", "BPE"} else ""


def _pair(merge: str | list[str]) -> tuple[str, str]:
    """A merge in either spelling: ``["a", "b"]``, or ``"a b"`` in older files."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _trim_model(model: _State, new: Mapping[int, int], joining: Mapping[str, int]) -> None:
    """Leave the model the pieces with a new id, in the order of `new`; added tokens that join them become its own."""
    if isinstance(model["vocab"], list):
        lowest = min((score for _, score in model["vocab"]), default=0.0)
        entries = dict(enumerate(model["vocab"])) | {number: [piece, lowest] for piece, number in joining.items()}
        model["vocab"] = [entries[old] for old in new if old in entries]
        model["unk_id"] = None if model["unk_id"] is None else new[model["unk_id"]]
        return
    model["vocab"] |= joining
    model["vocab"] = {piece: new[old] for piece, old in model["vocab"].items() if old in new}
    if "merges" in model:
        inner = len(model["continuing_subword_prefix"] or "")
        pieces, pairs = model["vocab"], map(_pair, model["merges"])
        model["merges"] = [[a, b] for a, b in pairs if a in pieces and b in pieces and a + b[inner:] in pieces]


def _ids_in(processor: _State) -> Iterator[int]:
    """Ids that a post-processor puts around a text."""
    if processor["type"] == "TemplateProcessing":
        for token in processor["special_tokens"].values():
            yield from token["ids"]
    for end in ("sep", "cls"):  # BertProcessing, RobertaProcessing
        if end in processor:
            yield processor[end][1]


def _renumber(processor: _State, new: Mapping[int, int]) -> None:
    if processor["type"] == "TemplateProcessing":
        for token in processor["special_tokens"].values():
            token["ids"] = [_renumbered(new, old, "post-processor") for old in token["ids"]]
    for end in ("sep", "cls"):
        if end in processor:
            processor[end][1] = _renumbered(new, processor[end][1], "post-processor")


def _renumbered(new: Mapping[int, int], old: int, where: str) -> int:
    if old not in new:
        raise RecipeError(
            f"The tokenizer's {where} uses the id {old:,}, and no piece has it.", "Save a tokenizer that is whole."
        )
    return new[old]
