"""Language tags and pairs: check and normalise them (BCP 47), name them in English, and tell their script."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import langcodes
from langcodes.data_dicts import LIKELY_SUBTAGS
from langcodes.registry_parser import parse_registry

from leanglot.errors import DataError

# Where the IANA registry's first description is not the name in common use.
_COMMON_NAMES: Final[Mapping[str, str]] = {
    "el": "Greek",
    "fy": "Frisian",
    "ii": "Nuosu",
    "ky": "Kyrgyz",
    "li": "Limburgish",
    "ny": "Chichewa",
    "or": "Odia",
    "pa": "Punjabi",
    "ps": "Pashto",
    "ug": "Uyghur",
    "yue": "Cantonese",
    "Hans": "Simplified",
    "Hant": "Traditional",
    "IR": "Iran",
    "KP": "North Korea",
    "KR": "South Korea",
    "LA": "Laos",
    "RU": "Russia",
    "SY": "Syria",
    "TW": "Taiwan",
    "TZ": "Tanzania",
    "VN": "Vietnam",
}

# Names that languages give themselves; the registry has only English ones.
_OWN_NAMES: Final[Mapping[str, str]] = {
    "deutsch": "de",
    "español": "es",
    "espanol": "es",
    "farsi": "fa",
    "français": "fr",
    "francais": "fr",
    "italiano": "it",
    "mandarin": "zh",
    "nederlands": "nl",
    "norwegian": "no",
    "polski": "pl",
    "português": "pt",
    "portugues": "pt",
    "svenska": "sv",
    "türkçe": "tr",
    "русский": "ru",
    "українська": "uk",
    "العربية": "ar",
    "हिन्दी": "hi",
    "中文": "zh",
    "日本語": "ja",
    "한국어": "ko",
}


PAIR_ARROW: Final = "→"


def pair_tag(source: str, target: str) -> str:
    """The tag of a language pair, ``en→de``; `canonical_tag` takes such tags too, also spelled ``en->de`` or ``en>de``.

    A hyphen would not do: ``en-de`` is a BCP 47 tag, of English in Germany.

    Args:
        source: BCP 47 tag of the source language.
        target: BCP 47 tag of the target language.

    Raises:
        DataError: When one of them is not a language tag, or both are the same.
    """
    both = canonical_tag(source), canonical_tag(target)
    for tag in both:
        if PAIR_ARROW in tag:
            raise DataError(f"{tag} is a language pair, where one language is due.", "Give its two languages apart.")
    if both[0] == both[1]:
        raise DataError(f"Source and target language are the same, {both[0]}.", "A pair has two languages.")
    return PAIR_ARROW.join(both)


def split_pair(tag: str) -> tuple[str, str] | None:
    """Source and target of a canonical pair tag; None for the tag of one language."""
    source, arrow, target = tag.partition(PAIR_ARROW)
    return (source, target) if arrow else None


def canonical_tag(tag: str) -> str:
    """Checks a language tag, or the tag of a language pair, and returns its one normal spelling.

    Letter case, underscores, retired codes and redundant parts are normalised, so that ``EN``, ``zh_CN``,
    ``iw`` and ``eng_Latn`` come back as ``en``, ``zh-CN``, ``he`` and ``en``. Names and country codes are not
    guessed at: they are refused with the tag that was probably meant.

    Args:
        tag: A BCP 47 tag (RFC 5646), or two of them with an arrow between them; see `pair_tag`.

    Returns:
        The normalised tag: letters, digits and hyphens, and the arrow of a pair.

    Raises:
        DataError: When ``tag`` is not a string or not a tag whose parts are all registered.
    """
    canonical = _canonical_or_none(tag) if isinstance(tag, str) else None
    if canonical is not None:
        return canonical
    allowed = "Allowed are BCP 47 language tags, such as en, pt-BR or zh-Hans."
    nearest = nearest_tag(tag) if isinstance(tag, str) else None
    hint = allowed if nearest is None else f'Did you mean "{nearest}" ({display_name(nearest)})? {allowed}'
    raise DataError(f"{_shown(tag)} is not a language tag.", hint)


def canonical_or_none(tag: str) -> str | None:
    """Does as `canonical_tag` does, with None in place of an error: for tags that are met by the thousand.

    Args:
        tag: What may be a language tag.

    Returns:
        The normalised tag; None where it is none.
    """
    return _canonical_or_none(tag)


def nearest_tag(text: str) -> str | None:
    """The tag that was probably meant by something that is none; None when nothing is near.

    Knows misspelled tags, locale names such as ``de_DE.UTF-8``, country codes in place of language codes,
    names of languages (in English, a few in the language itself), and near misses of names.

    Args:
        text: What was met in place of a tag.

    Returns:
        A canonical tag, or None.
    """
    for guess in _spellings(text[:100]):
        if (canonical := _canonical_or_none(guess)) is not None:
            return canonical
    name = _folded(text[:100].split("(", maxsplit=1)[0])
    if re.fullmatch(r"[a-z]{2}", name) and f"und-{name.upper()}" in LIKELY_SUBTAGS:
        return langcodes.Language.get(f"und-{name}").maximize().language
    if len(name) > 2 and name in _subtags_by_name():
        return _subtags_by_name()[name]
    near = difflib.get_close_matches(name, _subtags_by_name(), n=1, cutoff=0.8) if len(name) > 3 else []
    return _subtags_by_name()[near[0]] if near else None


def display_name(tag: str) -> str:
    """The English name of a language, with script and region where the tag has them.

    Names come from the IANA registry that ``langcodes`` carries.

    Args:
        tag: A BCP 47 tag.

    Returns:
        A name such as ``German``, ``Chinese (China)`` or ``Serbian (Latin)``; the tag itself where it has no
        registered name, as private tags have none.

    Raises:
        DataError: When ``tag`` is not a language tag.
    """
    canonical = canonical_tag(tag)
    if (pair := split_pair(canonical)) is not None:
        return f" {PAIR_ARROW} ".join(map(display_name, pair))
    language = langcodes.Language.get(canonical, normalize=False)
    name = _registry().languages.get(language.language or "")
    if name is None:
        return language.to_tag()
    parts = [
        _registry().scripts.get(language.script or "", language.script),
        _registry().regions.get(language.territory or "", language.territory),
        *(language.variants or ()),
        *(language.extensions or ()),
        language.private,
    ]
    details = ", ".join(part for part in parts if part)
    return f"{name} ({details})" if details else name


def script(tag: str) -> str | None:
    """The script a language is written in (ISO 15924): the tag's own, else the likely one after CLDR.

    Args:
        tag: A BCP 47 tag; of a pair, the target's script is told.

    Returns:
        Four letters such as ``Latn``, ``Hans`` or ``Deva``; None where the language's script is not known.

    Raises:
        DataError: When ``tag`` is not a language tag.
    """
    canonical = canonical_tag(tag)
    _, target = split_pair(canonical) or ("", canonical)
    language = langcodes.Language.get(target, normalize=False)
    if language.script is not None:
        return language.script
    # Without this check every unknown language would be completed like English.
    known = language.language not in (None, "und") and language.language in LIKELY_SUBTAGS
    return language.maximize().script if known else None


@lru_cache(maxsize=4096)
def _canonical_or_none(tag: str) -> str | None:
    if (halves := re.split(r"\s*(?:→|-?>)\s*", tag[:100])) and len(halves) == 2:
        source, target = map(_canonical_or_none, halves)
        return None if source is None or target is None or source == target else f"{source}{PAIR_ARROW}{target}"
    if len(tag) > 100 or not re.fullmatch(r"[A-Za-z0-9_-]+", tag):
        return None
    try:
        canonical = langcodes.standardize_tag(tag)
        return canonical if langcodes.tag_is_valid(tag) else None
    except ValueError:
        return None


def _spellings(text: str) -> Iterator[str]:
    """What is left of the text without blanks, quotes, doubled hyphens, or a locale's encoding."""
    plain = re.sub(r"[\s_-]+", "-", text.strip(" \t\r\n\"'`.,;:")).strip("-")
    yield plain
    yield re.split(r"[.@]", plain)[0]


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return f"{value!r:.60} ({type(value).__name__})"
    return f'"{value}"' if len(value) <= 60 and value.isprintable() else f"{value[:60]!r}"


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


