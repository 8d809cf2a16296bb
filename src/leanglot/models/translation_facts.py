"""Reads from a model's config and its vocabulary how an encoder-decoder model is told its languages."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel

from leanglot.errors import ModelError
from leanglot.languages import canonical_or_none, canonical_tag, display_name, pair_tag, script, split_pair
from leanglot.results.translation import TranslationFacts

TARGET_TOKENIZER: Final = "target_tokenizer.json"
FAMILIES: Final = ("marian", "m2m_100", "mbart", "t5", "mt5")

_MARIAN_CODE: Final = re.compile(r"^>>(.+)<<$")
_CODES: Final = (
    re.compile(r"^__([a-z]{2,3})__$"),  # M2M-100
    re.compile(r"^([a-z]{3}_[A-Z][a-z]{3})$"),  # NLLB
    re.compile(r"^([a-z]{2,3})_[A-Z]{2}$"),  # mBART, whose country says nothing of the language
)
_PAIR_IN_NAME: Final = re.compile(r"opus-mt-(?:tc-(?:big|base)-)?(?:tiny-)?([a-z]{2,3})-([a-z]{2,3})$")
_TASK: Final = re.compile(r"^translation_([a-z]{2,3})_to_([a-z]{2,3})$")
_PREFIX: Final = "translate {source} to {target}: "
_LONGEST: Final = 512


@dataclass(frozen=True, slots=True)
class Given:
    """What there is to tell the facts from.

    Attributes:
        folder: The model's folder, for messages.
        config: Its config.json.
        settings: Its tokenizer_config.json.
        module: The loaded model.
        source: Tokenizer of the source side.
        target: Tokenizer of the target side.
        pairs: Pairs that the caller named.
        name: Name of the model.
    """

    folder: Path
    config: Mapping[str, Any]
    settings: Mapping[str, Any]
    module: PreTrainedModel
    source: Tokenizer
    target: Tokenizer
    pairs: tuple[str, ...]
    name: str


def read_facts(given: Given) -> TranslationFacts:
    """Tell how a model of a known family is told its languages.

    Raises:
        ModelError: It cannot be told; says what to add.
    """
    family = str(given.config["model_type"])
    telling = {"marian": _marian, "t5": _prefixed, "mt5": _prefixed}.get(family, _coded)(given)
    end = _token(given, "eos_token_id")
    if end is None:
        raise ModelError(
            f"{given.folder} names no eos_token_id: its translations would not end.", "Add it to config.json."
        )
    start = _token(given, "decoder_start_token_id")
    if start is None and telling.get("start_code") != "alone":
        raise ModelError(f"{given.folder} names no decoder_start_token_id.", "Add it to config.json.")
    generation = given.module.generation_config
    beam, penalty = getattr(generation, "num_beams", None), getattr(generation, "length_penalty", None)
    return TranslationFacts(
        family=family,
        decoder_start_id=end if start is None else start,
        eos_id=end,
        max_target=longest_target(given.module, given.config),
        target_tokenizer=None if given.target is given.source else TARGET_TOKENIZER,
        beam=int(beam or 1),
        length_penalty=1.0 if penalty is None else float(penalty),
        suppressed=_suppressed(given.module, end),
        cache_numbers=cache_numbers(given.module),
        vocabulary=_rows(given.module),
        **telling,
    )


def cache_numbers(module: PreTrainedModel) -> int:
    """Keys and values that one target token adds to the decoder's cache, over all layers."""
    decoder = module.get_decoder()
    keys = (
        layer.out_features
        for name, layer in decoder.named_modules()
        if isinstance(layer, nn.Linear) and name.endswith(("self_attn.k_proj", "SelfAttention.k"))
    )
    return 2 * sum(keys)


