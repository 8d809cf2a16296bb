"""The budget of a search, and what candidates are expected to take of it."""

import pytest

from leanglot.results.searching import Levels
from leanglot.searching.clock import Clock, expected_seconds, training_seconds


class Hand:
    """A clock that moves when a test says so."""

    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        return self.at


def test_time_of_earlier_starts_counts():
    hand = Hand()
    clock = Clock(600.0, before_s=100.0, now=hand)
    hand.at += 50
    assert clock.spent == 150
    assert clock.left == 600 - 30 - 150  # five percent, for the report


def test_no_more_than_half_a_minute_is_kept_for_the_report():
    assert Clock(3600.0, now=Hand()).left == 3570


def test_the_first_candidate_is_expected_to_take_a_part_of_what_the_baseline_took():
    assert expected_seconds(Levels(), [], 100.0) == 60


def test_what_was_measured_tells_what_the_next_one_takes(tried):
    known = [tried(Levels(scheme="int8"), seconds=seconds) for seconds in (20.0, 40.0, 30.0)]
    assert expected_seconds(Levels(scheme="int8-emb"), known, 100.0) == 1.25 * 30


def test_recipes_that_need_the_same_preparation_tell_more(tried):
    known = [tried(Levels(), seconds=10.0), tried(Levels(ffn=20), seconds=50.0), tried(Levels(layers=1), seconds=90.0)]
    assert expected_seconds(Levels(heads=30), known, 1.0) == 1.25 * 50
    assert expected_seconds(Levels(layers=3), known, 1.0) == 1.25 * 90
    assert expected_seconds(Levels(layers=3, ffn=40), known, 1.0) == 1.25 * 90  # what takes longest
    assert expected_seconds(Levels(scheme="int8"), known, 1.0) == 1.25 * 10
    assert expected_seconds(Levels(scheme="int8-static"), known, 1.0) == 1.25 * 50  # none alike: all count


def test_dropped_ones_and_trainings_do_not_tell(tried):
    known = [tried(seconds=1.0, state="dropped"), tried(Levels(student=3, epochs=3), seconds=900.0)]
    assert expected_seconds(Levels(), known, 100.0) == 60


def test_a_training_takes_longer_with_more_epochs_and_layers():
    three = Levels(student=3, epochs=3)
    short = training_seconds(three, 12, 20_000, 200.0)
    assert short == pytest.approx(1.25 * (100 + 3 * 100 * 2.0))
    assert training_seconds(three.model_copy(update={"epochs": 6}), 12, 20_000, 200.0) > 1.8 * short
    assert training_seconds(three.model_copy(update={"student": 6}), 12, 20_000, 200.0) > short
    assert training_seconds(three.model_copy(update={"ffn": 60}), 12, 20_000, 200.0) < short


def test_an_earlier_training_corrects_the_guess(tried):
    levels = Levels(student=3, epochs=3)
    guess = training_seconds(levels, 12, 20_000, 200.0)
    slow = tried(levels, seconds=2 * guess)
    again = training_seconds(levels.model_copy(update={"student": 6}), 12, 20_000, 200.0, [slow])
    plain = training_seconds(levels.model_copy(update={"student": 6}), 12, 20_000, 200.0)
    assert again == pytest.approx(2 * plain)
