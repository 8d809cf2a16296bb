import numpy as np
import pytest
from routed import TAGS, answers, costs, question

from leanglot.decide.routing import route
from leanglot.decide.routing_detection import detection_shares, routed_correct, routes_of, spread_value


def test_shares_of_what_was_told_right_wrong_and_not_at_all():
    routed = route(question())  # de and en to fast, th to middling, which is the fallback too
    languages = ["de"] * 4 + ["th"] * 4
    told = ["de", "en", "th", None, "th", "th", None, "de"]
    found = detection_shares(told, languages, routed)
    assert found.examples == {"de": 4, "th": 4}
    assert found.right == {"de": 0.25, "th": 0.5}
    assert found.unknown == {"de": 0.25, "th": 0.25}
    assert found.misrouted == {"de": 0.5, "th": 0.25}  # English goes where German does, unknown where Thai does
    assert 0 < found.right_low["th"] < 0.5


def test_a_wider_language_stands_in_and_an_unknown_one_falls_back():
    routed = route(question())
    assert routes_of(["de-AT", "th", "fi", None], routed) == ["fast", "middling", "middling", "middling"]


def test_answers_and_costs_are_those_of_the_variant_that_a_text_goes_to():
    asked = question(costs=costs())
    routed = route(asked)
    languages = answers({}).language
    told = routes_of(languages, routed)
    correct = routed_correct(told, asked.predictions)
    assert correct.mean() == pytest.approx(1 - 40 / 1200)
    assert spread_value(told, languages, correct, routed) == pytest.approx(routed.value)
    everything = ["fast"] * len(languages)
    wrong = routed_correct(everything, asked.predictions)
    assert np.array_equal(wrong, asked.predictions["fast"].correct)
    errors = 2_628_000 * 0.2 * (100 / 400) * 0.01
    machines = 2 * 730  # 1.2 at 100 a second
    assert spread_value(everything, languages, wrong, routed) == pytest.approx(machines + errors)


def test_languages_without_examples_stay_where_they_are_sent():
    routed = route(question(costs=costs(traffic={"de": 0.5, "th": 0.2, "sw": 0.3})))
    assert set(routed.bill.tags) == {*TAGS, "sw"}
    correct = routed_correct(["middling"] * 1200, question().predictions)
    assert spread_value(["middling"] * 1200, answers({}).language, correct, routed) > 0