def longest_source(module: PreTrainedModel, settings: Mapping[str, Any], asked: int | None, folder: Path) -> int:
    """The longest source in tokens: what was asked for, within what the model and its tokenizer allow.

    Raises:
        ModelError: More was asked for than the model reads.
    """
    own = settings.get("model_max_length")
    limits = [_positions(module), int(own) if isinstance(own, int | float) and own < 1_000_000 else None]
    allowed = min((limit for limit in limits if limit is not None), default=None)
    if asked is None:
        return _LONGEST if allowed is None else allowed
    if allowed is not None and asked > allowed:
        raise ModelError(
            f"The maximum length is {asked} tokens, and {folder} reads {allowed} at most.", "Lower it, or leave it out."
        )
    return asked


def longest_target(module: PreTrainedModel, config: Mapping[str, Any]) -> int:
    """Most tokens of a translation: what generation is set to, within the decoder's positions."""
    tasks = [task for name, task in (config.get("task_specific_params") or {}).items() if _TASK.match(str(name))]
    told = [
        getattr(module.generation_config, "max_length", None),
        config.get("max_length"),
        *(task.get("max_length") for task in tasks if isinstance(task, dict)),
    ]
    # 20 is what transformers says where nobody said anything.
    asked = max((each for each in told if isinstance(each, int) and each > 20), default=_LONGEST)
    positions = _positions(module)
    return asked if positions is None else max(2, min(asked, positions - 2))


def _positions(module: PreTrainedModel) -> int | None:
    found = getattr(module.config, "max_position_embeddings", None)
    return None if found is None else int(found)


def _rows(module: PreTrainedModel) -> int:
    table = module.get_decoder().get_input_embeddings()
    return table.num_embeddings if isinstance(table, nn.Embedding) else 0


def _token(given: Given, name: str) -> int | None:
    """A token's id; a config.json leaves out what is the default of its family."""
    sources = (given.module.config, given.module.generation_config)
    found = next((found for source in sources if (found := getattr(source, name, None)) is not None), None)
    if isinstance(found, list):
        found = found[0] if found else None
    return None if found is None else int(found)


def _suppressed(module: PreTrainedModel, end: int) -> tuple[int, ...]:
    """The padding, and what transformers' own generation is told to leave out."""
    pad = module.config.pad_token_id
    generation = module.generation_config
    bad = getattr(generation, "bad_words_ids", None) or ()
    listed = {int(word[0]) for word in bad if len(word) == 1} | set(getattr(generation, "suppress_tokens", None) or ())
    padding = set() if pad is None else {int(pad)}
    return tuple(sorted((listed | padding) - {end}))


def _marian(given: Given) -> dict[str, Any]:
    found = {token: match[1] for token in given.source.get_vocab() if (match := _MARIAN_CODE.match(token))}
    codes = _by_tag((name, token) for token, name in sorted(found.items()))
    if codes:
        return {"telling": "source-token", "codes": codes, "pairs": _canonical(given.pairs)}
    pairs = _canonical(given.pairs) or _named_pair(given)
    if len(pairs) != 1:
        met = f"{len(pairs)} pairs were named" if pairs else "nothing says which pair it translates"
        raise ModelError(
            f"{given.folder} has no language tokens such as >>de<<, so it translates one pair, and {met}.",
            'Name the folder as opus-mt-en-de is, write "source_lang" and "target_lang" into tokenizer_config.json, '
            'or load it with pairs=("en→de",).',
        )
    return {"telling": "none", "codes": {}, "pairs": pairs}


def _named_pair(given: Given) -> tuple[str, ...]:
    """The pair that the tokenizer's settings or the model's name tell."""
    told = given.settings.get("source_lang"), given.settings.get("target_lang")
    names = (given.name, given.folder.resolve().name, str(given.config.get("_name_or_path", "")))
    candidates = [told, *(match.groups() for name in names if (match := _PAIR_IN_NAME.search(name.lower())))]
    for source, target in candidates:
        tags = (canonical_or_none(str(source)), canonical_or_none(str(target))) if source and target else (None, None)
        if tags[0] is not None and tags[1] is not None and tags[0] != tags[1]:
            return (pair_tag(tags[0], tags[1]),)
    return ()


