"""Corpus scores from summed counts are sacrebleu's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from leanglot.stats.corpus_scores import corpus_bleu, corpus_chrf

WORDS = st.sampled_from(["the", "a", "lamp", "light", "is", "on", "off", ".", "im", "Zimmer", "灯", "を"])
TEXTS = st.lists(WORDS, max_size=9).map(" ".join)
CORPORA = st.lists(st.tuples(TEXTS, TEXTS.filter(bool)), min_size=1, max_size=6)


def counts(metric, rows):
    hypotheses, references = zip(*rows, strict=True)
    return np.asarray(metric._extract_corpus_statistics(hypotheses, [references]), dtype=float)


@given(CORPORA)
def test_chrf_is_sacrebleus(rows):
    hypotheses, references = zip(*rows, strict=True)
    expected = CHRF().corpus_score(list(hypotheses), [list(references)]).score / 100
    assert float(corpus_chrf(counts(CHRF(), rows).sum(axis=0))) == pytest.approx(expected, rel=1e-12)


@given(CORPORA, st.sampled_from(["13a", "char", "zh"]))
def test_bleu_is_sacrebleus(rows, tokenizer):
    hypotheses, references = zip(*rows, strict=True)
    metric = BLEU(tokenize=tokenizer, force=True)
    expected = metric.corpus_score(list(hypotheses), [list(references)]).score / 100
    assert float(corpus_bleu(counts(metric, rows).sum(axis=0))) == pytest.approx(expected, rel=1e-12)


@given(st.lists(CORPORA, min_size=2, max_size=4))
def test_many_corpora_at_once_score_as_one_by_one(corpora):
    for metric, score in ((CHRF(), corpus_chrf), (BLEU(force=True), corpus_bleu)):
        sums = np.stack([counts(metric, rows).sum(axis=0) for rows in corpora])
        assert np.array_equal(score(sums), [score(each) for each in sums])


def test_sentences_score_as_sacrebleu_scores_them_alone():
    rows = [("turn on the light", "turn on the lamp"), ("", "off"), ("灯", "灯")]
    expected = [CHRF().sentence_score(one, [other]).score / 100 for one, other in rows]
    assert corpus_chrf(counts(CHRF(), rows)) == pytest.approx(expected, rel=1e-12)
    assert expected[1:] == [0.0, 1.0]
