"""The verdict per language pair: what is proven, what is found, and what the data cannot say."""

from dataclasses import replace

import numpy as np
import pytest

from leanglot.decide.translation_verdict import judge_translations
from leanglot.decide.verdict import candidate_status
from leanglot.errors import DataError
from scored_translations import drawn_counts, of_counts, parallel, scored

SENTENCES = [
    ("The lamp is on.", "Die Lampe ist an.", "en", "de"),
    ("Open the door.", "Öffne die Tür.", "en", "de"),
    ("It is cold in here.", "Hier drin ist es kalt.", "en", "de"),
    ("Play some music.", "Spiel etwas Musik.", "en", "de"),
    ("Stop.", "Halt.", "en", "de"),
]


def drawn(n, seed=0, changed=0.5, worse=0.0, groups=None):
    """Translations of a baseline, and of a candidate that changed some sentences and made them so much worse."""
    rng = np.random.default_rng(seed)
    lengths, quality = rng.integers(15, 60, n), rng.uniform(0.4, 0.9, n)
    old = drawn_counts(rng, quality, lengths)
    new = drawn_counts(rng, quality - worse, lengths)
    new = np.where(rng.random(n)[:, None] < changed, new, old)
    return of_counts(old, group=groups), of_counts(new, group=groups)


def test_five_sentences_translated_alike_prove_nothing():
    one = scored(parallel(SENTENCES), [row[1] for row in SENTENCES])
    verdict = judge_translations(one, one)["en→de"]
    assert (verdict.n, verdict.baseline, verdict.drop) == (5, 1.0, 0.0)
    assert verdict.verdict == "inconclusive"
    assert verdict.drop_bound > 0.3
    assert verdict.samples_needed > 100


def test_five_sentences_all_better_prove_no_gain_either():
    examples = parallel(SENTENCES)
    poor, good = (
        scored(examples, ["Lampe.", "Tür", "kalt", "Musik", "Hal"]),
        scored(examples, [r[1] for r in SENTENCES]),
    )
    assert judge_translations(poor, good)["en→de"].verdict == "inconclusive"
    assert judge_translations(good, poor)["en→de"].verdict == "inconclusive"


def test_one_sentence_says_so():
    examples = parallel(SENTENCES[:1])
    verdict = judge_translations(scored(examples, ["Die Lampe ist an."]), scored(examples, ["Lampe"]))["en→de"]
    assert verdict.verdict == "inconclusive"
    assert verdict.drop_bound is None
    assert "One sentence" in verdict.reason


def test_many_sentences_translated_alike_are_safe():
    one, _ = drawn(600)
    assert judge_translations(one, one)["en→de"].verdict == "safe"


def test_noise_that_costs_nothing_is_safe_and_real_damage_is_harm():
    fine = judge_translations(*drawn(2_000))["en→de"]
    assert fine.verdict == "safe"
    assert fine.drop_low < fine.drop < fine.drop_bound <= fine.drop_high < 0.02
    bad = judge_translations(*drawn(2_000, worse=0.1))["en→de"]
    assert bad.verdict == "harmed"
    assert bad.samples_needed == 0
    assert bad.reason.startswith("Worse on")


def test_bleu_is_judged_by_its_own_counts():
    examples = parallel(SENTENCES * 30)
    good = [row[1] for row in SENTENCES] * 30
    bad = [text.split()[0] for text in good]
    verdict = judge_translations(scored(examples, good), scored(examples, bad), "bleu")["en→de"]
    assert verdict.verdict == "harmed"
    assert verdict.baseline == 1.0
    assert verdict.candidate < 0.1


def test_each_pair_has_a_verdict_of_its_own_whatever_the_order():
    (fine, same), (good, bad) = drawn(300, changed=0.0), drawn(300, seed=1, worse=0.3)
    old = of_counts(np.concatenate([fine.chrf, good.chrf]), pair=["en→de"] * 300 + ["en→ja"] * 300)
    new = of_counts(np.concatenate([same.chrf, bad.chrf]), pair=["en→de"] * 300 + ["en→ja"] * 300)
    verdicts = judge_translations(old, new, margin=0.02)
    assert {pair: verdict.verdict for pair, verdict in verdicts.items()} == {"en→de": "safe", "en→ja": "harmed"}
    assert candidate_status(verdicts) == ("rejected", "1 of 2 language pairs is harmed: en→ja.")
    backwards = [
        replace(
            of_counts(side.chrf[::-1], pair=side.pair[::-1]), source=side.source[::-1], reference=side.reference[::-1]
        )
        for side in (old, new)
    ]
    assert judge_translations(*backwards, margin=0.02) == verdicts


def test_margins_can_differ_by_pair():
    old, new = drawn(600, changed=0.0)
    assert judge_translations(old, new, margin={"en→de": 0.02})["en→de"].verdict == "safe"
    assert judge_translations(old, new, margin={"en→de": 0.001})["en→de"].verdict == "inconclusive"
    with pytest.raises(DataError, match="en→de has examples and no margin"):
        judge_translations(old, new, margin={"en→fr": 0.02})


