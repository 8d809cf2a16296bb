import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.charts.quantities import score
from leanglot.results.terms import CLASSIFICATION, TRANSLATION, terms_of
from leanglot.results.translation import Metric

CHRF = terms_of(Metric(name="chrf", signature="s"))
BLEU = terms_of(Metric(name="bleu", signature="s"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Accuracy by language", "chrF by language pair"),
        ("the mean over the languages", "the mean over the language pairs"),
        ("an accuracy of each example", "a chrF of each sentence"),
        ("The verdict tables have the accuracies.", "The verdict tables have the chrF scores."),
        ("the least accurate language of 50 examples", "the language pair with the lowest chrF of 50 sentences"),
        ("Languages are not ranked", "Language pairs are not ranked"),
        ("2,000 predictions", "2,000 sentences"),
        ("median latency", "median latency"),
    ],
)
def test_fixed_texts_are_told_in_the_words_of_translation(text, told):
    assert CHRF.told(text) == told


@given(st.text())
def test_nothing_of_classification_is_reworded(text):
    assert CLASSIFICATION.told(text) == text


def test_what_is_told_already_stays():
    assert CHRF.told("Language pairs of chrF, in sentences") == "Language pairs of chrF, in sentences"


def test_headings_keep_the_spelling_of_a_metric():
    assert (CLASSIFICATION.heading, CHRF.heading, BLEU.heading) == ("Accuracy", "chrF", "BLEU")
    assert (CLASSIFICATION.translates, CHRF.translates, TRANSLATION.translates) == (False, True, True)
    assert terms_of(None) is CLASSIFICATION


def test_scores_are_percent_of_answers_and_points_of_a_metric():
    assert score(0.5421, CLASSIFICATION) == "54.2%"
    assert score(0.5421, CHRF) == "54.2"
    assert score(None, CHRF) == "n/a"
