import math

import numpy as np
import pytest

from leanglot.decide.verdict import candidate_status, judge
from leanglot.errors import DataError
from leanglot.results.records import Verdict


def answers(lost, won, n):
    """Baseline and candidate scores with that many answers lost and won."""
    same = n - lost - won
    return [1] * lost + [0] * won + [1] * same, [0] * lost + [1] * won + [1] * same


def verdict_of(lost, won, n, **settings):
    baseline, candidate = answers(lost, won, n)
    return judge(baseline, candidate, ["de"] * n, **settings)["de"]


def several(**languages):
    """Verdicts of several languages from (lost, won, n) of each."""
    columns = [(tag, *pair) for tag, counts in languages.items() for pair in zip(*answers(*counts), strict=True)]
    tags, baseline, candidate = zip(*columns, strict=True)
    return judge(baseline, candidate, tags)


def test_sixteen_unchanged_answers_prove_nothing():
    verdict = verdict_of(0, 0, 16)
    assert verdict.verdict == "inconclusive"
    assert verdict.samples_needed == pytest.approx(2_650, abs=5)
    assert verdict.reason == (
        "16 examples would likely miss a drop smaller than 44.9 points; about 2,650 more would settle it."
    )


def test_enough_unchanged_answers_are_safe():
    verdict = verdict_of(0, 0, 400)
    assert verdict.verdict == "safe"
    assert verdict.samples_needed == 0
    assert verdict.drop == 0
    assert verdict.p_value == 1.0
    assert verdict.reason == "Even the worst drop the data allow (0.7 points) is below the margin of 1.0."


def test_many_lost_answers_are_harm():
    verdict = verdict_of(31, 9, 500)
    assert verdict.verdict == "harmed"
    assert (verdict.baseline, verdict.candidate) == pytest.approx((491 / 500, 469 / 500))
    assert verdict.drop == 0.044
    assert verdict.drop_low < 0.044 < verdict.drop_bound < verdict.drop_high
    assert verdict.reason == (
        "Lost 31 answers, won 9: a drop of 4.4 points, significant after Holm's adjustment (p < 0.001)."
    )


def test_a_significant_drop_that_is_certainly_small_is_safe_and_says_so():
    verdict = verdict_of(30, 8, 6_000)
    assert verdict.p_adjusted < 0.05
    assert verdict.verdict == "safe"
    assert "significant" in verdict.reason
    assert "certainly below the margin of 1.0" in verdict.reason


def test_a_gain_is_never_harm_however_significant():
    verdict = verdict_of(2, 40, 300)
    assert verdict.p_value < 1e-6
    assert verdict.verdict == "safe"
    assert verdict.reason.startswith("The candidate is better: it gains at least")


def test_safe_means_that_the_bound_is_below_the_margin():
    verdict = verdict_of(6, 4, 900)
    assert verdict.verdict == "safe"
    assert verdict_of(6, 4, 900, margin=verdict.drop_bound).verdict == "inconclusive"
    assert verdict_of(6, 4, 900, margin=verdict.drop_bound + 1e-9).verdict == "safe"


def test_a_bound_just_below_the_margin_is_told_with_enough_digits():
    bound = verdict_of(6, 4, 900).drop_bound
    reason = verdict_of(6, 4, 900, margin=bound + 2e-6).reason
    first, second = (float(word.strip("(.")) for word in reason.split() if word.strip("(.")[0].isdigit())
    assert first < second


def test_a_drop_that_may_be_chance_is_told_as_such():
    verdict = several(de=(29, 14, 500), fr=(5, 5, 500))["de"]
    assert verdict.verdict == "inconclusive"
    assert verdict.reason.startswith(
        "The drop of 3.0 points may be chance (p = 0.063), yet may be as large as 5.3 points"
    )


def test_a_large_sample_that_allows_a_drop_at_the_margin_says_so():
    verdict = verdict_of(60, 45, 4_000, margin=0.0078)
    assert verdict.verdict == "inconclusive"
    assert verdict.reason.startswith("A drop of 0.81 points is possible, not below the margin of 0.78")


