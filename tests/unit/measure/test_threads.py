"""The search for the number of threads: what is tried, in which order, and what wins. No test relies on exact times."""

import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from leanglot.errors import ConfigError
from leanglot.measure.subject import in_memory
from leanglot.measure.threads import choose, search_threads, thread_counts
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.loading import load


@dataclass
class Sleeper:
    """Answers after a while; writes down who was called with what."""

    count: int
    seconds: float
    calls: list = field(default_factory=list)

    def logits(self, input_ids, attention_mask):
        self.calls.append((self.count, input_ids))
        assert attention_mask.all()
        time.sleep(self.seconds)
        return np.zeros((len(input_ids), 3), np.float32)


@pytest.fixture
def sleepers(tiny_classifier):
    real = in_memory(tiny_classifier, threads=1)
    calls = []

    def open_with(seconds):
        return lambda count: Classifier(real.manifest, real.tokenizer, Sleeper(count, seconds(count), calls))

    return open_with, calls, real


@pytest.mark.parametrize(
    ("most", "counts"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 4]), (6, [1, 2, 4, 6]), (9, [1, 2, 4, 8, 9])]
)
def test_powers_of_two_and_the_most(most, counts):
    assert thread_counts(most) == counts


@pytest.mark.parametrize(
    ("p50_ms", "best"),
    [
        ({1: 10.0}, 1),
        ({1: 10.0, 2: 6.0, 4: 3.0}, 4),
        ({1: 10.5, 2: 10.0}, 1),
        ({1: 10.51, 2: 10.0}, 2),
        ({1: 20.0, 2: 10.2, 4: 10.0}, 2),
        ({1: 10.0, 2: 30.0}, 1),
    ],
)
def test_among_nearly_equals_the_smallest_wins(p50_ms, best):
    found = choose(p50_ms)
    assert found.best == best
    assert found.p50_ms == p50_ms


def test_the_fastest_number_is_found(sleepers):
    open_with, _, _ = sleepers
    found = search_threads(open_with({1: 0.004, 2: 0.001, 4: 0.008}.get), 4, rounds=2)
    assert found.best == 2
    assert list(found.p50_ms) == [1, 2, 4]
    assert found.p50_ms[4] >= 8


def test_a_single_core_needs_no_comparison(sleepers):
    open_with, calls, _ = sleepers
    found = search_threads(open_with(lambda _: 0.001), 1, rounds=2)
    assert found.best == 1
    assert found.p50_ms[1] >= 1
    assert {count for count, _ in calls} == {1}


def test_the_numbers_take_turns_after_a_warm_up(sleepers):
    open_with, calls, _ = sleepers
    search_threads(open_with(lambda _: 0.0), 2, rounds=3)
    warm_up, turn = 6, 1 + 6  # one call of each turn is not timed
    assert [count for count, _ in calls] == [1] * warm_up + [2] * warm_up + ([1] * turn + [2] * turn) * 3


def test_each_number_meets_the_best_so_far(sleepers):
    open_with, calls, _ = sleepers
    search_threads(open_with({1: 0.006, 2: 0.001, 4: 0.004}.get), 4, rounds=1)
    warm_up, turn = 6, 1 + 6
    first = [1] * warm_up + [2] * warm_up + [1] * turn + [2] * turn
    assert [count for count, _ in calls] == [*first, *[4] * warm_up, *[2] * turn, *[4] * turn]


def test_rows_are_single_texts_of_known_tokens_of_typical_lengths(sleepers):
    open_with, calls, real = sleepers
    search_threads(open_with(lambda _: 0.0), 2, rounds=1)
    known = set(real.tokenizer.get_vocab().values()) - {real.manifest.pad_id}
    assert {ids.shape for _, ids in calls} == {(1, 8), (1, 16), (1, 32)}
    assert all(set(ids.flatten().tolist()) <= known for _, ids in calls)


def test_rows_are_no_longer_than_the_model_reads(sleepers):
    _, calls, real = sleepers
    short = real.manifest.model_copy(update={"max_length": 12})
    search_threads(lambda count: Classifier(short, real.tokenizer, Sleeper(count, 0.0, calls)), 1, rounds=1)
    assert {ids.shape[1] for _, ids in calls} == {8, 12}


def test_a_slow_model_gets_two_rounds(sleepers):
    open_with, calls, _ = sleepers
    search_threads(open_with(lambda _: 0.0), 2, rounds=50, budget_s=0.0)
    assert len(calls) == 2 * 6 + 2 * 2 * 7


@pytest.mark.parametrize("most", [0, -1])
def test_no_threads_are_an_error(sleepers, most):
    with pytest.raises(ConfigError, match=str(most)):
        search_threads(sleepers[0](lambda _: 0.0), most)


def test_a_real_artifact_is_searched(onnx_artifact):
    found = search_threads(lambda count: load(onnx_artifact, count), 2, rounds=2)
    assert found.best in {1, 2}
    assert all(median > 0 for median in found.p50_ms.values())
