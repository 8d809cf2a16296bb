"""The demo's data: home-assistant sentences in 24 languages, split by template so that no test text is familiar."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from typing import Final

from leanglot.cache import cache_folder
from leanglot.data.demo_templates import Grammar, Template, compact, load_grammar, supplied_values
from leanglot.data.examples import Examples
from leanglot.results.atomic import write_text_atomically

SEED: Final = 20261122
TEST_SHARE: Final = 0.55
MIN_TEMPLATES: Final = 4
TRAIN_PER_TEMPLATE: Final = 4
TEST_PER_TEMPLATE: Final = 2
LOG_PER_TEMPLATE: Final = 10
# A language with so many test templates gets one sentence of each: a second one would say little that is new.
MANY_TEMPLATES: Final = 300
# Languages with so many templates that their own test can settle a drop of about one point.
RICH: Final = (
    "de",
    "en",
    "nl",
    "fr",
    "es",
    "it",
    "pt-BR",
    "ru",
    "pl",
    "el",
    "da",
    "ml",
    "zh-CN",
    "th",
    "ar",
    "ko",
)

_LAYOUT: Final = 2  # raise it when the split or the sampling changes: cached sentences are then made anew


@dataclass(frozen=True, slots=True)
class DemoData:
    """The demo's sentences.

    Attributes:
        train: For training, calibration and distillation; grouped by template.
        test: For judging; grouped by template, and none of them can be made by a training template.
        notes: What was left out and why, one sentence each.
    """

    train: Examples
    test: Examples
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Split:
    train: tuple[Template, ...]
    test: tuple[Template, ...]
    too_few: tuple[str, ...]


def demo_data() -> DemoData:
    """Sample the sentences, or take them from the cache where the same ones were sampled before.

    Raises:
        MissingExtraError: The extra ``demo`` is not installed.
    """
    file = cache_folder() / "demo-data" / f"{_fingerprint()}.json"
    if file.is_file():
        return _from_json(file.read_text(encoding="utf-8"))
    data = _build(sorted(supplied_values()))
    write_text_atomically(file, _to_json(data))
    return data


def demo_log() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What an assistant of such users might have logged: unlabelled sentences from all templates, drawn anew.

    They show which pieces of the vocabulary each language uses. Nine of ten judged sentences are not among them; those
    that are have templates that make few sentences, as real users repeat short ones too.

    Returns:
        The texts, and the language of each.

    Raises:
        MissingExtraError: The extra ``demo`` is not installed.
    """
    file = cache_folder() / "demo-data" / f"log-{LOG_PER_TEMPLATE}-{_fingerprint()}.json"
    if not file.is_file():
        rows = _log(sorted(supplied_values()))
        write_text_atomically(file, json.dumps(list(zip(*rows, strict=True)), ensure_ascii=False))
    texts, languages = json.loads(file.read_text(encoding="utf-8"))
    return tuple(texts), tuple(languages)


def _log(languages: Iterable[str]) -> list[tuple[str, str]]:
    rows: dict[tuple[str, str], None] = {}
    for language in languages:
        grammar = load_grammar(language)
        split = split_templates(grammar)
        rng = random.Random(f"{SEED}/{language}/log")
        sampled = _sample(grammar, (*split.train, *split.test), LOG_PER_TEMPLATE, rng)
        rows |= {(text, language): None for text, *_ in sampled}
    return list(rows)


def split_templates(grammar: Grammar) -> _Split:
    """Divide each intent's templates at random, by template; intents with too few stay out of both parts."""
    rng = random.Random(f"{SEED}/{grammar.language}")
    by_intent: dict[str, list[Template]] = defaultdict(list)
    for template in grammar.templates:
        by_intent[template.intent].append(template)
    train: list[Template] = []
    test: list[Template] = []
    too_few = []
    for intent, templates in sorted(by_intent.items()):
        if len(templates) < MIN_TEMPLATES:
            too_few.append(intent)
            continue
        rng.shuffle(templates)
        cut = round(len(templates) * TEST_SHARE)
        test += templates[:cut]
        train += templates[cut:]
    return _Split(tuple(train), tuple(test), tuple(too_few))


_Row = tuple[str, str, str, str]


def _build(languages: Sequence[str]) -> DemoData:
    train: list[_Row] = []
    test: list[_Row] = []
    notes = []
    for language in languages:
        grammar = load_grammar(language)
        split = split_templates(grammar)
        rng = random.Random(f"{SEED}/{language}/sentences")
        train_rows = _unambiguous(_sample(grammar, split.train, TRAIN_PER_TEMPLATE, rng))
        per_template = 1 if len(split.test) >= MANY_TEMPLATES else TEST_PER_TEMPLATE
        candidates = _unambiguous(_sample(grammar, split.test, per_template, rng))
        test_rows = _underivable(grammar, split.train, candidates)
        train += train_rows
        test += test_rows
        if split.too_few:
            notes.append(
                f"{language}: {len(split.too_few)} intents with fewer than {MIN_TEMPLATES} templates are left out."
            )
    familiar = {compact(text) for text, *_ in train}  # "pause" is a sentence of many languages
    unfamiliar = [row for row in test if compact(row[0]) not in familiar]
    return DemoData(_examples(train), _examples(unfamiliar), tuple(notes))


def _sample(grammar: Grammar, templates: Iterable[Template], count: int, rng: random.Random) -> list[_Row]:
    return [
        (text, template.intent, template.language, template.id)
        for template in templates
        for text in grammar.sample(template, count, rng)
    ]


def _unambiguous(rows: Sequence[_Row]) -> list[_Row]:
    """Each text once, and none that templates of two intents make."""
    intents: dict[str, set[str]] = defaultdict(set)
    for text, intent, *_ in rows:
        intents[compact(text)].add(intent)
    kept: dict[str, _Row] = {}
    for row in rows:
        key = compact(row[0])
        if len(intents[key]) == 1:
            kept.setdefault(key, row)
    return list(kept.values())


def _underivable(grammar: Grammar, templates: Sequence[Template], rows: Sequence[_Row]) -> list[_Row]:
    """The rows that no training template can make."""
    patterns = [grammar.matcher(template) for template in templates]
    return [row for row in rows if not any(pattern.fullmatch(compact(row[0])) for pattern in patterns)]


def _examples(rows: Sequence[_Row]) -> Examples:
    texts, labels, languages, groups = zip(*rows, strict=True)
    return Examples(texts, labels, languages, groups)


def labels_of(data: DemoData) -> tuple[str, ...]:
    """The intents that occur in training, in alphabetical order: the classes of the demo's classifier."""
    return tuple(sorted(Counter(data.train.labels)))


def _fingerprint() -> str:
    parts: list[object] = [metadata.version("home-assistant-intents"), metadata.version("hassil")]
    parts += [
        _LAYOUT,
        SEED,
        TEST_SHARE,
        MIN_TEMPLATES,
        TRAIN_PER_TEMPLATE,
        TEST_PER_TEMPLATE,
        MANY_TEMPLATES,
        supplied_values(),
    ]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _to_json(data: DemoData) -> str:
    def columns(examples: Examples) -> list[Sequence[str]]:
        return [examples.texts, examples.labels, examples.languages, examples.groups or ()]

    stored = {"train": columns(data.train), "test": columns(data.test), "notes": data.notes}
    return json.dumps(stored, ensure_ascii=False)


def _from_json(text: str) -> DemoData:
    stored = json.loads(text)
    train, test = (Examples(*(tuple(column) for column in stored[part])) for part in ("train", "test"))
    return DemoData(train, test, tuple(stored["notes"]))
