"""The mixtures of an audit: always a balanced, a proportional and a single-language one, the kept one first."""

import pytest

from leanglot.audit import _variants
from leanglot.config import CandidateConfig
from leanglot.data.pool import TextPool
from leanglot.errors import RecipeError
from leanglot.techniques import Calibration, Int8

POOL = TextPool(("a", "b", "c"), ("de", "de", "en"), "texts")


def mixtures(calibration, pool=POOL):
    step = Int8(activations="static", calibration=calibration)
    found = _variants(CandidateConfig(name="static", recipe=(step,)), pool)
    return {name: variant.recipe[-1].calibration for name, variant in found.items()}


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (None, ["balanced", "proportional", "en only"]),
        (Calibration(samples=9, method="entropy"), ["balanced", "proportional", "en only"]),
        (Calibration(balance="proportional"), ["proportional", "balanced", "en only"]),
        (Calibration(languages=("en",)), ["en only", "balanced", "proportional"]),
        (Calibration(balance="temperature"), ["as asked", "balanced", "proportional", "en only"]),
        (
            Calibration(balance="proportional", languages=("de", "en")),
            ["as asked", "balanced", "proportional", "en only"],
        ),
    ],
)
def test_three_mixtures_and_what_was_asked_for_comes_first(asked, names):
    found = mixtures(asked)
    assert list(found) == names
    assert next(iter(found.values())) == (asked or Calibration())
    assert found["balanced"].balance == "uniform"
    assert found["en only"].languages == ("en",)
    assert {each.method for each in found.values()} == {(asked or Calibration()).method}


def test_without_english_the_largest_language_stands_alone():
    pool = TextPool(("a", "b", "c"), ("de", "th", "th"), "texts")
    assert list(mixtures(None, pool))[-1] == "th only"


@pytest.mark.parametrize("recipe", [(), (Int8(),)])
def test_nothing_calibrated_is_nothing_to_audit(recipe):
    with pytest.raises(RecipeError, match="nothing to audit"):
        _variants(CandidateConfig(name="plain", recipe=recipe), POOL)


def test_no_texts_are_nothing_to_audit():
    with pytest.raises(RecipeError, match="no calibration texts"):
        _variants(CandidateConfig(name="static", recipe=(Int8(activations="static"),)), None)
