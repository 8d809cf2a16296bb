"""The gate of translation models: margins, floors, silent failures, sizes, and the exit code."""

from datetime import UTC, datetime

import numpy as np
import pytest

from leanglot.decide.gate import GateRule
from leanglot.decide.translation_gate import (
    TranslationContestant,
    decide_translation_gate,
    hold_score_floors,
    perfect_counts,
)
from leanglot.errors import ConfigError, DataError
from leanglot.results.gate import GateReport, GateSide
from leanglot.results.translation import Metric
from scored_translations import drawn_counts, failing, of_counts, parallel, scored

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CHRF = Metric(name="chrf", signature="s")


def drawn(n=500, worse=0.0, pairs=("en→de",)):
    rng = np.random.default_rng(1)
    total = n * len(pairs)
    lengths, quality = rng.integers(20, 50, total), rng.uniform(0.6, 0.8, total)
    old = drawn_counts(rng, quality, lengths)
    new = old if worse == 0 else drawn_counts(rng, quality - worse, lengths)
    names = [pair for pair in pairs for _ in range(n)]
    return of_counts(old, pair=names), of_counts(new, pair=names)


def decided(translations, rule=None, sizes=(None, None)):
    sides = [
        TranslationContestant(GateSide(name=name, kind="artifact", size_bytes=size), each)
        for name, each, size in zip(("old", "new"), translations, sizes, strict=True)
    ]
    return decide_translation_gate(*sides, rule or GateRule(), CHRF, NOW, data="d")


def test_what_did_not_change_passes():
    report = decided(drawn())
    assert (report.outcome, report.exit_code, report.status) == ("passed", 0, "certified")
    assert report.metric == CHRF
    assert (
        report.baseline_accuracy
        == report.candidate_accuracy
        == pytest.approx(report.languages["en→de"].verdict.baseline)
    )
    assert report.flips.changed == 0
    assert GateReport.model_validate_json(report.model_dump_json()) == report


def test_harm_fails_and_few_sentences_are_unproven():
    assert decided(drawn(worse=0.1)).exit_code == 1
    few = decided(drawn(20), GateRule(strict=True))
    assert (few.outcome, few.exit_code) == ("unproven", 3)
    assert decided(drawn(20)).exit_code == 0


def test_found_failures_fail_whatever_the_score():
    old, new = drawn(800)
    report = decided((failing(old, empty=np.zeros(800)), failing(new, empty=np.arange(800) < 12)))
    assert report.exit_code == 1
    assert [change.kind for change in report.changes] == ["empty"]
    assert (report.flips.right_to_wrong, report.flips.wrong_to_right) == (12, 0)
    assert report.reason == "1 of 1 language pairs is harmed: en→de."


def test_margins_and_floors_by_pair():
    both = drawn(pairs=("en→de", "en→fr"))
    score = decided(both).languages["en→fr"].verdict.candidate
    rule = GateRule(margins={"en→fr": 0.5}, floors={"en→fr": score + 0.05})
    report = decided(both, rule)
    assert report.languages["en→fr"].margin == 0.5
    assert report.languages["en→de"].floor is None
    assert report.languages["en→fr"].floor.kind == "below"
    assert (report.outcome, report.exit_code) == ("failed", 1)
    assert f"is below the floor of {100 * (score + 0.05):g}." in report.languages["en→fr"].floor.reason
    with pytest.raises(DataError, match="en→ja"):
        decided(both, GateRule(margins={"en→ja": 0.1}))
    with pytest.raises(ConfigError, match="lowest accuracy"):
        decided(both, GateRule(floor=1.5))


def test_a_floor_is_met_only_where_the_interval_is_above_it():
    _, new = drawn()
    score = decided((new, new)).candidate_accuracy
    kinds = {
        minimum: hold_score_floors(new, "chrf", {"en→de": minimum}, 0.05)["en→de"].kind
        for minimum in (score - 0.1, score - 0.001, score + 0.001)
    }
    assert list(kinds.values()) == ["met", "unproven", "below"]
    floor = hold_score_floors(new, "chrf", {"en→de": score - 0.1}, 0.05)["en→de"]
    assert floor.low < score < floor.high
    one = hold_score_floors(drawn(1)[1], "chrf", {"en→de": 0.01}, 0.05)["en→de"]
    assert (one.kind, one.low) == ("unproven", None)


def test_sizes_are_held():
    report = decided(drawn(), GateRule(max_size_ratio=0.5), (100, 60))
    assert (report.outcome, report.sizes[0].kept) == ("failed", False)
    with pytest.raises(DataError, match="largest size"):
        decided(drawn(), GateRule(max_size_bytes=10))


def test_the_references_have_perfect_counts():
    rows = [("On", "Das Licht ist jetzt an.", "en", "de"), ("Off", "Aus", "en", "de")]
    made, right = scored(parallel(rows), ["Licht an", "Ein"]), scored(parallel(rows), [row[1] for row in rows])
    assert np.array_equal(perfect_counts(made.chrf, "chrf"), right.chrf)
    assert np.array_equal(perfect_counts(made.bleu, "bleu"), right.bleu)