@dataclass(frozen=True)
class _Registry:
    """English names by subtag: the part of the IANA registry that is needed for display."""

    languages: Mapping[str, str]
    scripts: Mapping[str, str]
    regions: Mapping[str, str]


@cache
def _registry() -> _Registry:
    names: dict[str, dict[str, str]] = {"language": {}, "script": {}, "region": {}}
    for kind, subtag, descriptions in _entries():
        names[kind][subtag] = _COMMON_NAMES.get(subtag, descriptions[0])
    return _Registry(languages=names["language"], scripts=names["script"], regions=names["region"])


@cache
def _subtags_by_name() -> Mapping[str, str]:
    """Language subtags by case-folded name; the shorter, commoner subtag wins where two share a name."""
    subtags: dict[str, str] = {}
    entries = [entry for entry in _entries() if entry[0] == "language"]
    for _, subtag, descriptions in sorted(entries, key=lambda entry: len(entry[1])):
        for name in (*descriptions, _COMMON_NAMES.get(subtag, descriptions[0])):
            subtags.setdefault(_folded(name), subtag)
    return {**subtags, **_OWN_NAMES}


def _entries() -> Iterator[tuple[str, str, list[str]]]:
    """Kind, subtag and cleaned names of each language, script and region in use."""
    for item in parse_registry():  # type: ignore[no-untyped-call]
        if item["Type"] in {"language", "script", "region"} and "Deprecated" not in item:
            # Takes off what a reader does not need, as in "Swahili (macrolanguage)".
            names = [re.sub(r"\s*\([^)]*\)$", "", name) for name in item["Description"]]
            yield item["Type"], item["Subtag"], names
