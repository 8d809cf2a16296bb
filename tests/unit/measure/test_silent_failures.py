"""Silent failures are found where they are, and right translations raise no alarm."""

import numpy as np
import pytest

from leanglot.measure.silent_failures import (
    Output,
    is_copied,
    is_empty,
    is_in_another_script,
    learn_detectors,
    loops,
    plain_words,
)
from scored_translations import parallel

ENGLISH = ["living room", "kitchen window", "front door", "heating system", "washing machine", "garden light", "alarm"]
GERMAN = ["Wohnzimmer", "Küchenfenster", "Haustür", "Heizungsanlage", "Waschmaschine", "Gartenbeleuchtung", "Alarm"]
FRENCH = [
    "salon",
    "fenêtre de la cuisine",
    "porte d'entrée",
    "système de chauffage",
    "machine à laver",
    "jardin",
    "alarme",
]
RUSSIAN = ["гостиная", "окно кухни", "входная дверь", "система отопления", "стиральная машина", "свет сада", "тревога"]
PATTERNS = [
    (
        "The {} is switched on now",
        "{} ist jetzt eingeschaltet worden",
        "{} est maintenant allumé",
        "Сейчас включена {}",
    ),
    (
        "Please turn off the {} tonight",
        "Bitte schalte heute Abend {} aus",
        "Veuillez éteindre {} ce soir",
        "Выключите {}",
    ),
    ("What is the state of the {}?", "Wie ist der Zustand von {}?", "Quel est l'état de {} ?", "Каково состояние {}?"),
    ("There is a problem with the {}", "Es gibt ein Problem mit {}", "Il y a un problème avec {}", "Проблема: {}"),
]


def rows():
    found = []
    for english, german, french, russian in PATTERNS:
        for one, *others in zip(ENGLISH, GERMAN, FRENCH, RUSSIAN, strict=True):
            texts = [pattern.format(word) for pattern, word in zip((german, french, russian), others, strict=True)]
            found += [
                (english.format(one), text, "en", tag) for text, tag in zip(texts, ("de", "fr", "ru"), strict=True)
            ]
    return found


@pytest.fixture(scope="module")
def learned():
    examples = parallel(rows())
    return examples, learn_detectors(examples)


def found(learned, texts, finished=None):
    examples, detectors = learned
    ends = np.ones(len(texts), dtype=bool) if finished is None else finished
    return detectors.find(examples, Output(tuple(texts), ends))


def test_the_references_themselves_show_no_failure(learned):
    shown = found(learned, learned[0].references)
    assert list(shown) == ["wrong-language", "copied", "repetition", "empty", "length", "unfinished"]
    assert {kind: int(each.sum()) for kind, each in shown.items()} == dict.fromkeys(shown, 0)


def test_sources_handed_back_are_found(learned):
    shown = found(learned, learned[0].sources)
    assert shown["copied"].all()
    assert shown["wrong-language"][np.asarray(learned[0].target_languages) == "ru"].all()
    assert shown["wrong-language"].mean() > 0.8
    assert not shown["empty"].any()


def test_another_target_language_is_found_by_its_words(learned):
    examples, _ = learned
    french = dict(
        zip(
            [source for source, tag in zip(examples.sources, examples.target_languages, strict=True) if tag == "fr"],
            [text for text, tag in zip(examples.references, examples.target_languages, strict=True) if tag == "fr"],
            strict=True,
        )
    )
    shown = found(learned, [french[source] for source in examples.sources])["wrong-language"]
    targets = np.asarray(examples.target_languages)
    assert shown[targets == "de"].mean() > 0.7
    assert shown[targets == "ru"].all()
    assert not shown[targets == "fr"].any()


def test_too_few_texts_leave_the_scripts(learned):
    examples = parallel([("The lamp", "Лампа", "en", "ru"), ("The door", "Дверь", "en", "ru")])
    detectors = learn_detectors(examples)
    assert detectors.identifier is None
    shown = detectors.find(examples, Output(("The lamp is on", "Дверь"), np.ones(2, dtype=bool)))
    assert shown["wrong-language"].tolist() == [True, False]
    assert not shown["length"].any()


