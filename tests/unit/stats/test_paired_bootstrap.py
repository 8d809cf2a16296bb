"""Two systems compared by a corpus metric, against sacrebleu's own tests and against brute force."""

import itertools

import numpy as np
import pytest
from sacrebleu.metrics import CHRF
from sacrebleu.significance import PairedTest

from leanglot.stats.corpus_scores import corpus_chrf
from leanglot.stats.paired_bootstrap import (
    RESAMPLES,
    PairedCorpora,
    bootstrap_interval,
    linearised,
    randomization_p_value,
    resampled_drops,
)
from scored_translations import drawn_counts

WORDS = [
    "the",
    "lamp",
    "in",
    "the",
    "hall",
    "is",
    "on",
    "but",
    "nobody",
    "turned",
    "it",
    "off",
    "before",
    "the",
    "sun",
    "came",
    "up",
    "again",
    "today",
]


def sentences(rng, damage):
    references = [" ".join(rng.choice(WORDS, rng.integers(4, 12))) for _ in range(120)]
    broken = [
        " ".join(word if rng.random() > damage else "x" * len(word) for word in text.split()) for text in references
    ]
    return references, broken


@pytest.fixture(scope="module")
def systems():
    rng = np.random.default_rng(3)
    references, one = sentences(rng, 0.3)
    other = [text if rng.random() > 0.5 else text.replace("on", "onn").replace("xx", "up") for text in one]
    return references, one, other


def corpora_of(references, one, other):
    counts = [np.asarray(CHRF()._extract_corpus_statistics(side, [references]), dtype=float) for side in (one, other)]
    return PairedCorpora(*counts, corpus_chrf)


def test_the_p_value_is_about_sacrebleus(systems, monkeypatch):
    monkeypatch.setenv("SACREBLEU_SEED", "7")
    references, one, other = systems
    _, scores = PairedTest([("one", one), ("other", other)], {"chrF": CHRF()}, [references], test_type="ar")()
    (theirs,) = [results[1].p_value for name, results in scores.items() if name.startswith("chrF")]
    ours = randomization_p_value(corpora_of(*systems), np.random.default_rng(0))
    assert 0.02 < theirs < 0.98
    assert ours == pytest.approx(theirs, abs=0.02)


def test_the_resampled_drops_spread_as_sacrebleus(systems):
    corpora, metric = corpora_of(*systems), CHRF()
    drawn = np.random.default_rng(1).integers(len(corpora), size=(1_000, len(corpora)))
    theirs = [
        (
            metric._compute_f_score(corpora.baseline[rows].sum(0))
            - metric._compute_f_score(corpora.candidate[rows].sum(0))
        )
        / 100
        for rows in drawn
    ]
    ours = resampled_drops(corpora, np.random.default_rng(2))
    assert ours.shape == (RESAMPLES,)
    assert ours.mean() == pytest.approx(np.mean(theirs), abs=3 * ours.std() / np.sqrt(1_000))
    assert ours.std() == pytest.approx(np.std(theirs), rel=0.1)


def test_few_changed_units_are_exchanged_in_all_ways():
    rng = np.random.default_rng(5)
    old = drawn_counts(rng, np.full(30, 0.7), np.full(30, 20))
    new = old.copy()
    new[:6] = drawn_counts(rng, np.full(6, 0.4), np.full(6, 20))
    corpora = PairedCorpora(old, new, corpus_chrf)
    extreme = 0
    for pattern in itertools.product([False, True], repeat=6):
        exchanged = np.asarray([*pattern, *[False] * 24])[:, None]
        drop = corpus_chrf(np.where(exchanged, new, old).sum(0)) - corpus_chrf(np.where(exchanged, old, new).sum(0))
        extreme += abs(drop) >= abs(corpora.drop) - 1e-12
    assert randomization_p_value(corpora, np.random.default_rng(0)) == extreme / 64


def test_no_change_is_no_evidence():
    counts = drawn_counts(np.random.default_rng(0), np.full(40, 0.6), np.full(40, 25))
    corpora = PairedCorpora(counts, counts.copy(), corpus_chrf)
    assert corpora.drop == 0
    assert randomization_p_value(corpora, np.random.default_rng(0)) == 1.0
    assert not linearised(corpora).sums.any()


def test_parts_add_up_to_the_drop_and_lie_near_each_sentences_own():
    rng = np.random.default_rng(8)
    lengths = rng.integers(10, 60, 400)
    quality = rng.uniform(0.3, 0.9, 400)
    old = drawn_counts(rng, quality, lengths)
    new = np.where(rng.random(400)[:, None] < 0.3, drawn_counts(rng, quality - 0.2, lengths), old)
    corpora = PairedCorpora(old, new, corpus_chrf)
    parts = linearised(corpora)
    assert parts.drop == pytest.approx(corpora.drop, rel=1e-9)
    alone = corpus_chrf(old) - corpus_chrf(new)
    assert np.corrcoef(parts.sums / parts.sizes, alone)[0, 1] > 0.95
    assert not parts.sums[(old == new).all(axis=1)].any()


def test_groups_are_summed_and_order_does_not_matter():
    rng = np.random.default_rng(9)
    old, new = (drawn_counts(rng, np.full(50, rate), np.full(50, 30)) for rate in (0.7, 0.6))
    groups = rng.integers(0, 8, 50)
    grouped = PairedCorpora(old, new, corpus_chrf).grouped(groups)
    assert len(grouped) == 8
    assert grouped.drop == pytest.approx(PairedCorpora(old, new, corpus_chrf).drop)
    shuffled = rng.permutation(50)
    one, other = (
        resampled_drops(PairedCorpora(old[rows], new[rows], corpus_chrf).sorted(), np.random.default_rng(1))
        for rows in (np.arange(50), shuffled)
    )
    assert np.array_equal(one, other)


def test_the_interval_holds_the_drop(systems):
    corpora = corpora_of(*systems)
    interval = bootstrap_interval(corpora, resampled_drops(corpora, np.random.default_rng(1)), len(corpora), 0.05)
    assert interval.low < corpora.drop < interval.bound < interval.high
