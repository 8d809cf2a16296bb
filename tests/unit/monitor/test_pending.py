"""Predictions that wait for their label are found again, and a frequent language drives out no rare one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from watched import events

from leanglot.monitor.pending import Pending, PendingLabels, PendingState, shortened, waiting

ROW = Pending(1.0, "lights", 0.9)


def filled(sizes):
    pending = PendingLabels()
    for language, size in sizes.items():
        pending.add(language, [(f"{language}-{number}", ROW) for number in range(size)])
    return pending


def sizes_of(pending):
    return {language: len(own.ids) for language, own in pending.state().items()}


def test_a_prediction_is_taken_once():
    pending = filled({"en": 1})
    assert pending.take("en-0") == ("en", ROW)
    assert pending.take("en-0") is None
    assert pending.take("never seen") is None
    assert len(pending) == 0


def test_an_identifier_that_comes_again_takes_the_place_of_the_former():
    pending = filled({"en": 1})
    later = Pending(2.0, "music", math.nan)
    pending.add("de", [("en-0", later)])
    assert len(pending) == 1
    assert pending.take("en-0") == ("de", later)


def test_labels_wait_for_their_predictions_too_and_the_oldest_go_first():
    pending = PendingLabels()
    for number in range(5):
        pending.early(f"en-{number}", "music")
    pending.early("en-0", "lights")
    pending.trim(3)
    again = PendingLabels.restored(pending.state(), pending.early_labels())
    known = again.add("en", [(f"en-{number}", ROW) for number in range(5)])
    assert known == [(ROW, "lights"), (ROW, "music"), (ROW, "music")]
    assert sizes_of(again) == {"en": 2}
    assert again.early_labels() == {}


def test_the_largest_language_gives_way():
    pending = filled({"en": 90, "th": 8, "sw": 3})
    assert pending.trim(31) == 70
    assert sizes_of(pending) == {"en": 20, "th": 8, "sw": 3}
    assert pending.take("en-69") is None
    assert pending.take("en-70") is not None


@given(
    sizes=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 40), max_size=8),
    most=st.integers(0, 100),
)
def test_no_more_than_allowed_stay_and_the_cut_is_level(sizes, most):
    pending = filled(sizes)
    pending.trim(most)
    left = sizes_of(pending)
    assert len(pending) == sum(left.values()) <= most or sum(sizes.values()) <= most
    cut = [left.get(language, 0) for language, size in sizes.items() if left.get(language, 0) < size]
    assert len(set(cut)) <= 1
    if cut:
        assert max(left.values(), default=0) <= cut[0]
        assert most - sum(left.values()) < len(cut)


def test_the_baseline_models_answer_waits_with_it():
    pending = filled({"en": 2})
    pending.shadowed("en-1", "music")
    pending.shadowed("unknown", "music")
    again = PendingLabels.restored(pending.state(), pending.early_labels())
    assert again.take("en-0")[1].shadow is None
    assert again.take("en-1")[1].shadow == "music"


def test_stored_and_restored_it_is_the_same():
    pending = PendingLabels()
    pending.add("en", [("a", Pending(1.5, "x", math.nan)), ("b" * 100, Pending(2.5, "y" * 100, 0.25, "z"))])
    stored = {
        language: PendingState.model_validate_json(own.model_dump_json()) for language, own in pending.state().items()
    }
    again = PendingLabels.restored(stored, {})
    assert again.state() == pending.state()
    assert again.take("b" * 100) == ("en", Pending(2.5, "y" * 100, 0.25, "z"))
    assert math.isnan(again.take("a")[1].confidence)


@pytest.mark.parametrize("text", ["a" * 65, "a" * 100_000, "\ud800", "ü\udfff"], ids=["long", "huge", "lone", "mixed"])
def test_long_and_broken_texts_become_digests(text):
    short = shortened(text)
    assert len(short) == 64
    short.encode()
    assert short == shortened(text) == shortened(short) != shortened(text + "x")


@pytest.mark.parametrize("text", ["", "a" * 64, "ü" * 64, "日本"])
def test_short_texts_stay(text):
    assert shortened(text) == text


def test_only_predictions_with_an_identifier_and_no_label_wait():
    rows = events([1.0, 2.0, 3.0], "en", id=["a", None, "c"], label=[None, None, "music"])
    assert list(waiting(rows)) == [("a", Pending(1.0, "lights", 0.9))]
    assert list(waiting(events([1.0], "en"))) == []


def test_stored_columns_are_equally_long():
    with pytest.raises(ValidationError, match="not equally long"):
        PendingState(ids=("a",), times=(), predictions=("x",), confidences=(None,))