def test_groups_make_the_evidence_weaker():
    groups = tuple(str(number // 20) for number in range(600))
    alone, grouped = judge_translations(*drawn(600))["en→de"], judge_translations(*drawn(600, groups=groups))["en→de"]
    assert (alone.groups, grouped.groups) == (None, 30)
    assert grouped.drop == alone.drop
    assert grouped.drop_bound > alone.drop_bound
    each = tuple(map(str, range(600)))
    assert judge_translations(*drawn(600, groups=each))["en→de"] == alone


def test_one_group_shows_nothing():
    verdict = judge_translations(*drawn(50, groups=("g",) * 50))["en→de"]
    assert verdict.verdict == "inconclusive"
    assert verdict.samples_needed is None
    assert "one group" in verdict.reason


def test_other_sentences_are_refused():
    old, new = drawn(10)
    with pytest.raises(DataError, match="the reference of row 4 differ"):
        judge_translations(old, replace(new, reference=(*new.reference[:3], "?", *new.reference[4:])))
    with pytest.raises(DataError, match="10 and 5 sentences"):
        judge_translations(old, of_counts(new.chrf[:5]))
    with pytest.raises(DataError, match="no translations"):
        judge_translations(of_counts(old.chrf[:0]), of_counts(old.chrf[:0]))
    with pytest.raises(DataError, match="group of row 1"):
        judge_translations(old, replace(new, group=("a",) * 10))


@pytest.mark.parametrize(
    ("setting", "told"), [({"margin": 0}, "margin"), ({"alpha": 0.7}, "alpha"), ({"seed": -1}, "seed")]
)
def test_settings_out_of_range_are_refused(setting, told):
    with pytest.raises(DataError, match=told):
        judge_translations(*drawn(10), **setting)


def at_most(level, repetitions):
    """Five percent, say, and three standard errors of the simulation."""
    return level + 3 * np.sqrt(level * (1 - level) / repetitions)


def population(rng, n, shift, failing):
    """A baseline and a candidate of which 40% changed, some for the worse, and a few failed wholly."""
    lengths = np.maximum(4, rng.lognormal(3, 0.6, n)).astype(int)
    quality = rng.beta(6, 3, n)
    old = drawn_counts(rng, quality, lengths)
    new = drawn_counts(rng, quality + rng.normal(-shift, 0.1, n), lengths)
    new = np.where(rng.random(n)[:, None] < 0.4, new, old)
    return old, np.where(rng.random(n)[:, None] < failing, drawn_counts(rng, np.zeros(n), lengths), new)


def simulated(n, shift, failing, repetitions):
    """Verdicts of candidates whose true drop is the margin, each pair one repetition."""
    old, new = population(np.random.default_rng(99), 200_000, shift, failing)
    truth = judge_drop(old, new)
    samples = [population(np.random.default_rng([n, number]), n, shift, failing) for number in range(repetitions)]
    pairs = [f"en→x-{number:04d}" for number in range(repetitions) for _ in range(n)]
    sides = [of_counts(np.concatenate([sample[side] for sample in samples]), pair=pairs) for side in (0, 1)]
    return truth, list(judge_translations(*sides, margin=truth).values())


def judge_drop(old, new):
    from leanglot.stats.corpus_scores import corpus_chrf

    return float(corpus_chrf(old.sum(axis=0)) - corpus_chrf(new.sum(axis=0)))


SHIFTED = [(100, 0.05, 0.0), (300, 0.05, 0.0)]
MORE = [(1_000, 0.05, 0.0), (300, 0.03, 0.005), (1_000, 0.0, 0.02), (60, 0.1, 0.0)]


@pytest.mark.parametrize(
    ("n", "shift", "failing"), [*SHIFTED, *[pytest.param(*case, marks=pytest.mark.slow) for case in MORE]]
)
@pytest.mark.no_cover
def test_a_drop_as_large_as_the_margin_passes_as_safe_in_5_percent(n, shift, failing):
    repetitions = 150
    truth, verdicts = simulated(n, shift, failing, repetitions)
    assert truth > 0.005
    assert np.mean([verdict.verdict == "safe" for verdict in verdicts]) < at_most(0.055, repetitions)
    assert np.mean([verdict.drop_low <= truth <= verdict.drop_high for verdict in verdicts]) > 0.88


@pytest.mark.parametrize("families", [60, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.no_cover
def test_without_any_drop_a_family_of_pairs_sees_harm_in_5_percent(families):
    alarms = []
    for number in range(families):
        rng, pairs = np.random.default_rng([4, number]), [f"en→x-{pair}" for pair in range(4) for _ in range(80)]
        lengths, quality = rng.integers(15, 60, 320), rng.uniform(0.4, 0.9, 320)
        sides = [of_counts(drawn_counts(rng, quality, lengths), pair=pairs) for _ in range(2)]
        verdicts = judge_translations(*sides)
        alarms.append(any(verdict.verdict == "harmed" for verdict in verdicts.values()))
    assert np.mean(alarms) < at_most(0.05, families)
