"""What a monitor compares translations with: counted by pair, stored, and refused where it belongs to another task."""

import numpy as np
import pytest

from leanglot.errors import ModelError
from leanglot.measure.monitor_baseline import build_translation_baseline
from leanglot.results.baseline_store import store_monitor_baseline
from leanglot.results.manifest import Manifest, write_manifest
from leanglot.results.monitor_baseline import OUTCOMES, RATIO_ENDS, read_monitor_baseline
from leanglot.results.translation import TranslationFacts
from leanglot.results.translations import Translations
from leanglot.runtimes.text_facts import TextFacts

SOURCES = ("The lamp is on.", "The door is off.", "Close it all now.", "Open the window.", "The lamp is on.")
HYPOTHESES = ("Die Lampe ist an.", "The door is off.", "", "Fenster auf.", "Лампа включена.")
PAIRS = ("en→de", "en→de", "en→de", "en→de", "en→ru")
CHRF = (0.9, 0.2, 0.0, 0.5, 0.7)
FACTS = [
    TextFacts(6 + place, int(place == 1), len(text), "Latn", truncated=False) for place, text in enumerate(SOURCES)
]


def translations(**changed):
    n = len(SOURCES)
    columns = {
        "index": np.arange(n),
        "pair": PAIRS,
        "group": None,
        "source": SOURCES,
        "reference": ("r",) * n,
        "hypothesis": HYPOTHESES,
        "chrf": np.zeros((n, 18)),
        "bleu": np.zeros((n, 10)),
        "sentence_chrf": np.array(CHRF),
        "confidence": np.array([0.95, 0.45, 0.1, 0.75, np.nan]),
        "tokens": np.array([6, 6, 0, 3, 4]),
        "failed": {"unfinished": np.array([False, False, False, True, False])},
    }
    return Translations(**{**columns, **changed})


def test_a_pair_is_counted_beside_its_own_median():
    found = build_translation_baseline("student", "test.jsonl", translations(), FACTS)
    assert (found.task, found.labels, list(found.languages)) == ("translation", OUTCOMES, ["en→de", "en→ru"])
    german = found.languages["en→de"]
    assert (german.n, german.reach, german.correct) == (4, 0.2, 3)
    assert german.labels == {"copied": 1, "empty": 1, "translated": 1, "unfinished": 1}
    assert sum(german.confidence) == 4
    assert sum(german.confidence_correct) == 3
    assert (german.unknown, german.scripts) == (1, {"Latn": 4})
    assert [sum(counts) for counts in (german.tokens, german.fragmentation, german.ratio)] == [4, 4, 4]
    ratios = [len(made) / len(source) for made, source in zip(HYPOTHESES[:4], SOURCES, strict=False)]
    assert german.ratio == tuple(np.bincount(np.searchsorted(RATIO_ENDS, ratios), minlength=len(RATIO_ENDS) + 1))


def test_a_confidence_that_is_none_is_not_counted():
    russian = build_translation_baseline("student", "d", translations(), FACTS).languages["en→ru"]
    assert (russian.n, russian.correct, russian.reach) == (1, 1, 0.7)
    assert sum(russian.confidence) == sum(russian.confidence_correct) == 0


def test_as_many_facts_as_translations_are_needed():
    with pytest.raises(ValueError, match="4 facts and 5 translations"):
        build_translation_baseline("student", "d", translations(), FACTS[:4])


FACTS_OF_PAIRS = TranslationFacts(
    family="marian", telling="source-token", codes={"de": ">>de<<"}, decoder_start_id=0, eos_id=1, max_target=20
)


def artifact(folder, **changed):
    folder.mkdir()
    (folder / "model").write_bytes(b"weights")
    values = {
        "name": "student",
        "runtime": "pytorch",
        "model_file": "model",
        "max_length": 20,
        "pad_id": 0,
        "source": "0",
    }
    write_manifest(folder, Manifest(**{**values, **changed}))
    return folder


def test_it_is_stored_in_an_artifact_that_translates_and_read_again(tmp_path):
    folder = artifact(tmp_path / "student", task="translation", translation=FACTS_OF_PAIRS)
    found = build_translation_baseline("student", "test.jsonl", translations(), FACTS)
    store_monitor_baseline(folder, found)
    assert read_monitor_baseline(folder) == found


def test_it_is_no_baseline_of_a_classifier(tmp_path):
    folder = artifact(tmp_path / "classifier", labels=OUTCOMES)
    store_monitor_baseline(folder, build_translation_baseline("student", "test.jsonl", translations(), FACTS))
    with pytest.raises(ModelError, match="is of a model for translation, and the artifact is for text-classification"):
        read_monitor_baseline(folder)


def test_counts_that_cannot_be_are_refused(tmp_path):
    folder = artifact(tmp_path / "student", task="translation", translation=FACTS_OF_PAIRS)
    found = build_translation_baseline("student", "test.jsonl", translations(), FACTS)
    short = found.languages["en→ru"].model_copy(update={"ratio": (1,)})
    store_monitor_baseline(folder, found.model_copy(update={"languages": {"en→ru": short}}))
    with pytest.raises(ModelError, match="en→ru has 1 bins of ratio instead of 22"):
        read_monitor_baseline(folder)
