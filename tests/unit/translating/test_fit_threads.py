"""The search for a translator's number of threads: who takes turns, and what wins. Its clock is a fake."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from leanglot.errors import ConfigError
from leanglot.measure import threads as measure_threads
from leanglot.measure.translation_subject import translator_in_memory
from leanglot.runtimes.seq2seq import Decoded
from leanglot.runtimes.translator import Translator
from leanglot.translating import threads
from leanglot.translating.threads import fit_threads, sample_rows
from tiny_translators import ALL_KINDS, load_tiny


@dataclass
class Clock:
    """Time that passes only where somebody works."""

    seconds: float = 0.0

    def perf_counter_ns(self):
        return round(self.seconds * 1e9)

    def monotonic(self):
        return self.seconds


@dataclass
class Worker:
    """An engine that needs a while, and writes down its calls."""

    count: int
    needs: float
    clock: Clock
    calls: list = field(default_factory=list)

    def generate(self, rows, decoding):
        self.calls.append((self.count, len(rows[0]), decoding))
        self.clock.seconds += self.needs
        return [Decoded(np.zeros(decoding.forced, np.int64), 0.0) for _ in rows]


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return translator_in_memory(load_tiny(tmp_path_factory.mktemp("threads") / "m"), 1)


@pytest.fixture
def search(real, monkeypatch):
    clock, calls = Clock(), []
    for module in (threads, measure_threads):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(threads, "pause", lambda: None)
    rows = sample_rows(real.text)

    def run(needs, most=None, **more):
        def open_with(count):
            return Translator(real.manifest, real.text, Worker(count, needs[count], clock, calls))

        return fit_threads(open_with, rows, most or max(needs), **more)

    return run, calls, clock


@pytest.mark.parametrize(
    ("needs", "best"),
    [
        ({1: 0.010}, 1),
        ({1: 0.010, 2: 0.006}, 2),
        ({1: 0.010, 2: 0.0099}, 1),
        ({1: 0.010, 2: 0.015, 4: 0.004}, 4),
        ({1: 0.010, 2: 0.006, 4: 0.0059}, 2),
        ({1: 0.010, 2: 0.020, 3: 0.030}, 1),
    ],
)
def test_the_fastest_wins_and_among_equals_the_smallest(search, needs, best):
    found = search[0](needs)
    assert found.best == best
    assert found.p50_ms == pytest.approx({count: seconds * 1000 for count, seconds in needs.items()})


def test_a_number_that_is_hopeless_gets_two_calls_and_no_more(search):
    run, calls, _ = search
    found = run({1: 0.010, 2: 5.0, 4: 9.0})
    assert found.best == 1
    assert found.p50_ms == pytest.approx({1: 10.0, 2: 5000.0, 4: 9000.0})
    assert [count for count, *_ in calls].count(2) == 2
    assert [count for count, *_ in calls].count(4) == 2


def test_rivals_take_turns(search):
    run, calls, _ = search
    run({1: 0.010, 2: 0.008}, rounds=3)
    order = [count for count, *_ in calls]
    changes = sum(one != other for one, other in pairwise(order))
    assert changes >= 5


def test_a_slow_model_stops_after_two_rounds(search):
    run, calls, clock = search
    run({1: 2.0, 2: 2.0}, rounds=100, budget_s=0.5)
    assert len(calls) == 2 * 2 + 2 * 2 * 4  # each warms up twice; two rounds of one waking call and three rows
    assert clock.seconds == pytest.approx(2.0 * len(calls))


def test_every_call_is_greedy_and_of_a_fixed_length(search):
    run, calls, _ = search
    run({1: 0.01, 2: 0.01})
    assert {decoding.beam for *_, decoding in calls} == {1}
    assert all(decoding.forced == length for _, length, decoding in calls)


def test_no_threads_are_refused(search):
    with pytest.raises(ConfigError, match="number of threads is 0"):
        fit_threads(lambda count: None, [], 0)


@pytest.mark.parametrize("family", ALL_KINDS)
def test_the_timed_sentences_are_ones_that_the_model_could_be_given(tmp_path, family):
    model = load_tiny(tmp_path / "m", family)
    translator = translator_in_memory(model, 1)
    rows = sample_rows(translator.text, seed=3)
    assert len(rows) == 3
    assert sorted(rows, key=len) == list(rows)
    assert all(len(row) <= model.max_length for row in rows)
    again = sample_rows(translator.text, seed=3)
    assert [row.ids.tolist() for row in rows] == [row.ids.tolist() for row in again]
    assert len(translator.generate(rows)) == 3
