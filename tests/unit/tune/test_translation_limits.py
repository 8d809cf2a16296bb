"""The search for the furthest cut, on probes whose every drop is planted, and the judging of one probe."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.errors import ConfigError
from leanglot.measure.translation_quality import score_translations
from leanglot.results.translation_limits import LimitProbe
from leanglot.runtimes.seq2seq import Decoded
from leanglot.tune.translation_limits import LimitRule, search_limit
from tiny_translators import parallel

LEVELS = tuple(number / 20 for number in range(1, 20))
RULE = LimitRule()


def planted(drops, safe=()):
    """Probes by level with these drops; those of `safe` have a safe verdict in every pair."""
    asked = []

    def probing(level):
        asked.append(level)
        place = LEVELS.index(level)
        whole = RULE.judge(WHOLE, WHOLE, level, level, 0.0)
        verdicts = {
            pair: verdict.model_copy(update={"verdict": "safe" if place in safe else "inconclusive"})
            for pair, verdict in whole.verdicts.items()
        }
        changed = {"drop": drops[place], "within": drops[place] < RULE.max_drop, "verdicts": verdicts}
        return whole.model_copy(update=changed)

    return probing, asked


def scored(examples, texts):
    decoded = [Decoded(ids=[1] * 3, log_probability=-1.0) for _ in texts]
    return score_translations(examples, texts, decoded)


EXAMPLES = parallel()
WHOLE = scored(EXAMPLES, list(EXAMPLES.references))


def find(drops, safe=()):
    probing, asked = planted(drops, safe)
    return search_limit("magnitude", LEVELS, probing, RULE, trained=False), asked


def test_the_furthest_level_within_is_found_and_the_next_was_tried():
    found, asked = find([0.0] * 11 + [0.02] * 8, safe=range(4))
    assert (found.level, found.safe_level) == (0.55, 0.2)
    assert len(asked) == len(set(asked)) < 10
    assert {0.2, 0.25, 0.55, 0.6} <= set(asked)
    assert [probe.level for probe in found.probes] == sorted(asked)
    assert "With 55% of the weights of the linear layers at zero no pair loses 1 BLEU" in found.reason
    assert "with 60% of the weights of the linear layers at zero, ru" not in found.reason
    assert "loses 2.00" in found.reason
    assert found.reason.endswith("Proven safe in every pair: 20% of the weights of the linear layers at zero.")


def test_where_the_mildest_is_too_much_there_is_no_level():
    found, _ = find([0.03] * 19)
    assert (found.level, found.safe_level) == (None, None)
    assert found.reason.startswith(
        "Even with 5% of the weights of the linear layers at zero a pair loses 1 BLEU or more"
    )
    assert found.reason.endswith("No level that was tried is proven safe in every pair.")


def test_where_nothing_hurts_the_furthest_was_tried():
    found, _ = find([0.0] * 19, safe=range(19))
    assert (found.level, found.safe_level) == (0.95, 0.95)
    assert found.probes[-1].level == 0.95


def test_without_levels_nothing_is_tried():
    found = search_limit("decoder-layers", (), lambda level: pytest.fail("tried"), RULE, trained=False)
    assert (found.level, found.probes) == (None, ())
    assert found.reason == "Nothing was tried, since there is nothing to cut."


@given(st.lists(st.booleans(), min_size=19, max_size=19), st.lists(st.booleans(), min_size=19, max_size=19))
def test_whatever_the_course_what_is_found_was_tried_and_so_was_the_next(within, safe):
    found, asked = find([0.0 if good else 0.5 for good in within], [place for place, good in enumerate(safe) if good])
    assert len(asked) == len(set(asked))
    tried = {probe.level: probe for probe in found.probes}
    for level, good in ((found.level, lambda probe: probe.within), (found.safe_level, lambda probe: probe.safe)):
        place = -1 if level is None else LEVELS.index(level)
        assert level is None or good(tried[level])
        assert place == 18 or not good(tried[LEVELS[place + 1]])
        assert not any(good(probe) for other, probe in tried.items() if level is not None and other > level)


def test_a_probe_is_judged_by_pair_and_its_worst_pair_counts():
    hurt = [
        "Fenster" if pair == "en→de" and place % 2 else text
        for place, (pair, text) in enumerate(zip(EXAMPLES.pairs, EXAMPLES.references, strict=True))
    ]
    probe = RULE.judge(WHOLE, scored(EXAMPLES, hurt), 0.4, 0.39, 1.5)
    assert (probe.level, probe.actual, probe.seconds) == (0.4, 0.39, 1.5)
    assert probe.worst == "en→de"
    assert probe.drop == pytest.approx(1 - probe.scores["en→de"])
    assert not probe.within
    assert not probe.safe
    assert probe.verdicts["en→de"].verdict == "harmed"
    assert {probe.scores[pair] for pair in probe.scores if pair != "en→de"} == {1.0}
    assert LimitProbe.model_validate_json(probe.model_dump_json()) == probe


def test_a_drop_of_exactly_the_allowed_one_is_not_under_it():
    rule = LimitRule(max_drop=0.5)
    probe = rule.judge(WHOLE, WHOLE, 0.1, 0.1, 0.0)
    assert probe.within
    assert probe.drop == 0
    with pytest.raises(ConfigError, match="fraction above 0 and below 1"):
        LimitRule(max_drop=0.0)


def test_pairs_can_be_held_to_chrf_too():
    hurt = scored(EXAMPLES, [text[::-1] for text in EXAMPLES.references])
    bleu, chrf = (LimitRule(metric=metric).judge(WHOLE, hurt, 0.1, 0.1, 0.0) for metric in ("bleu", "chrf"))
    assert bleu.scores != chrf.scores
    assert chrf.scores == pytest.approx(LimitRule(metric="chrf").scores(hurt))
