"""The record of a training: what it says of the worst language, and that it comes back."""

import pytest
from pydantic import ValidationError

from leanglot.results.training import Epoch, LanguageCheck, TrainingFacts


def epoch(step=1, **right):
    return Epoch(
        step=step,
        epoch=0.5,
        learning_rate=1e-4,
        seen={"de": 3},
        loss={"de": 1 / 3},
        parts={"loss": 1 / 3},
        held_out={tag: LanguageCheck(n=10, right=number, loss=0.1) for tag, number in right.items()},
        seconds=1.25,
        peak_memory_bytes=10**9,
    )


def facts(**changes):
    usual = {
        "technique": "distil",
        "examples": {"de": 3, "en": 4},
        "unlabelled": 2,
        "steps": 9,
        "stopped_at": 6,
        "kept_step": 3,
        "processes": 1,
        "precision": "bf16",
        "epochs": (epoch(3, de=9), epoch(6, de=8)),
    }
    return TrainingFacts.model_validate(usual | changes)


def test_the_worst_language_is_the_one_with_the_lowest_accuracy():
    found = epoch(th=7, de=9, en=7)
    assert found.worst == ("en", 0.7)  # of two equals the first by name
    assert found.mean == pytest.approx(23 / 30)
    assert LanguageCheck(n=3, right=2, loss=0.0).accuracy == 2 / 3


def test_without_held_out_examples_there_is_no_worst():
    assert (epoch().worst, epoch().mean) == (None, None)


def test_the_record_comes_back_from_json_as_it_was():
    record = facts()
    assert TrainingFacts.model_validate_json(record.model_dump_json()) == record


def test_the_validation_of_the_weights_that_were_taken():
    assert facts().kept == facts().epochs[0]
    assert facts(kept_step=6).kept == facts().epochs[1]
    assert facts(kept_step=7, stopped_at=None).kept is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("technique", "int8"),
        ("unlabelled", -1),
        ("steps", 0),
        ("kept_step", 0),
        ("processes", 0),
        ("precision", "fp8"),
        ("loss", 1.0),
    ],
)
def test_what_cannot_be_is_refused(field, value):
    with pytest.raises(ValidationError, match=field):
        facts(**{field: value})


def test_nothing_held_out_is_no_check():
    with pytest.raises(ValidationError, match="n\n"):
        LanguageCheck(n=0, right=0, loss=0.0)
