"""What a model did, counted by language."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.measure.monitor_baseline import build_monitor_baseline
from leanglot.results.monitor_baseline import CONFIDENCE_ENDS, FRAGMENTATION_ENDS, TOKEN_ENDS
from leanglot.results.predictions import Predictions
from leanglot.runtimes.text_facts import TextFacts

LABELS = ("off", "on", "dim")


def predictions(rows):
    """From rows of language, right label, answered label, confidence."""
    languages, labels, predicted, confidence = zip(*rows, strict=True)
    return Predictions(
        index=np.arange(len(rows)),
        language=languages,
        group=None,
        label=labels,
        predicted=predicted,
        correct=np.array(labels) == np.array(predicted),
        confidence=np.array(confidence, dtype=np.float64),
    )


ROWS = [("sw", "on", "on", 0.95), ("de", "on", "off", 0.5), ("de", "off", "off", 0.9995), ("de", "off", "off", 0.1)]
FACTS = [
    TextFacts(12, 0, 30, "Latn", truncated=False),
    TextFacts(3, 1, 3, "Latn", truncated=False),
    TextFacts(512, 7, 4000, "Cyrl", truncated=True),
    TextFacts(4, 0, 10, "Zyyy", truncated=False),
]


def filled(counts):
    return {place: count for place, count in enumerate(counts) if count}


def test_counts_are_those_of_each_language():
    found = build_monitor_baseline("int8", LABELS, "test.jsonl", predictions(ROWS), FACTS)
    assert (found.name, found.labels, found.data, list(found.languages)) == ("int8", LABELS, "test.jsonl", ["de", "sw"])
    german = found.languages["de"]
    assert (german.n, german.correct, german.unknown) == (3, 2, 2)
    assert (german.labels, german.scripts) == ({"off": 3}, {"Cyrl": 1, "Latn": 1, "Zyyy": 1})
    assert filled(german.confidence) == {0: 1, CONFIDENCE_ENDS.index(0.5): 1, len(CONFIDENCE_ENDS): 1}
    assert filled(german.confidence_correct) == {0: 1, len(CONFIDENCE_ENDS): 1}
    assert filled(german.tokens) == {0: 1, 1: 1, len(TOKEN_ENDS): 1}
    # 3 of 3 characters, 512 of 4,000, 4 of 10
    ends = FRAGMENTATION_ENDS.index
    assert filled(german.fragmentation) == {ends(0.15): 1, ends(0.4): 1, ends(1.0): 1}
    assert filled(found.languages["sw"].confidence) == {CONFIDENCE_ENDS.index(0.95): 1}


def test_a_model_without_confidences_has_no_counts_of_them():
    silent = replace(predictions(ROWS), confidence=None)
    german = build_monitor_baseline("int8", LABELS, "test.jsonl", silent, FACTS).languages["de"]
    assert (sum(german.confidence), sum(german.confidence_correct), german.n) == (0, 0, 3)


def test_each_answer_needs_its_facts():
    with pytest.raises(ValueError, match="3 facts and 4 answers"):
        build_monitor_baseline("int8", LABELS, "test.jsonl", predictions(ROWS), FACTS[:3])


ANSWERS = st.tuples(
    st.sampled_from(["de", "sw", "th"]), st.sampled_from(LABELS), st.sampled_from(LABELS), st.floats(0, 1)
)


@given(st.lists(ANSWERS, min_size=1, max_size=60), st.integers(1, 600))
def test_every_example_is_counted_once_of_everything(rows, tokens):
    facts = [TextFacts(tokens, at % 2, 1 + at, "Latn", truncated=False) for at in range(len(rows))]
    found = build_monitor_baseline("m", LABELS, "d", predictions(rows), facts)
    assert sum(each.n for each in found.languages.values()) == len(rows)
    for each in found.languages.values():
        counted = (each.confidence, each.tokens, each.fragmentation, each.labels.values(), each.scripts.values())
        assert {sum(counts) for counts in counted} == {each.n}
        assert sum(each.confidence_correct) == each.correct
        assert all(right <= all_ for right, all_ in zip(each.confidence_correct, each.confidence, strict=True))
