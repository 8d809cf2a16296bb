"""A server without a log: the monitor gets everything from memory, and what finds no room is counted."""

import pytest
from telling import answer

from leanglot.monitor.events import ShadowAnswer
from leanglot.monitor.watch import Watch
from leanglot.serve.memory_log import MemoryLog


@pytest.fixture
def memory():
    return MemoryLog(Watch(None))


def drain(memory):
    while memory.behind:
        memory.step()
    return memory.snapshot()


def test_predictions_reach_the_watch_with_all_that_is_told_of_them(memory):
    memory.answered([answer("a1"), answer("a2", language="sw", variant="fp32"), answer("a3", language=None)], 0.004)
    found = drain(memory)
    assert found.predictions == 3
    assert set(found.languages) == {"de", "sw", "und"}
    assert found.languages["sw"].variants == {"fp32": 1}
    assert found.languages["de"].confidence == pytest.approx(0.875)
    assert found.languages["de"].latency.n == 1


def test_labels_find_their_predictions(memory):
    memory.answered([answer(f"a{number}") for number in range(20)], 0.004)
    memory.step()
    for number in range(20):
        memory.labelled(f"a{number}", "lights" if number < 15 else "heating")
    accuracy = drain(memory).languages["de"].accuracy
    assert (accuracy.n, accuracy.value) == (20, 0.75)


def test_shadow_answers_are_counted_as_flips(memory):
    memory.answered([answer("a1"), answer("a2")], 0.004)
    memory.shadowed([ShadowAnswer("a1", "de", "lights", "lights"), ShadowAnswer("a2", "de", "lights", "heating")])
    shadow = drain(memory).languages["de"].shadow
    assert (shadow.n, shadow.flips) == (2, 1)


def test_a_step_takes_a_bounded_part(memory):
    memory.answered([answer(f"a{number}") for number in range(5_000)], 0.004)
    memory.step()
    assert memory.snapshot().predictions == 2_000
    assert memory.behind
    assert drain(memory).predictions == 5_000


def test_what_finds_no_room_is_counted():
    memory = MemoryLog(Watch(None), most_waiting=3)
    memory.answered([answer(f"a{number}") for number in range(5)], 0.004)
    memory.labelled("a1", "lights")
    found = drain(memory)
    assert found.predictions == 3
    assert found.counters["not_watched"] == 3
    memory.answered([answer("b1")], 0.004)
    assert drain(memory).predictions == 4


def test_a_confidence_above_one_by_rounding_is_one(memory):
    memory.answered([answer(confidence=1.0000001)], 0.004)
    assert drain(memory).languages["de"].confidence == 1.0


def test_it_says_that_nothing_lasts(memory):
    assert any("--log" in note for note in memory.snapshot().notes)


def test_nothing_new_is_no_step(memory):
    assert memory.step() == ()
    assert memory.snapshot().predictions == 0
