import math

import pytest

from gate_answers import WHEN, answers, decided, sides
from leanglot.decide.gate import Contestant, GateRule, decide_gate
from leanglot.decide.verdict import judge
from leanglot.errors import ConfigError, DataError
from leanglot.results.gate import GateReport, GateSide

SAFE = (400, 0, 0, 0)
HARMED = (460, 31, 9, 0)
FEW = (16, 0, 0, 0)


def test_all_safe_passes():
    found = decided({"de": SAFE, "th": SAFE})
    assert (found.outcome, found.exit_code, found.status) == ("passed", 0, "certified")
    assert found.reason == "All 2 languages are safe."


def test_one_harmed_language_fails_whatever_the_others():
    found = decided({"de": SAFE, "th": HARMED})
    assert (found.outcome, found.exit_code, found.status) == ("failed", 1, "rejected")
    assert found.reason == "1 of 2 languages is harmed: th."


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 3)])
def test_too_few_examples_are_told_and_stop_only_under_strict(strict, code):
    found = decided({"de": SAFE, "th": FEW}, GateRule(strict=strict))
    assert (found.outcome, found.exit_code, found.status) == ("unproven", code, "unrefuted")
    assert "1 of 2 is not proven safe: th" in found.reason


def test_harm_counts_more_than_missing_proof():
    assert decided({"de": FEW, "th": HARMED}, GateRule(strict=True)).exit_code == 1


def test_the_verdicts_are_those_of_judge():
    counts = {"de": (380, 6, 4, 10), "th": HARMED, "sw": FEW}
    one, other = (side.answers for side in sides(counts))
    expected = judge(one.correct, other.correct, one.language)
    assert {tag: each.verdict for tag, each in decided(counts).languages.items()} == expected


def test_groups_reach_the_verdicts():
    grouped = decided({"de": SAFE}, group=[f"g{number // 100}" for number in range(400)])
    assert grouped.languages["de"].verdict.groups == 4
    assert grouped.outcome == "unproven"


def test_a_language_s_own_margin_decides_for_it_alone():
    counts = {"de": (880, 6, 4, 10), "th": (880, 6, 4, 10)}
    assert decided(counts).outcome == "passed"
    found = decided(counts, GateRule(margins={"th": 0.001}))
    assert [found.languages[tag].margin for tag in ("de", "th")] == [0.01, 0.001]
    assert [found.languages[tag].verdict.verdict for tag in ("de", "th")] == ["safe", "inconclusive"]


def test_flips_are_counted_right_or_wrong():
    found = decided({"de": (90, 3, 2, 5), "th": (10, 0, 0, 0)}, wrong="weather")
    flips = found.languages["de"].flips
    assert (flips.n, flips.changed, flips.right_to_wrong, flips.wrong_to_right) == (100, 10, 3, 2)
    assert (flips.flip_rate, flips.agreement) == (0.1, 0.9)
    assert found.languages["th"].flips.changed == 0
    assert (found.flips.n, found.flips.flip_rate) == (110, pytest.approx(10 / 110))
    assert found.baseline_accuracy == pytest.approx(103 / 110)
    assert found.candidate_accuracy == pytest.approx(102 / 110)


# Floors


def floor(right, n, minimum, **settings):
    found = decided({"de": (right, 0, 0, n - right)}, GateRule(floors={"de": minimum}), **settings)
    return found.languages["de"].floor


def test_under_the_floor_is_below():
    found = decided({"de": SAFE, "th": (300, 0, 0, 100)}, GateRule(floors={"th": 0.8}))
    assert (found.outcome, found.exit_code) == ("failed", 1)
    assert found.languages["th"].floor.kind == "below"
    assert found.languages["th"].floor.reason == "75.0% right is below the floor of 80%."
    assert found.languages["de"].floor is None
    assert found.reason.startswith("Below the lowest accuracy asked for: th. All 2 languages are safe.")


def test_an_interval_wholly_above_the_floor_meets_it():
    held = floor(360, 400, 0.85)
    assert held.kind == "met"
    assert 0.85 <= held.low < held.accuracy == 0.9 < held.high
    assert held.reason.startswith("90.0% right, and 86.")


def test_between_is_unproven_and_stops_only_under_strict():
    counts, rule = {"de": (376, 0, 0, 24)}, {"floors": {"de": 0.93}}
    assert decided(counts, GateRule(**rule)).exit_code == 0
    found = decided(counts, GateRule(**rule, strict=True))
    assert (found.outcome, found.exit_code) == ("unproven", 3)
    assert found.languages["de"].floor.kind == "unproven"
    assert "Not proven to reach the lowest accuracy asked for: de." in found.reason


def test_the_interval_of_a_floor_is_wilson_s():
    held = floor(360, 400, 0.5)
    # Wilson's 95% interval of 360 in 400.
    assert (held.low, held.high) == (pytest.approx(0.8668, abs=2e-4), pytest.approx(0.9257, abs=2e-4))


def test_few_right_answers_prove_no_floor():
    assert floor(16, 16, 0.8).kind == "unproven"
    assert floor(16, 16, 0.5).kind == "met"