def test_one_example_can_show_nothing():
    for lost in (0, 1):
        verdict = verdict_of(lost, 0, 1)
        assert verdict.verdict == "inconclusive"
        assert (verdict.p_value, verdict.p_adjusted, verdict.detectable_drop) == (1.0, None, None)
        assert verdict.drop_high > 0.9
        assert verdict.samples_needed > 100
        assert verdict.reason.startswith("1 example cannot show any drop, however large; about")


def test_five_examples_all_lost_are_too_few_and_six_are_not():
    assert verdict_of(5, 0, 5).verdict == "inconclusive"
    assert verdict_of(6, 0, 6).verdict == "harmed"


def test_three_answers_won_are_no_proof():
    verdict = verdict_of(0, 3, 3)
    assert verdict.verdict == "inconclusive"
    assert verdict.drop_bound > 0.2
    assert verdict_of(0, 15, 15).verdict == "safe"


def test_all_answers_flipped():
    assert verdict_of(50, 0, 50).verdict == "harmed"
    assert verdict_of(0, 50, 50).verdict == "safe"


def test_constant_wrong_answers_are_a_real_finding():
    assert judge([0] * 500, [0] * 500, ["de"] * 500)["de"].verdict == "safe"


def test_holm_counts_the_languages_that_could_be_tested():
    alone = several(de=(12, 3, 200))["de"]
    among = several(de=(12, 3, 200), fr=(5, 5, 200), sw=(2, 0, 5))
    assert alone.p_adjusted == alone.p_value == among["de"].p_value
    assert among["de"].p_adjusted == pytest.approx(2 * alone.p_value)
    assert among["sw"].p_value == 0.5
    assert among["sw"].p_adjusted is None
    assert (alone.verdict, among["de"].verdict) == ("harmed", "inconclusive")


def test_more_languages_need_more_examples_to_prove_harm():
    alone = several(de=(9, 2, 200))["de"]
    among = several(de=(9, 2, 200), **{f"x{i}": (0, 0, 50) for i in range(9)})["de"]
    assert among.samples_needed > alone.samples_needed


# Real scores


def real_scores(n, drop, spread=0.05, seed=0):
    rng = np.random.default_rng(seed)
    baseline = rng.uniform(0.3, 0.7, n)
    return baseline, baseline - rng.normal(drop, spread, n)


def test_real_scores_are_judged():
    tags = ["de"] * 400
    assert judge(*real_scores(400, 0.0), tags)["de"].verdict == "safe"
    harmed = judge(*real_scores(400, 0.03), tags)["de"]
    assert harmed.verdict == "harmed"
    assert harmed.reason.startswith("Worse on ")
    assert judge(*real_scores(40, 0.002), tags[:40])["de"].verdict == "inconclusive"


def test_real_scores_beyond_fractions_are_told_in_their_own_unit():
    baseline, candidate = real_scores(40, 0.002)
    verdict = judge(60 * baseline, 60 * candidate, ["de"] * 40, margin=0.5)["de"]
    assert verdict.verdict == "inconclusive"
    assert "point" not in verdict.reason


def test_unchanged_real_scores_get_the_rule_of_three_on_their_range():
    verdict = judge([0.4] * 100, [0.4] * 100, ["de"] * 100)["de"]
    assert verdict.verdict == "inconclusive"
    assert verdict.drop_bound == pytest.approx(1 - 0.05 ** (1 / 100))
    assert judge([0.4] * 400, [0.4] * 400, ["de"] * 400)["de"].verdict == "safe"
    scaled = judge([20, 70] * 200, [20, 70] * 200, ["de"] * 400, margin=0.5)["de"]
    assert scaled.drop_bound == pytest.approx(50 * (1 - 0.05 ** (1 / 400)))


def test_one_number_everywhere_tells_nothing_of_its_scale():
    verdict = judge([5.0] * 400, [5.0] * 400, ["de"] * 400)["de"]
    assert verdict.verdict == "inconclusive"
    assert (verdict.drop_bound, verdict.p_value, verdict.detectable_drop, verdict.samples_needed) == (None,) * 4
    assert verdict.reason == "All scores are one and the same number, so nothing shows what a difference is worth."