def _coded(given: Given) -> dict[str, Any]:
    """M2M, NLLB, mBART: a token per language in one vocabulary."""
    tokens = [token for token in _special_or_all(given.source) if any(pattern.match(token) for pattern in _CODES)]
    codes = _by_tag((_code_name(token), token) for token in sorted(tokens))
    if not codes:
        raise ModelError(
            f"The tokenizer in {given.folder} has no language tokens such as __de__, deu_Latn or de_DE.",
            "Save the tokenizer that the model was trained with beside it.",
        )
    place = _source_code(given, set(codes.values()))
    alone = given.config["model_type"] == "mbart" and place == "end"
    return {
        "telling": "source-and-start",
        "codes": codes,
        "pairs": _canonical(given.pairs),
        "source_code": place,
        "start_code": "alone" if alone else "after",
    }


def _special_or_all(tokenizer: Tokenizer) -> Iterable[str]:
    """Added tokens where any look like languages; a piece of a shared vocabulary could look like one by chance."""
    added = [str(token.content) for token in tokenizer.get_added_tokens_decoder().values()]
    return added if any(pattern.match(token) for token in added for pattern in _CODES) else tokenizer.get_vocab()


def _code_name(token: str) -> str:
    return next(match[1] for pattern in _CODES if (match := pattern.match(token)))


def _source_code(given: Given, codes: set[str]) -> str:
    """Where the tokenizer puts the source language: read off the tokens that it adds by itself."""
    if given.settings.get("legacy_behaviour") is True:
        return "end"
    ids = given.source.encode("a", add_special_tokens=True)
    for token, special in zip(ids.tokens, ids.special_tokens_mask, strict=True):
        if special and token in codes:
            return "front" if ids.tokens[0] == token else "end"
    named = str(given.settings.get("tokenizer_class", ""))
    return "end" if given.config["model_type"] == "mbart" and "50" not in named else "front"


def _prefixed(given: Given) -> dict[str, Any]:
    """T5: the languages' English names in words in front of the source."""
    tasks = given.config.get("task_specific_params") or {}
    told = {match.groups(): tasks[name] for name in tasks if (match := _TASK.match(str(name)))}
    pairs = _canonical(given.pairs) or tuple(
        pair_tag(source, target) for source, target in told if canonical_or_none(source) and canonical_or_none(target)
    )
    if not pairs:
        raise ModelError(
            f"{given.folder} names no translation_en_to_de or the like under task_specific_params in config.json, "
            "so nothing says which pairs it translates.",
            'Load it with pairs=("en→de",); the source then gets the words "translate English to German: ".',
        )
    tags = {tag for pair in pairs for tag in split_pair(pair) or ()}
    for (source, target), task in told.items():
        words = str((task or {}).get("prefix", "")) if isinstance(task, dict) else ""
        names = {"source": display_name(source), "target": display_name(target)}
        if words != _PREFIX.format(**names):
            raise ModelError(
                f'{given.folder} puts {words!r} in front of {source}→{target}, which does not follow "{_PREFIX}".',
                "Only the words of T5 itself are supported.",
            )
    return {
        "telling": "prefix",
        "codes": {tag: display_name(tag) for tag in sorted(tags)},
        "prefix": _PREFIX,
        "pairs": pairs,
    }


def _canonical(pairs: Iterable[str]) -> tuple[str, ...]:
    found = tuple(canonical_tag(pair) for pair in pairs)
    if single := [pair for pair in found if split_pair(pair) is None]:
        raise ModelError(f"{single[0]} is one language.", "Give pairs such as en→de.")
    return tuple(dict.fromkeys(found))


def _by_tag(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Tokens by canonical tag, without a script that goes without saying; what is no language tag is left out."""
    codes: dict[str, str] = {}
    for name, token in named:
        tag = canonical_or_none(name)
        if tag is None:
            continue
        language, _, own = tag.partition("-")
        short = language if own and own == script(language) else tag
        codes.setdefault(tag if short in codes else short, token)
    return codes
