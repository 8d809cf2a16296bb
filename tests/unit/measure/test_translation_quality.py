"""Scores of translations are sacrebleu's, sentence by sentence and summed."""

import math

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from leanglot.errors import DataError, MissingExtraError, ModelError
from leanglot.measure.translation_quality import (
    bleu_tokenizer,
    metric_record,
    overall,
    pair_quality,
    score_translations,
)
from scored_translations import NO_DETECTORS, Tokens, failing, parallel, scored

ROWS = [
    ("Turn on the light.", "Schalte das Licht ein.", "en", "de"),
    ("The door is open.", "灯がついています。", "en", "ja"),
    ("Stop it.", "Halt an.", "en", "de"),
    ("The light is on", "灯亮着", "en", "zh"),
    ("Play music.", "音楽を再生する。", "en", "ja"),
]
HYPOTHESES = ["Schalte Licht ein.", "灯がついて、います。", "", "灯开着", "音楽を再生。"]


@pytest.fixture(scope="module")
def translations():
    return scored(parallel(ROWS, "aabbc"), HYPOTHESES)


def test_summed_counts_score_as_sacrebleu_scores_each_pair(translations):
    qualities = pair_quality(translations)
    assert list(qualities) == ["en→de", "en→ja", "en→zh"]
    for pair, tokenizer in (("en→de", "13a"), ("en→ja", "char"), ("en→zh", "zh")):
        places = [place for place, row in enumerate(ROWS) if row[3] == pair[-2:]]
        made, references = [HYPOTHESES[place] for place in places], [[ROWS[place][1] for place in places]]
        sources = [ROWS[place][0] for place in places]
        assert qualities[pair].chrf == pytest.approx(CHRF().corpus_score(made, references).score / 100, rel=1e-12)
        bleu = BLEU(tokenize=tokenizer).corpus_score(made, references).score / 100
        assert qualities[pair].bleu == pytest.approx(bleu, rel=1e-12)
        copying = CHRF().corpus_score(sources, references).score / 100
        assert qualities[pair].copying == pytest.approx(copying, rel=1e-12)
        assert qualities[pair].n == len(places)
        assert qualities[pair].characters == sum(map(len, sources))
        assert qualities[pair].tokens == 3 * len(places)


def test_sentences_keep_their_own_score_and_columns(translations):
    expected = [CHRF().sentence_score(made, [row[1]]).score / 100 for made, row in zip(HYPOTHESES, ROWS, strict=True)]
    assert translations.sentence_chrf == pytest.approx(expected, rel=1e-12)
    assert translations.hypothesis == tuple(HYPOTHESES)
    assert translations.group == tuple("aabbc")
    assert translations.index.tolist() == [0, 1, 2, 3, 4]


def test_overall_is_the_corpus_of_all_pairs(translations):
    references = [row[1] for row in ROWS]
    expected = CHRF().corpus_score(HYPOTHESES, [references]).score / 100
    assert overall(translations, "chrf") == pytest.approx(expected, rel=1e-12)
    assert overall(scored(parallel(ROWS).subset([]), []), "bleu") is None


def test_confidence_is_the_mean_probability_of_a_token():
    tokens = [Tokens((1, 2, 3), -2.0), Tokens((1, 2, 3), -2.0, finished=False), Tokens((), -0.5), Tokens((), 0.0)]
    made = score_translations(parallel(ROWS[:1] * 4), ["a"] * 4, tokens, NO_DETECTORS)
    assert made.confidence == pytest.approx([math.exp(-0.5), math.exp(-2 / 3), math.exp(-0.5), 1.0])
    assert made.tokens.tolist() == [3, 3, 0, 0]
    assert made.failed["unfinished"].tolist() == [False, True, False, False]
    with pytest.raises(ModelError, match="translation 1 is no number"):
        score_translations(parallel(ROWS[:1]), ["a"], [Tokens((1,), math.nan)], NO_DETECTORS)


def test_failures_are_counted_by_pair(translations):
    shown = failing(translations, copied=[True, True, False, False, True])
    failures = {pair: quality.failures for pair, quality in pair_quality(shown, copying=False).items()}
    assert failures == {"en→de": {"copied": 1}, "en→ja": {"copied": 2}, "en→zh": {"copied": 0}}
    assert pair_quality(shown, copying=False)["en→de"].copying is None


def test_every_sentence_needs_one_translation():
    with pytest.raises(DataError, match="5 sentences, 4 translations"):
        score_translations(parallel(ROWS), HYPOTHESES[:4], [Tokens()] * 4)


@pytest.mark.parametrize(
    ("tag", "tokenizer"),
    [
        *[("de", "13a"), ("zh", "zh"), ("zh-Hant", "zh"), ("yue", "zh"), ("zh-Latn", "13a"), ("ja", "char")],
        *[("ko", "char"), ("th", "char"), ("km", "char"), ("my", "char"), ("lo", "char"), ("bo", "char")],
        *[("en→ja", "char"), ("ja→en", "13a"), ("hi", "13a"), ("x-foo", "13a")],
    ],
)
def test_bleu_tokenizes_by_target_language(tag, tokenizer):
    assert bleu_tokenizer(tag) == tokenizer


def test_the_signatures_are_sacrebleus():
    chrf = metric_record("chrf", ["en→de", "en→ja"])
    assert (chrf.name, chrf.pair_signatures) == ("chrf", {})
    metric = CHRF()
    metric.corpus_score(["a"], [["a"]])
    assert chrf.signature == str(metric.get_signature())
    bleu = metric_record("bleu", ["en→de", "en→ja", "en→zh"])
    assert "tok:13a" in bleu.signature
    assert {pair: "tok:" + told.split("tok:")[1].split("|")[0] for pair, told in bleu.pair_signatures.items()} == {
        "en→ja": "tok:char",
        "en→zh": "tok:zh",
    }


def test_without_sacrebleu_the_command_that_installs_it_is_told(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(MissingExtraError, match=r"leanglot\[translation\]"):
        metric_record("chrf", ["en→de"])


def test_texts_that_end_in_a_spaced_full_stop_cause_no_warnings(caplog):
    scored(parallel(ROWS[:1] * 120), ["Das Licht ist an ."] * 120)
    assert [
        record for record in caplog.records if "tokenized period" in record.message and "bleu" in record.message
    ] == []


def test_an_index_can_be_given():
    made = score_translations(parallel(ROWS[:2]), ["a", "b"], [Tokens()] * 2, NO_DETECTORS, np.asarray([4, 9]))
    assert made.index.tolist() == [4, 9]
