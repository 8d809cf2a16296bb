"""Sentence templates of home-assistant-intents: parse, sample, and tell whether one could make a text."""

import itertools
import json
import random
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources

from hassil.expression import (
    Alternative,
    Expression,
    ListReference,
    Permutation,
    RuleReference,
    Sentence,
    TextChunk,
)
from hassil.expression import Sequence as Chain
from hassil.intents import Intents, RangeSlotList, SlotList, TextSlotList
from hassil.parse_expression import parse_sentence

from leanglot.extras import require

_WILDCARD_VALUES = {
    # The package's wildcard lists and which of our localized values fill them.
    "shopping_list_item": "item",
    "todo_list_item": "item",
    "message": "message",
    "timer_name": "timer_name",
    "timer_command": "timer_command",
    "zone": "zone",
    "search_query": "search_query",
}
_SUPPLIED_LISTS = ("area", "name", "floor")


@dataclass(frozen=True, slots=True)
class Template:
    """One sentence template.

    Attributes:
        id: Unique within the demo data, such as ``de/HassTurnOn/17``.
        language: BCP-47 tag.
        intent: The label of everything it generates.
        sentence: The parsed template.
    """

    id: str
    language: str
    intent: str
    sentence: Sentence


def compact(text: str) -> str:
    """The text without case, white space and punctuation: two texts that differ only there count as the same."""
    folded = unicodedata.normalize("NFC", text).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMN")


@dataclass(frozen=True)
class Grammar:
    """The templates of one language with the rules and value lists they refer to.

    Attributes:
        language: BCP-47 tag.
        templates: Every template of every intent.
        rules: Expansion rules by name.
        lists: Value lists of the package by name.
        values: Our values for the lists the package leaves open, by list name.
    """

    language: str
    templates: tuple[Template, ...]
    rules: Mapping[str, Sentence]
    lists: Mapping[str, SlotList]
    values: Mapping[str, Sequence[str]]
    _rule_patterns: dict[str, str] = field(default_factory=dict, repr=False)

    def sample(self, template: Template, count: int, rng: random.Random) -> tuple[str, ...]:
        """Up to `count` different sentences of the template, drawn at random."""
        found: dict[str, None] = {}
        for _ in range(4 * count):
            text = re.sub(r"\s+", " ", self._draw(template.sentence.expression, rng)).strip()
            if compact(text):
                found[text] = None
            if len(found) == count:
                break
        return tuple(found)

    def matcher(self, template: Template) -> re.Pattern[str]:
        """A pattern that matches the `compact` form of every sentence the template can make.

        Wildcards match any text, so it errs towards matching.
        """
        return re.compile(self._pattern(template.sentence.expression))

    def _draw(self, node: Expression, rng: random.Random) -> str:
        match node:
            case TextChunk():
                return str(node.original_text)
            case Alternative():
                return self._draw(rng.choice(node.items), rng)
            case Permutation():
                return " ".join(self._draw(item, rng) for item in rng.sample(node.items, len(node.items)))
            case Chain():
                return "".join(self._draw(item, rng) for item in node.items)
            case RuleReference():
                return self._draw(self.rules[node.rule_name].expression, rng)
            case ListReference():
                return self._draw_value(node.list_name, rng)
        raise TypeError(f"unknown template node {node!r}")

    def _draw_value(self, name: str, rng: random.Random) -> str:
        if name in self.values:
            return rng.choice(self.values[name])
        match self.lists[name]:
            case TextSlotList() as text_list:
                return self._draw(rng.choice(text_list.values).text_in, rng)
            case RangeSlotList() as numbers:
                return str(rng.randrange(numbers.start, numbers.stop + 1, numbers.step))
        raise TypeError(f"list {{{name}}} of {self.language} has no values")

    def _pattern(self, node: Expression) -> str:
        match node:
            case TextChunk():
                return re.escape(compact(str(node.original_text)))
            case Alternative():
                return _any_of(self._pattern(item) for item in node.items)
            case Permutation():
                parts = [self._pattern(item) for item in node.items]
                return _any_of("".join(order) for order in itertools.permutations(parts))
            case Chain():
                return "".join(self._pattern(item) for item in node.items)
            case RuleReference():
                name = node.rule_name
                if name not in self._rule_patterns:
                    self._rule_patterns[name] = self._pattern(self.rules[name].expression)
                return self._rule_patterns[name]
            case ListReference():
                return self._value_pattern(node.list_name)
        raise TypeError(f"unknown template node {node!r}")

    def _value_pattern(self, name: str) -> str:
        if name in _SUPPLIED_LISTS:
            return _any_of(re.escape(compact(value)) for value in self.values[name])
        match self.lists[name]:
            case TextSlotList() as text_list:
                return _any_of(self._pattern(value.text_in) for value in text_list.values)
            case RangeSlotList():
                return r"\d+"
        return ".+"


def _any_of(patterns: Iterable[str]) -> str:
    return f"(?:{'|'.join(dict.fromkeys(patterns))})"


def supplied_values() -> dict[str, dict[str, list[str]]]:
    """Our localized words for the lists that the package leaves open, by language tag."""
    text = (resources.files("leanglot.data") / "demo" / "slots.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    return {language: {**stored["shared"], **words} for language, words in stored["languages"].items()}


def load_grammar(language: str) -> Grammar:
    """Parse the installed package's templates of one language.

    Raises:
        MissingExtraError: home-assistant-intents is not installed.
    """
    package = require("home_assistant_intents", "demo")
    intents = Intents.from_dict(package.get_intents(language))
    words = supplied_values()[language]
    values = {name: words[name] for name in _SUPPLIED_LISTS}
    values |= {wildcard: words[key] for wildcard, key in _WILDCARD_VALUES.items()}
    templates = tuple(
        Template(f"{language}/{intent.name}/{number}", language, intent.name, parse_sentence(text))
        for intent in intents.intents.values()
        for number, text in enumerate(text for data in intent.data for text in data.sentence_texts)
    )
    return Grammar(language, templates, intents.expansion_rules, intents.slot_lists, values)
