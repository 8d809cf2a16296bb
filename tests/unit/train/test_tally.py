"""Sums by language: what was seen, lost and answered right."""

import numpy as np
import pytest

from leanglot.train.tally import Noted, Tally

# loss, teacher, labels, hidden, labelled, right
ROWS = np.asarray(
    [
        [1.0, 2.0, 0.5, 0.0, 1.0, 1.0],
        [3.0, 4.0, 1.5, 0.0, 1.0, 0.0],
        [5.0, 5.0, 0.0, 0.0, 0.0, 0.0],
    ]
)


def test_means_by_language_and_over_all():
    tally = Tally(["de", "en", "th"])
    tally.add(["de", "en", "de"], ROWS)
    noted = Noted(tally.languages, tally.sums)
    assert noted.seen() == {"de": 2, "en": 1}
    assert noted.loss() == {"de": 3.0, "en": 3.0}
    assert noted.accuracy() == {"de": 1.0, "en": 0.0}
    assert noted.parts(("loss", "labels", "teacher")) == {"loss": 3.0, "teacher": pytest.approx(11 / 3), "labels": 1.0}


def test_what_is_not_there_is_not_told():
    tally = Tally(["de", "th"])
    tally.add(["th"], ROWS[2:])
    noted = Noted(tally.languages, tally.sums)
    assert noted.accuracy() == {}
    assert noted.parts(("loss", "labels")) == {"loss": 5.0}


def test_sums_come_back_from_a_checkpoint_and_start_again():
    tally, other = Tally(["de", "en"]), Tally(["de", "en"])
    tally.add(["de", "en", "de"], ROWS)
    other.restore(tally.stored())
    assert np.array_equal(other.sums, tally.sums)
    other.clear()
    assert not other.sums.any()
