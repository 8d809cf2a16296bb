"""The demo's data: split by template, so that no test sentence is familiar from training."""

import random

import pytest
from hassil import recognize_all
from hassil.intents import Intent, IntentData, Intents, TextSlotList, WildcardSlotList

from leanglot.data.demo import MIN_TEMPLATES, RICH, demo_data, labels_of, split_templates
from leanglot.data.demo_templates import Grammar, compact, load_grammar, supplied_values
from leanglot.languages import script

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data():
    return demo_data()


def test_there_are_many_languages_and_scripts(data):
    languages = set(data.test.languages)
    assert len(languages) >= 16
    assert len({script(language) for language in languages}) >= 6
    assert languages >= set(RICH) | {"hi", "th", "sw", "ja"}


def test_no_test_sentence_stands_in_train(data):
    familiar = {compact(text) for text in data.train.texts}
    assert not [text for text in data.test.texts if compact(text) in familiar]


def test_no_template_is_on_both_sides(data):
    assert not set(data.train.groups) & set(data.test.groups)
    assert all(group.startswith(f"{tag}/") for tag, group in zip(data.test.languages, data.test.groups, strict=True))


def test_intents_with_too_few_templates_are_left_out_and_said(data):
    for language in ("de", "sw"):
        split = split_templates(load_grammar(language))
        kept = {template.intent for template in (*split.train, *split.test)}
        assert not kept & set(split.too_few)
        for intent in kept:
            assert sum(template.intent == intent for template in (*split.train, *split.test)) >= MIN_TEMPLATES
    assert any(note.startswith("sw:") for note in data.notes)


def test_every_test_label_was_trained(data):
    assert set(data.test.labels) <= set(labels_of(data))


@pytest.mark.parametrize("language", ["en", "ru", "th", "zh-CN", "sw", "hi"])
def test_hassil_itself_cannot_make_a_test_sentence_from_a_training_template(data, language):
    """hassil's recognizer knows nothing of our patterns: given the training templates alone, it must find nothing."""
    grammar = load_grammar(language)
    trained = split_templates(grammar).train
    recognizer = _recognizer(grammar, {template.id for template in trained})
    texts = [text for text, tag in zip(data.test.texts, data.test.languages, strict=True) if tag == language]
    for text in random.Random(0).sample(texts, min(40, len(texts))):
        found = [result.intent.name for result in recognize_all(text, recognizer)]
        assert not found, f"{text!r} can come from a training template of {found}"
    seen = [text for text, tag in zip(data.train.texts, data.train.languages, strict=True) if tag == language]
    known = [bool(list(recognize_all(text, recognizer))) for text in random.Random(0).sample(seen, min(20, len(seen)))]
    assert sum(known) >= 0.8 * len(known), "the recognizer must know what the training templates do make"


def _recognizer(grammar: Grammar, trained: set[str]) -> Intents:
    """hassil's own grammar of the training templates, with our values for the open lists."""
    import home_assistant_intents

    source = Intents.from_dict(home_assistant_intents.get_intents(grammar.language))
    intents = {}
    for name, intent in source.intents.items():
        numbered = enumerate(text for part in intent.data for text in part.sentence_texts)
        kept = [text for number, text in numbered if f"{grammar.language}/{name}/{number}" in trained]
        if kept:
            intents[name] = Intent(name=name, data=[IntentData(sentence_texts=kept)])
    words = supplied_values()[grammar.language]
    lists = dict(source.slot_lists)
    for name in ("area", "name", "floor"):
        lists[name] = TextSlotList.from_strings(words[name], name=name)
    for name, values in grammar.values.items():
        if isinstance(lists.get(name), WildcardSlotList):
            lists[name] = TextSlotList.from_strings(values, name=name)
    return Intents(grammar.language, intents, lists, source.expansion_rules, [], source.settings)