def test_a_constant_shift_of_real_scores_is_harm_but_no_certainty():
    verdict = judge([0.5] * 40, [0.48] * 40, ["de"] * 40)["de"]
    assert verdict.verdict == "harmed"
    assert verdict.drop_high - verdict.drop_low > 0.1


def test_three_real_scores_are_too_few():
    verdict = judge([0.5, 0.6, 0.7], [0.5, 0.6, 0.69], ["de"] * 3)["de"]
    assert verdict.verdict == "inconclusive"
    assert verdict.drop_bound > 0.5


def test_a_margin_too_fine_for_the_scores_gets_no_number():
    baseline = np.arange(50) * 1e6
    verdict = judge(baseline, baseline + np.tile([1e6, -1e6], 25), ["de"] * 50)["de"]
    assert verdict.verdict == "inconclusive"
    assert verdict.samples_needed is None
    assert verdict.reason.endswith("; no number of examples that could be had would settle it.")


def test_a_hair_of_noise_does_not_make_few_scores_enough():
    baseline = np.linspace(0.3, 0.9, 21)
    noise = 1e-9 * np.random.default_rng(0).normal(size=21)
    verdict = judge(baseline, baseline + noise, ["de"] * 21)["de"]
    assert verdict.verdict == "inconclusive"
    assert verdict.drop_bound > 0.1
    assert verdict.samples_needed > 1_000


@pytest.mark.parametrize(
    ("baseline", "candidate"), [([5.0], [5.001]), ([5.001], [5.0]), ([-1.2, -1.203], [-1.201, -1.206])]
)
def test_few_scores_without_natural_limits_prove_nothing(baseline, candidate):
    verdict = judge(baseline, candidate, ["de"] * len(baseline))["de"]
    assert verdict.verdict == "inconclusive"
    assert verdict.drop_bound is None
    assert "without natural limits" in verdict.reason


def test_many_languages_can_still_be_harmed():
    scores = [real_scores(50, 0.2, seed=seed) for seed in range(300)]
    tags = np.repeat([f"x{i:03d}" for i in range(300)], 50)
    verdicts = judge(*(np.concatenate(column) for column in zip(*scores, strict=True)), tags)
    assert {verdict.verdict for verdict in verdicts.values()} == {"harmed"}


# Groups


def test_whole_groups_that_may_be_lost_are_not_outweighed_by_single_flips():
    tags, groups = ["de"] * 3_000, np.arange(3_000) // 15
    for lost in (0, 3, 5):
        candidate = np.ones(3_000, int)
        candidate[np.arange(lost) * 15] = 0
        verdict = judge(np.ones(3_000, int), candidate, tags, groups=groups)["de"]
        assert verdict.verdict == "inconclusive", lost
        assert verdict.drop_bound > 0.0148
        assert verdict.samples_needed > 100


def test_few_large_groups_among_many_single_examples_may_fail_more_often():
    groups = np.r_[np.repeat([0, 1, 2], 300), np.arange(3, 9_003)]
    for score in (np.ones(9_900, int), np.full(9_900, 0.8)):
        verdict = judge(score, score, ["de"] * 9_900, groups=groups)["de"]
        assert verdict.verdict == "inconclusive"
        assert verdict.drop_bound == pytest.approx(0.057, abs=0.002)


def test_one_group_that_holds_most_examples_is_one_witness():
    groups = np.r_[np.zeros(500, int), np.arange(1, 301)]
    verdict = judge(np.ones(800, int), np.ones(800, int), ["de"] * 800, groups=groups)["de"]
    assert verdict.verdict == "inconclusive"
    assert verdict.drop_bound > 0.5


def test_groups_of_one_change_nothing_at_all():
    rng = np.random.default_rng(0)
    baseline = (rng.random(300) < 0.9).astype(int)
    candidate = np.where(rng.random(300) < 0.06, 1 - baseline, baseline)
    tags = ["de"] * 150 + ["fr"] * 150
    assert judge(baseline, candidate, tags, groups=range(300)) == judge(baseline, candidate, tags)
    real = real_scores(300, 0.01)
    assert judge(*real, tags, groups=range(300)) == judge(*real, tags)


