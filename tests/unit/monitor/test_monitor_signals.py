"""How predictions are counted, and which shares are compared."""

import math

import numpy as np
import pytest
from watched import LABELS, baseline, counts, events, judged_alone, traffic

from leanglot.monitor.rules import Rules
from leanglot.monitor.signals import Layout
from leanglot.results.monitor_baseline import (
    CONFIDENCE_ENDS,
    FRAGMENTATION_ENDS,
    TOKEN_ENDS,
    bins_of,
)

NOTHING = judged_alone(n=500, correct=450)


@pytest.fixture(scope="module")
def judged():
    return baseline(np.random.default_rng(0), ["sw"]).languages["sw"]


def counted(layout, rows):
    vector = np.bincount(np.concatenate(layout.places(rows)), minlength=layout.size)
    return {signal: vector[section.start : section.stop + 1].tolist() for signal, section in layout.sections.items()}


def test_each_value_counts_in_its_bin_just_like_in_the_baseline(judged):
    drawn = traffic(np.random.default_rng(1), 700, {"sw": 1.0})
    found = counted(Layout.of(judged, LABELS, Rules()), drawn)
    assert found["confidence"] == [*counts(bins_of(drawn.confidence, CONFIDENCE_ENDS), CONFIDENCE_ENDS), 0]
    assert found["length"] == [*counts(bins_of(drawn.tokens, TOKEN_ENDS), TOKEN_ENDS), 0]
    pieces = bins_of(drawn.tokens / drawn.characters, FRAGMENTATION_ENDS)
    assert found["fragmentation"] == [*counts(pieces, FRAGMENTATION_ENDS), 0]
    assert found["labels"] == [*(drawn.prediction.count(name) for name in LABELS), 0, 0]
    assert found["script"] == [700, 0, 0]
    assert found["unknown"] == [700, 0, 0]


def test_what_was_not_logged_counts_apart(judged):
    rows = events(
        range(4),
        "sw",
        confidence=[np.nan, 0.9, np.nan, 0.9],
        latency_ms=[np.nan, 5, 50, np.nan],
        tokens=[-1, 8, 8, 8],
        characters=[30, -1, 0, 30],
        unknown=[-1, 0, 2, 0],
        script=[None, "Latn", "Arab", "Latn"],
        prediction=["lights", "music", "lights", "dance"],
    )
    found = counted(Layout.of(judged, LABELS, Rules(latency_budget_ms=20)), rows)
    assert found["confidence"][-1] == 2
    assert found["length"][-1] == 1
    assert found["fragmentation"][-1] == 3
    assert found["unknown"] == [2, 1, 1]
    assert found["script"] == [2, 1, 1]
    assert found["labels"] == [2, 1, 0, 1, 0]
    assert found["latency"] == [1, 1, 2]
    assert all(sum(each) == 4 for each in found.values())


def test_latency_without_a_budget_is_neither_counted_nor_tested(judged):
    layout = Layout.of(judged, LABELS, Rules())
    assert sum(counted(layout, events(range(3), "sw"))["latency"]) == 0
    assert "latency" not in {cell.signal for cell in layout.cells}
    slow = [cell for cell in Layout.of(judged, LABELS, Rules(latency_budget_ms=250)).cells if cell.signal == "latency"]
    assert [cell.what for cell in slow] == ["answers slower than 250 ms"]


def test_cut_points_lie_where_the_reference_has_its_quantiles(judged):
    layout = Layout.of(judged, LABELS, Rules())
    shares = [
        layout.reference[cell.low : cell.high].sum() / layout.reference[cell.start : cell.stop].sum()
        for cell in layout.cells
        if cell.signal == "length"
    ]
    assert 4 <= len(shares) <= 7
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] > 0.9


def test_every_share_says_what_it_is_of(judged):
    cells = Layout.of(judged, LABELS, Rules()).cells
    told = [cell.what for cell in cells]
    assert len(set(told)) == len(told)
    for what in (
        "texts with unknown tokens",
        "texts in the script Latn",
        "texts in scripts that the baseline lacks",
        "answers music",
        "answers that the baseline does not name",
    ):
        assert what in told
    assert any(what.startswith("texts of at most ") for what in told)
    assert any(what.startswith("predictions with a confidence of at most 0.") for what in told)


def test_shares_that_were_chosen_by_looking_at_the_reference_count_all_that_could_have_been(judged):
    """The parts of all possible choices add up to at most 1: single scripts, and sets of any number of them."""
    two = judged.model_copy(update={"scripts": {"Latn": 4_990, "Arab": 10}})
    choices = {cell.what: cell.choices for cell in Layout.of(two, LABELS, Rules()).cells}
    assert choices["texts in the script Arab"] == 512
    assert choices["texts in scripts that the baseline lacks"] == 12 * math.comb(256, 2)
    sets = sum(1 / (2 * number * (number + 1)) for number in range(1, 257))
    assert 256 / 512 + sets <= 1
    assert choices["answers music"] == 4
    assert {number for what, number in choices.items() if "tokens" in what and "most" in what} == {
        len(TOKEN_ENDS),
        len(FRAGMENTATION_ENDS),
    }


def test_where_there_is_no_reference_nothing_is_compared():
    assert Layout.of(NOTHING, (), Rules()).cells == ()
    assert {cell.signal for cell in Layout.of(NOTHING, LABELS, Rules()).cells} == {"labels"}
