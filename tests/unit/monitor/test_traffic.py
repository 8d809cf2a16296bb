"""The mix of languages is compared with the first traffic, and stays quiet while it does not change."""

import numpy as np
import pytest
from watched import START, events

from leanglot.errors import RunError
from leanglot.monitor.rules import Rules
from leanglot.monitor.traffic import Traffic, TrafficState

NAMES = ("de", "en", "sw")


def spoken(rng, n, shares, start=START):
    rows = events(start + np.arange(n), rng.choice(list(shares), n, p=list(shares.values())).tolist())
    return rows, {name: name for name in shares}


def test_no_change_no_finding():
    for seed in range(20):
        traffic = Traffic(NAMES, Rules())
        assert traffic.add(*spoken(np.random.default_rng(seed), 40_000, {"en": 0.7, "de": 0.2, "sw": 0.1})) == ()


def test_a_new_language_beside_the_judged_ones_is_a_change():
    rng = np.random.default_rng(0)
    traffic = Traffic(NAMES, Rules())
    assert traffic.add(*spoken(rng, 10_000, {"en": 0.7, "de": 0.3})) == ()
    found = traffic.add(*spoken(rng, 10_000, {"en": 0.4, "de": 0.3, "fr": 0.3}, START + 10_000))
    assert len(found) == 1
    assert found[0].signal == "traffic"
    assert found[0].what in {"predictions in English (en)", "predictions in languages that the baseline lacks"}
    assert START + 9_000 < found[0].since <= found[0].found_at < START + 20_000


def test_restored_it_finds_the_same():
    rng = np.random.default_rng(1)
    first, second = (
        spoken(rng, 7_777, {"en": 0.7, "de": 0.3}),
        spoken(rng, 9_000, {"en": 0.3, "de": 0.7}, START + 7_777),
    )
    one = Traffic(NAMES, Rules())
    one.add(*first)
    other = Traffic(NAMES, Rules(), TrafficState.model_validate_json(one.state().model_dump_json()))
    assert other.state() == one.state()
    found = one.add(*second)
    assert found
    assert other.add(*second) == found
    assert other.state() == one.state()


def test_the_state_of_other_languages_is_refused():
    with pytest.raises(RunError, match="begin anew"):
        Traffic(NAMES[:2], Rules(), Traffic(NAMES, Rules()).state())
