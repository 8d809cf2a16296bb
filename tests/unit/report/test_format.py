from datetime import UTC, datetime

import pytest

from leanglot.report.format import (
    chance,
    in_points,
    interval,
    language,
    moment,
    more_examples,
    plain,
    plural,
    rounded,
    speed,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand  blanks ", "two lines and blanks"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("gpj\N{RIGHT-TO-LEFT OVERRIDE}exe", "gpj exe"),
        ("می\N{ZERO WIDTH NON-JOINER}خواهم", "می\N{ZERO WIDTH NON-JOINER}خواهم"),
        ("日本語 ไทย हिन्दी", "日本語 ไทย हिन्दी"),
    ],
)
def test_plain_text_commands_nothing(text, shown):
    assert plain(text) == shown


def test_languages_carry_their_tag_once():
    assert language("th") == "Thai (th)"
    assert language("not a tag") == "not a tag"


def test_a_slow_down_is_called_one():
    assert speed(3.0746) == "3.07× as fast"
    assert speed(0.8) == "0.80× as fast, slower"
    assert speed(0.999) == "1.00× as fast"
    assert speed(None) == "n/a"


@pytest.mark.parametrize(("value", "shown"), [(0.01, "1.0 point"), (0.023, "2.3 points"), (0.0, "0.0 points")])
def test_points_agree_with_their_number(value, shown):
    assert in_points(value) == shown
    assert in_points(None) == "n/a"


def test_intervals_need_both_ends():
    assert interval(-0.004, 0.012) == "−0.4 to +1.2"
    assert interval(None, 0.012) == "n/a"


def test_chances_are_never_zero():
    assert chance(0.0) == "< 0.001"
    assert chance(0.0312) == "0.031"
    assert chance(None) == "n/a"


@pytest.mark.parametrize(("number", "shown"), [(7, "7"), (535, "535"), (1883, "1,880"), (13029, "13,000")])
def test_plans_have_three_digits(number, shown):
    assert rounded(number) == shown


@pytest.mark.parametrize(
    ("verdict", "needed", "shown"),
    [
        ("safe", 0, "settled"),
        ("harmed", 0, "settled"),
        ("inconclusive", 1883, "about 1,880 more"),
        ("inconclusive", None, "cannot be said"),
        (None, None, "n/a"),
    ],
)
def test_what_would_settle_a_verdict(golden, verdict, needed, shown):
    row = golden.candidates[3].languages["th"].model_copy(update={"verdict": verdict, "samples_needed": needed})
    assert more_examples(row) == shown


def test_a_language_without_a_result_has_no_number():
    assert more_examples(None) == "n/a"


def test_small_words():
    assert plural(1, "language") == "1 language"
    assert plural(1024, "language") == "1,024 languages"
    assert moment(datetime(2025, 1, 17, 9, 5, tzinfo=UTC)) == "2025-01-17 09:05 UTC"