def test_answers_lost_within_few_groups_prove_less():
    baseline, candidate = answers(30, 0, 600)
    tags = ["de"] * 600
    free = judge(baseline, candidate, tags)["de"]
    bound = judge(baseline, candidate, tags, groups=np.arange(600) // 15)["de"]
    assert (free.groups, bound.groups) == (None, 40)
    assert (free.verdict, bound.verdict) == ("harmed", "inconclusive")
    assert bound.drop_high > free.drop_high
    assert bound.detectable_drop > free.detectable_drop
    assert bound.samples_needed > 0


def test_unchanged_answers_count_as_their_groups():
    tags = ["de"] * 400
    assert judge([1] * 400, [1] * 400, tags)["de"].verdict == "safe"
    grouped = judge([1] * 400, [1] * 400, tags, groups=np.arange(400) // 10)["de"]
    assert grouped.verdict == "inconclusive"
    assert grouped.reason.startswith("400 examples in 40 groups would likely miss a drop smaller than ")
    assert "from new groups" in grouped.reason


def test_one_group_shows_nothing():
    for scores in ([1, 0] * 50, [0.3, 0.8] * 50):
        verdict = judge(scores, scores, ["de"] * 100, groups=["a"] * 100)["de"]
        assert verdict.verdict == "inconclusive"
        assert verdict.groups == 1
        assert (verdict.drop_bound, verdict.p_value, verdict.samples_needed) == (None, None, None)
        assert verdict.reason.startswith("All 100 examples belong to one group")


def test_two_groups_can_prove_no_drop():
    verdict = judge([1] * 40, [0] * 40, ["de"] * 40, groups=[1] * 20 + [2] * 20)["de"]
    assert verdict.verdict == "inconclusive"
    assert verdict.p_adjusted is None
    assert verdict.reason.startswith("2 groups cannot show any drop, however large")


def test_real_scores_in_groups_widen_too():
    rng = np.random.default_rng(1)
    baseline = rng.uniform(0.4, 0.6, 30_000)
    candidate = baseline - np.repeat(rng.normal(0, 0.05, 3_000), 10)
    tags = ["de"] * 30_000
    free = judge(baseline, candidate, tags)["de"]
    bound = judge(baseline, candidate, tags, groups=np.arange(30_000) // 10)["de"]
    ratio = (bound.drop_high - bound.drop_low) / (free.drop_high - free.drop_low)
    assert ratio == pytest.approx(math.sqrt(10), rel=0.15)
    assert bound.p_value > free.p_value


# Order, seed, settings


def test_neither_order_nor_company_changes_an_interval():
    baseline, candidate = real_scores(300, 0.01)
    tags = np.repeat(["de", "fr", "sw"], 100)
    whole = judge(baseline, candidate, tags)
    shuffled = np.random.default_rng(9).permutation(300)
    mixed = judge(baseline[shuffled], candidate[shuffled], tags[shuffled])
    alone = judge(baseline[100:200], candidate[100:200], tags[100:200])["fr"]
    assert list(whole) == list(mixed) == ["de", "fr", "sw"]
    for tag, verdict in whole.items():
        assert mixed[tag].drop_bound == verdict.drop_bound
        assert mixed[tag].p_adjusted == verdict.p_adjusted
    assert alone.drop_bound == whole["fr"].drop_bound
    assert alone.p_value == whole["fr"].p_value


def test_the_seed_decides_the_resampling():
    scores = (*real_scores(2_000, 0.01), ["de"] * 2_000)
    assert judge(*scores, seed=3) == judge(*scores, seed=3)
    assert judge(*scores, seed=3)["de"].drop_bound != judge(*scores, seed=4)["de"].drop_bound


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"margin": 0}, "margin is 0"),
        ({"margin": 1}, "margin is 1"),
        ({"margin": -0.01}, "margin"),
        ({"margin": math.nan}, "margin is nan"),
        ({"alpha": 0}, "alpha is 0"),
        ({"alpha": 1}, "alpha is 1"),
        ({"alpha": math.nan}, "alpha is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"margin": 1e-200}, "margin is 1e-200"),
        ({"margin": "0.01"}, "margin is '0.01'"),
        ({"alpha": None}, "alpha is None"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(DataError, match=message) as caught:
        judge([1, 0], [1, 0], ["de", "de"], **settings)
    assert caught.value.hint


def test_a_margin_above_one_is_fine_for_scores_that_are_no_fractions():
    assert judge([20.0, 50.0], [21.0, 49.0], ["de", "de"], margin=2)["de"].verdict == "inconclusive"


# A margin for each language


def two_languages(margin, **settings):
    """The same answers, 6 lost and 4 won of 900, in two languages."""
    baseline, candidate = answers(6, 4, 900)
    return judge(baseline * 2, candidate * 2, ["de"] * 900 + ["th"] * 900, margin=margin, **settings)


def test_each_language_is_held_to_its_own_margin():
    bound = two_languages(0.01)["de"].drop_bound
    found = two_languages({"de": bound / 2, "th": bound * 2})
    assert (found["de"].verdict, found["th"].verdict) == ("inconclusive", "safe")
    assert found["de"].samples_needed == two_languages(bound / 2)["th"].samples_needed > 0
    assert found["th"].samples_needed == 0
    assert found["th"].reason.endswith(f"is below the margin of {200 * bound:.1f}.")


def test_equal_margins_by_language_are_one_margin():
    assert two_languages({"de": 0.01, "th": 0.01}) == two_languages(0.01)


def test_a_margin_does_not_change_what_is_harm():
    baseline, candidate = answers(31, 9, 500)
    found = judge(baseline * 2, candidate * 2, ["de"] * 500 + ["th"] * 500, margin={"de": 0.001, "th": 0.2})
    assert (found["de"].verdict, found["th"].verdict) == ("harmed", "safe")
    assert found["de"].p_adjusted == found["th"].p_adjusted


def test_margins_that_miss_a_language_or_name_another_are_refused():
    with pytest.raises(DataError) as caught:
        two_languages({"de": 0.01, "sw": 0.01, "xx": 0.02})
    assert caught.value.message == (
        "The margins do not fit the languages: th has examples and no margin; sw has a margin and no examples; "
        "xx has a margin and no examples."
    )
    assert caught.value.hint


@pytest.mark.parametrize("margin", [0, -0.1, 1.0, math.nan, "0.01", True, None])
def test_a_margin_of_a_language_that_is_out_of_range_is_told_with_its_language(margin):
    with pytest.raises(DataError, match="The margin of th is"):
        two_languages({"de": 0.01, "th": margin})


# Status


def verdicts(**kinds):
    blank = verdict_of(0, 0, 16)
    return {
        tag: Verdict(**{**blank.model_dump(), "verdict": kind, "drop": drop}) for tag, (kind, drop) in kinds.items()
    }


def test_certified_when_every_language_is_safe():
    assert candidate_status(verdicts(de=("safe", 0), fr=("safe", 0))) == ("certified", "All 2 languages are safe.")
    assert candidate_status(verdicts(de=("safe", 0)))[1] == "The only language, de, is safe."


def test_rejected_when_any_language_is_harmed():
    status, reason = candidate_status(verdicts(de=("harmed", 0.02), fr=("safe", 0), sw=("harmed", 0.05)))
    assert (status, reason) == ("rejected", "2 of 3 languages are harmed: sw and de.")


def test_unrefuted_names_the_worst_five():
    open_ones = {f"x{i:02d}": ("inconclusive", i / 1000) for i in range(12)}
    status, reason = candidate_status(verdicts(de=("safe", 0), **open_ones))
    assert status == "unrefuted"
    assert reason == (
        "No language is proven harmed, but 12 of 13 are not proven safe: x11, x10, x09, x08, x07 and 7 more."
    )


def test_no_verdicts_are_no_certificate():
    with pytest.raises(DataError, match="no verdicts"):
        candidate_status({})
