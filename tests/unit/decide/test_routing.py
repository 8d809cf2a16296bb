import dataclasses

import numpy as np
import pytest
from routed import TAGS, answers, candidate, costs, latency, question

from leanglot.config.costs import HOURS_PER_MONTH
from leanglot.config.deciding import RoutingConfig
from leanglot.decide.cost import price
from leanglot.decide.routing import halves_of, route
from leanglot.errors import ConfigError, RunError

FAST_BUT_THAI = {"de": "fast", "en": "fast", "th": "middling"}


def test_a_harmed_language_goes_to_the_fastest_variant_that_does_not_harm_it():
    found = route(question())
    assert found.assignment == FAST_BUT_THAI
    assert (found.main, found.fallback, found.variants) == ("fast", "middling", ("middling", "fast"))
    assert found.single == "middling"
    assert found.value == pytest.approx((1 + 1 + 5) / 3)
    assert (found.single_value, found.baseline_value) == (pytest.approx(5), pytest.approx(9))
    assert found.memory_bytes == 400
    assert (found.chance_better, found.honest_saving) == (None, None)
    assert found.reasons["th"] == "fast harms it by 15.0 points; middling is the fastest that is left."
    assert found.reasons["de"] == "Stays with the main variant, fast."
    assert found.notes[0].startswith("No costs were given: the mean latency is minimized, each judged language equally")


def test_costs_count_machines_of_the_mix_and_errors():
    found = route(question(costs=costs()))
    assert found.assignment == FAST_BUT_THAI
    # 120 a second: 0.8 of them at 100 a second a machine, 0.2 at 40; 1.56 machines are 2.
    machines = 120 * (0.8 / 100 + 0.2 / 40)
    assert 1 < machines < 2
    errors = 2_628_000 * 0.2 * (40 / 400) * 0.01
    assert found.value == pytest.approx(2 * HOURS_PER_MONTH + errors)
    assert found.single == "middling"
    assert found.chance_better == 1.0
    assert found.honest_saving == pytest.approx(found.single_value - found.value, rel=0.2)


def test_the_single_value_is_what_pricing_says():
    asked = question(costs=costs())
    found = route(asked)
    priced, _ = price(asked.candidates, asked.costs, asked.predictions)
    totals = {each.name: each.monthly_cost.total for each in priced}
    assert found.single_value == pytest.approx(totals["middling"])
    assert found.baseline_value == pytest.approx(totals["base"])


def test_parts_of_machines_are_paid_as_they_are():
    machines = costs().infrastructure.model_copy(update={"whole_machines": False})
    found = route(question(costs=costs(infrastructure=machines)))
    errors = 2_628_000 * 0.2 * (40 / 400) * 0.01
    assert found.value == pytest.approx(1.56 * HOURS_PER_MONTH + errors)


def test_given_figures_are_paid_by_the_share_of_the_traffic():
    figures = {"base": 1000.0, "fast": 100.0, "middling": 500.0}
    found = route(question(costs=costs(infrastructure=None, monthly_infra=figures, error_cost=0.0)))
    assert found.assignment == FAST_BUT_THAI
    assert found.value == pytest.approx(0.8 * 100 + 0.2 * 500)
    assert any("Monthly figures" in note for note in found.notes)


def test_luck_in_small_samples_moves_no_language():
    """Won 25 and lost 20 answers: cheaper with a probability of about 0.8, which is not enough for one of three."""
    lucky = answers({"de": 40, "th": 40}).correct.copy()
    lucky[400:800] = True
    lucky[425:460] = False
    told = {"base": answers({"en": 40, "de": 40, "th": 40}), "lucky": dataclasses.replace(answers({}), correct=lucky)}
    rivals = [candidate("base", told["base"]), candidate("lucky", told["lucky"], told["base"])]
    asked = dataclasses.replace(question(costs=costs(error_cost=1.0)), candidates=rivals, predictions=told)
    found = route(asked)
    assert found.value > 0
    assert len(found.variants) == 1
    assert found.chance_better is None
    willing = dataclasses.replace(asked, config=RoutingConfig(min_chance=0.5))
    assert len(route(willing).variants) == 1