def test_groups_widen_the_interval_of_a_floor():
    alone, together = (floor(360, 400, 0.85, group=group) for group in (None, [str(n // 10) for n in range(400)]))
    assert (alone.kind, together.kind) == ("met", "unproven")
    assert together.low < alone.low


def test_one_group_proves_no_floor():
    held = floor(400, 400, 0.5, group=["g"] * 400)
    assert (held.kind, held.low, held.high) == ("unproven", None, None)
    assert "belong to one group" in held.reason


def test_an_accuracy_that_equals_its_floor_is_not_below():
    assert floor(4, 5, 0.8).kind == "unproven"
    assert floor(7, 100, 0.07).kind == "unproven"


def test_an_accuracy_just_below_its_floor_is_told_with_enough_digits():
    assert floor(7_999, 10_000, 0.8).reason == "79.99% right is below the floor of 80%."


def test_one_floor_for_all_and_others_for_some():
    found = decided({"de": SAFE, "th": (300, 0, 0, 100)}, GateRule(floor=0.9, floors={"th": 0.6}))
    assert {tag: each.floor.minimum for tag, each in found.languages.items()} == {"de": 0.9, "th": 0.6}
    assert found.exit_code == 0
    assert found.reason.endswith("Every lowest accuracy asked for is reached.")


@pytest.mark.parametrize("value", [0, -0.1, 1.01, 80, math.nan])
def test_floors_out_of_range_are_refused(value):
    for rule in (GateRule(floor=value), GateRule(floors={"de": value})):
        with pytest.raises(ConfigError, match="The lowest accuracy of"):
            decided({"de": SAFE}, rule)


@pytest.mark.parametrize("rule", [GateRule(floors={"xx": 0.5}), GateRule(margins={"xx": 0.5})], ids=["floor", "margin"])
def test_limits_of_languages_without_examples_are_refused(rule):
    with pytest.raises(DataError, match="given for xx, of which the data have no example") as caught:
        decided({"de": SAFE, "th": SAFE}, rule)
    assert caught.value.hint == "Their languages are de, th."


# Sizes


def test_sizes_are_held_to_both_limits():
    rule = GateRule(max_size_bytes=50e6, max_size_ratio=0.3)
    found = decided({"de": SAFE}, rule, sizes=(100_000_000, 40_000_000))
    assert [(each.kept, each.limit_bytes) for each in found.sizes] == [(True, 50_000_000), (False, 30_000_000)]
    assert found.exit_code == 1
    assert found.reason.startswith("40.0 MB exceeds 0.3 times the baseline's size, 30.0 MB.")
    assert decided({"de": SAFE}, GateRule(max_size_bytes=50e6), sizes=(None, 40_000_000)).exit_code == 0


@pytest.mark.parametrize("sizes", [(None, 10), (10, None)])
def test_a_size_that_is_not_known_is_refused(sizes):
    with pytest.raises(DataError, match="A largest size is asked for"):
        decided({"de": SAFE}, GateRule(max_size_ratio=1.0), sizes=sizes)


@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test_sizes_out_of_range_are_refused(value):
    for rule in (GateRule(max_size_bytes=value), GateRule(max_size_ratio=value)):
        with pytest.raises(ConfigError, match="The largest size"):
            decided({"de": SAFE}, rule, sizes=(1, 1))


# The same examples


def side(name, each, digest=None):
    return Contestant(GateSide(name=name, kind="predictions"), each, digest)


def test_other_examples_are_refused_with_what_differs():
    one, other = answers(["de", "de"], [1, 1]), answers(["de", "th"], [1, 1])
    with pytest.raises(DataError) as caught:
        decide_gate(side("A", one), side("B", other), GateRule(), WHEN)
    assert caught.value.message == (
        "A and B did not answer the same examples:\n  numbers of examples: de 2 and 1, th 0 and 1; 2 and 2 in all"
    )


def test_other_texts_are_refused_where_their_digests_are_known():
    one = answers(["de", "de"], [1, 1])
    with pytest.raises(DataError, match="the texts: the data have SHA-256 aaaa… and bbbb…"):
        decide_gate(side("A", one, "aaaa"), side("B", one, "bbbb"), GateRule(), WHEN)
    for digests in (("aaaa", "aaaa"), ("aaaa", None), (None, None)):
        assert decide_gate(side("A", one, digests[0]), side("B", one, digests[1]), GateRule(), WHEN).exit_code == 0


# The record


def test_the_record_survives_a_round_trip():
    found = decided({"de": SAFE, "th": HARMED}, GateRule(floor=0.5, max_size_bytes=5), sizes=(5, 5), notes=["a note"])
    assert GateReport.model_validate_json(found.model_dump_json()) == found
    assert found.notes == ("a note",)
    assert (found.created_at, found.data) == (WHEN, "test.jsonl")


def test_the_worst_come_first():
    counts = {"aa": SAFE, "bb": FEW, "cc": HARMED, "dd": (300, 0, 0, 100), "ee": (430, 61, 9, 0), "ff": (90, 1, 0, 9)}
    found = decided(counts, GateRule(floors={"dd": 0.8}))
    assert [tag for tag, _ in found.worst_first()] == ["ee", "cc", "dd", "ff", "bb", "aa"]
