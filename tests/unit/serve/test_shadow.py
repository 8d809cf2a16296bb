"""The shadow: who is sampled, flips, stepping aside, and faults that concern no answer."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telling import answer

from leanglot.errors import ConfigError, ModelError
from leanglot.monitor.events import ShadowAnswer
from leanglot.serve.metrics import Metrics
from leanglot.serve.shadow import Shadow


class Echo:
    """Answers each text with itself; waits before each batch until it may."""

    name = "fp32"

    def __init__(self, fault=None):
        self.may = threading.Event()
        self.may.set()
        self.entered = threading.Event()
        self.fault = fault
        self.asked = []

    def answer(self, texts, languages):
        self.entered.set()
        assert self.may.wait(30)
        self.asked += zip(texts, languages, strict=True)
        if self.fault is not None:
            raise self.fault
        return [answer("", label=text, language=language) for text, language in zip(texts, languages, strict=True)]


class Kept:
    def __init__(self):
        self.answers = []

    def shadowed(self, answers):
        self.answers += answers


@pytest.fixture
def metrics():
    return Metrics("int8", "0.1.0")


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def told():
    return []


@pytest.fixture
def engine():
    return Echo()


@pytest.fixture
def shadow(engine, kept, metrics, told):
    shadow = Shadow(engine, 1.0, kept, metrics, told.append, queued_texts=20)
    shadow.start()
    yield shadow
    engine.may.set()
    shadow.stop()


def value(metrics, name):
    text = metrics.exposition()[0].decode()
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)), 0)


def offer(shadow, *answers):
    shadow.offer([one.label for one in answers], answers)


def test_flips_are_counted_by_language_and_kept(shadow, engine, kept, metrics):
    served = [answer("a1"), answer("a2", language="sw"), answer("a3", language=None)]
    shadow.offer(["lights", "heating", "lights"], served)
    assert shadow.flush()
    assert kept.answers == [
        ShadowAnswer("a1", "de", "lights", "lights"),
        ShadowAnswer("a2", "sw", "lights", "heating"),
        ShadowAnswer("a3", "und", "lights", "lights"),
    ]
    assert engine.asked == [("lights", "de"), ("heating", "sw"), ("lights", None)]
    assert value(metrics, 'leanglot_shadow_predictions_total{language="sw"}') == 1
    assert value(metrics, 'leanglot_shadow_flips_total{language="sw"}') == 1
    assert value(metrics, 'leanglot_shadow_flips_total{language="de"}') == 0


def test_what_finds_no_room_is_dropped_and_counted_at_once(shadow, engine, kept, metrics):
    engine.may.clear()
    offer(shadow, answer("first"))
    assert engine.entered.wait(30)
    offer(shadow, *(answer(f"a{number}") for number in range(30)))
    assert value(metrics, 'leanglot_shadow_dropped_texts_total{reason="queue full"}') == 10
    engine.may.set()
    assert shadow.flush()
    assert len(kept.answers) == 21


def test_it_steps_aside_while_texts_wait(shadow, engine, kept):
    shadow.queued(3)
    offer(shadow, answer("a1"))
    assert not shadow.flush(timeout_s=0.05)
    assert engine.asked == []
    shadow.queued(0)
    assert shadow.flush()
    assert len(kept.answers) == 1


def test_a_failing_baseline_is_told_once_and_counted(kept, metrics, told):
    shadow = Shadow(Echo(ModelError("The model is broken.")), 1.0, kept, metrics, told.append)
    shadow.start()
    for number in range(2):
        offer(shadow, answer(f"a{number}"))
        assert shadow.flush()
    shadow.stop()
    assert kept.answers == []
    assert value(metrics, 'leanglot_shadow_dropped_texts_total{reason="engine failed"}') == 2
    assert len(told) == 1
    assert "The model is broken." in told[0]


class Panic(BaseException):
    """What the libraries written in Rust raise."""


@pytest.mark.parametrize("fault", [KeyError("a"), Panic("b")])
def test_no_fault_of_the_baseline_ends_the_shadow(kept, metrics, told, fault):
    engine = Echo(fault)
    shadow = Shadow(engine, 1.0, kept, metrics, told.append)
    shadow.start()
    offer(shadow, answer("a1"))
    assert shadow.flush()
    engine.fault = None
    offer(shadow, answer("a2"))
    assert shadow.flush()
    shadow.stop()
    assert [one.id for one in kept.answers] == ["a2"]


def test_stopping_drops_what_waits(shadow, engine, kept, metrics):
    engine.may.clear()
    offer(shadow, answer("first"))
    assert engine.entered.wait(30)
    offer(shadow, answer("a1"), answer("a2"))
    engine.may.set()
    shadow.stop()
    offer(shadow, answer("late"))
    gone = value(metrics, 'leanglot_shadow_dropped_texts_total{reason="stopping"}')
    assert len(kept.answers) + gone == 3
    assert value(metrics, 'leanglot_shadow_dropped_texts_total{reason="queue full"}') == 1


@settings(max_examples=25)
@given(share=st.floats(0.01, 1), seed=st.integers(-(2**31), 2**31))
def test_the_sample_is_the_share_and_the_same_on_every_server(share, seed):
    one, two = (Shadow(Echo(), share, Kept(), Metrics("a", "1"), print, seed) for _ in range(2))
    picked = [one.samples(f"id{number}") for number in range(2000)]
    assert picked == [two.samples(f"id{number}") for number in range(2000)]
    # Six standard deviations.
    assert abs(sum(picked) / 2000 - share) <= 6 * (share * (1 - share) / 2000) ** 0.5


def test_another_seed_samples_others(kept, metrics, told):
    one, two = (Shadow(Echo(), 0.5, kept, metrics, told.append, seed) for seed in (0, 1))
    assert [one.samples(str(number)) for number in range(100)] != [two.samples(str(number)) for number in range(100)]


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share, engine, kept, metrics, told):
    with pytest.raises(ConfigError, match="share of shadowed traffic"):
        Shadow(engine, share, kept, metrics, told.append)