def test_a_large_saving_moves_a_language():
    told = {"base": answers({"th": 200}), "better": answers({"th": 20, "en": 3})}
    rivals = [candidate("base", told["base"]), candidate("better", told["better"], told["base"])]
    asked = dataclasses.replace(question(costs=costs(error_cost=1.0)), candidates=rivals, predictions=told)
    found = route(asked)
    assert found.assignment["th"] == "better"
    assert found.chance_better is None or found.chance_better > 0.9


def test_an_improbable_move_names_its_chance_where_it_is_made():
    told = {"base": answers({"th": 200, "de": 2, "en": 0}), "better": answers({"th": 20, "de": 40, "en": 0})}
    rivals = [candidate("base", told["base"]), candidate("better", told["better"], told["base"])]
    found = route(dataclasses.replace(question(costs=costs(error_cost=1.0)), candidates=rivals, predictions=told))
    assert found.assignment["de"] == "base"
    assert found.assignment["th"] == "better"
    moved = found.reasons["th" if found.main == "base" else "de"]
    assert "Cheaper on better than on base with a probability of 100%" in moved or "harms it" in moved


def test_strict_takes_only_what_is_proven_safe_or_the_baseline():
    told = {"base": answers({}), "small": answers({"de": 1})}
    rivals = [candidate("base", told["base"], p50=9.0), candidate("small", told["small"], told["base"])]
    kinds = {tag: result.verdict for tag, result in rivals[1].languages.items()}
    assert kinds == {"de": "inconclusive", "en": "safe", "th": "safe"}
    asked = dataclasses.replace(question(), candidates=rivals, predictions=told)
    assert route(asked).assignment == dict.fromkeys(TAGS, "small")
    strict = route(dataclasses.replace(asked, config=RoutingConfig(strict=True)))
    assert strict.assignment == {"de": "base", "en": "small", "th": "small"}
    assert strict.reasons["de"].startswith("small is not proven safe for it")
    assert any(
        "1 language (de) goes to a variant that is not proven safe for it" in note for note in route(asked).notes
    )


def test_without_costs_a_variant_that_lost_more_than_the_margin_is_kept_away_proven_or_not():
    told = {"base": answers({}, n=10), "small": answers({"th": 2}, n=10)}
    rivals = [candidate("base", told["base"], p50=9.0), candidate("small", told["small"], told["base"])]
    assert rivals[1].languages["th"].verdict == "inconclusive"
    asked = dataclasses.replace(question(), candidates=rivals, predictions=told)
    found = route(asked)
    assert found.assignment["th"] == "base"
    assert "lost 20.0 points in it, and without costs nothing weighs that" in found.reasons["th"]


def test_an_unknown_p95_is_no_good_p95():
    slow = {"latency_ms": latency(1.0)}
    found = route(question(RoutingConfig(max_p95_ms=7.5), fast=slow))
    assert found.assignment == dict.fromkeys(TAGS, "middling")
    assert found.excluded["fast"] == (
        "its p95 is unknown (64 calls; p95 needs at least 130), and at most 7.5 ms are allowed"
    )
    assert "12 ms" in found.excluded["base"]
    assert "not measured" in route(question(RoutingConfig(max_p95_ms=7.5), fast={"latency_ms": None})).excluded["fast"]


def test_memory_counts_every_variant_loaded():
    assert route(question(RoutingConfig(max_memory_bytes=400))).assignment == FAST_BUT_THAI
    assert route(question(RoutingConfig(max_memory_bytes=399))).assignment == dict.fromkeys(TAGS, "middling")
    unknown = route(question(RoutingConfig(max_memory_bytes=400), fast={"peak_rss_bytes": None}))
    assert unknown.excluded["fast"].startswith("its memory is unknown")


def test_one_variant_at_most_is_the_best_single_one():
    found = route(question(RoutingConfig(max_variants=1)))
    assert (found.variants, found.single) == (("middling",), "middling")


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"max_p95_ms": 1.5}, ["max_p95_ms 1.5", "max_p95_ms 7"]),
        ({"max_p95_ms": 2.5}, ["max_p95_ms 7"]),
        ({"max_memory_bytes": 299}, ["max_memory 0 MB", "One of these alone would do: max_memory"]),
        ({"max_p95_ms": 2.5, "max_memory_bytes": 150}, ["none of the limits alone"]),
    ],
)  # fmt: skip
def test_limits_that_leave_nothing_name_the_nearest_that_would(limits, told):
    with pytest.raises(ConfigError) as raised:
        route(question(RoutingConfig(**limits)))
    for words in told:
        assert words in str(raised.value)