@pytest.mark.parametrize(
    ("text", "reference", "target", "expected"),
    [
        ("The lamp is on", "Лампа включена", "ru", True),
        ("Home Assistant включён", "Home Assistant включён", "ru", False),
        ("Home Assistant", "Home Assistant", "ru", False),
        ("ライトがオンです", "灯亮着", "zh", True),
        ("灯亮着", "ライトがオンです", "ja", False),
        ("Лампа включена", "Die Lampe ist an", "de", True),
        ("42 °C", "42 °C", "ru", False),
        ("OK", "Хорошо", "ru", False),
        ("조명", "조명", "ko", False),
        ("anything", "anything", "x-foo", False),
    ],
)
def test_another_script_is_told(text, reference, target, expected):
    assert is_in_another_script(text, reference, target) is expected


@pytest.mark.parametrize(
    ("source", "reference", "text", "expected"),
    [
        ("Open the door", "Öffne die Tür", "open the door!", True),
        ("Open the door", "Öffne die Tür", "Öffne die Tür", False),
        ("Philips Hue", "Philips Hue", "Philips Hue", False),
        ("Set {value} now", "Setze jetzt {value}", "Set {wert} now", True),
        ("Please open the front door now", "Bitte öffne jetzt die Haustür", "please open the front door", True),
        ("Zigbee channel 11", "Zigbee-Kanal 11", "Zigbee Kanal 11", False),
        ("42", "42 Grad", "42", False),
    ],
)
def test_copies_are_told_from_names(source, reference, text, expected):
    assert is_copied(source, reference, text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("die Lampe die Lampe die Lampe die Lampe die Lampe", True),
        ("ist ist ist ist ist", True),
        ("ライトライトライトライトライト", True),
        ("Aaaaaaaaaaaaaaaaaaaaa", True),
        ("Die Lampe ist an. Die Lampe ist an. Die Lampe ist an.", True),
        ("Die Lampe ist an.", False),
        ("ha ha", False),
        ("...............................", False),
        ("1 000 000 000", False),
    ],
)
def test_loops_are_found(text, expected):
    assert loops("The lamp is on", "Die Lampe ist an", text) is expected


def test_a_loop_that_is_right_is_none():
    assert not loops("ha ha ha ha ha ha", "ha ha ha ha ha ha", "ha ha ha ha ha ha")
    assert not loops("la la la la la la", "trala", "la la la la la la")


def test_hostile_lengths_take_no_time():
    text = "".join(chr(97 + (number * number) % 23) for number in range(20_000))
    assert loops("a", "b", text) in {True, False}


@pytest.mark.parametrize(("text", "expected"), [("", True), ("  \n", True), ("...", True), ("7", False), ("灯", False)])
def test_nothing_is_empty(text, expected):
    assert is_empty(text, "灯") is expected
    assert not is_empty(text, "?!")


def test_empty_translations_show_nothing_else(learned):
    shown = found(learned, [""] * len(learned[0]))
    assert shown["empty"].all()
    assert not any(shown[kind].any() for kind in shown if kind != "empty")


def test_lengths_far_from_the_pairs_are_found(learned):
    references = learned[0].references
    assert found(learned, [text[:3] for text in references])["length"].mean() > 0.7
    longer = [
        f"{text} {other} {third} {text[::-1]}"
        for text, other, third in zip(
            references, references[1:] + references[:1], references[2:] + references[:2], strict=True
        )
    ]
    assert found(learned, longer)["length"].mean() > 0.7
    assert not found(learned, [f"{text} {text[:4]}" for text in references])["length"].any()


def test_what_does_not_end_is_told(learned):
    references = learned[0].references
    ends = np.arange(len(references)) != 3
    assert np.flatnonzero(found(learned, references, ends)["unfinished"]).tolist() == [3]


def test_plain_words_keep_the_marks_of_indic_scripts():
    assert plain_words("बत्ती चालू है। {name} 12 https://a.b/c") == "बत्ती चालू है"
    assert plain_words("Wi-Fi: ON!") == "wi fi on"