def test_too_few_variants_are_named():
    told = {"base": answers({}), "a": answers({"th": 60}), "b": answers({"de": 60})}
    rivals = [
        candidate("base", told["base"], artifact=None),
        candidate("a", told["a"], told["base"]),
        candidate("b", told["b"], told["base"]),
    ]
    asked = dataclasses.replace(question(), candidates=rivals, predictions=told)
    found = route(asked)
    assert found.assignment == {"de": "a", "en": found.main, "th": "b"}
    assert found.single is None
    assert found.single_value is None
    with pytest.raises(ConfigError, match="max_variants 2"):
        route(dataclasses.replace(asked, config=RoutingConfig(max_variants=1)))


def test_nobody_who_may_serve_a_language_is_an_error_with_the_reasons():
    told = {"base": answers({}), "a": answers({"th": 60})}
    rivals = [candidate("base", told["base"], artifact=None), candidate("a", told["a"], told["base"])]
    with pytest.raises(ConfigError, match=r"no candidate may serve th.*\n.*base: has no artifact"):
        route(dataclasses.replace(question(), candidates=rivals, predictions=told))


def test_traffic_without_examples_goes_to_the_safest_variant_and_is_told():
    found = route(question(costs=costs(traffic={"de": 0.5, "th": 0.2, "sw": 0.3})))
    assert found.assignment["sw"] == found.fallback
    assert found.reasons["sw"].startswith("No examples were judged, so it goes to the safest variant loaded")
    assert found.assignment["en"] == "middling"  # judged, without traffic
    assert found.reasons["en"].startswith("It has no traffic")
    assert any("No examples of sw were judged" in note for note in found.notes)


def test_failed_and_unpriced_candidates_are_not_considered():
    asked = question(costs=costs(), fast={"throughput_per_s": None})
    failed = candidate("broken", answers({}), status="failed", reason="RecipeError: no heads", languages={})
    found = route(dataclasses.replace(asked, candidates=[*asked.candidates, failed]))
    assert found.excluded["broken"] == "failed: RecipeError: no heads"
    assert "throughput was not measured" in found.excluded["fast"]
    assert "latency is unknown" in route(question(fast={"latency_ms": None})).excluded["fast"]


def test_missing_or_other_answers_are_told_and_the_baseline_s_are_needed():
    told = {"base": answers({"th": 40}), "middling": answers({"th": 40}), "fast": answers({}, n=3)}
    assert "answered other examples" in route(question(predictions=told)).excluded["fast"]
    del told["fast"]
    assert "answers are missing" in route(question(predictions=told)).excluded["fast"]
    del told["base"]
    with pytest.raises(RunError, match="baseline's answers are missing"):
        route(question(predictions=told))


def test_a_candidate_that_was_not_judged_in_a_language_may_not_serve_it():
    asked = question()
    fast = asked.candidates[1]
    lacking = fast.model_copy(update={"languages": {tag: fast.languages[tag] for tag in ("de", "th")}})
    rivals = [asked.candidates[0], lacking, asked.candidates[2]]
    found = route(dataclasses.replace(asked, candidates=rivals))
    assert found.assignment["en"] == "middling"


def test_the_same_question_has_the_same_answer():
    one, other = route(question(costs=costs())), route(question(costs=costs()))
    assert (one.assignment, one.value, one.honest_saving) == (other.assignment, other.value, other.honest_saving)


def test_halves_keep_groups_together_and_give_single_ones_to_both():
    told = dataclasses.replace(answers({}, n=4), group=("a", "a", "b", "b", *("one",) * 4, "1", "2", "3", "4"))
    first, second = halves_of(told, seed=3)
    assert set(first) | set(second) == set(range(12))
    assert set(first) & set(second) == {4, 5, 6, 7}
    assert set(first[first < 4]) in ({0, 1}, {2, 3})
    assert np.array_equal(halves_of(told, seed=3)[0], first)
