"""Speed: which numbers so many calls support, and candidate and baseline in turns. No test relies on exact times."""

import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from leanglot.measure.speed import P95_CALLS, P99_CALLS, Workload, measure_speed, spread_latency, summarize_latency
from leanglot.measure.subject import in_memory
from leanglot.results.measures import Speed
from leanglot.runtimes.classifier import Classifier


@dataclass
class Stub:
    """Answers after a while and writes down that it was called."""

    name: str
    seconds: float = 0.0
    calls: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    def logits(self, input_ids, attention_mask):
        self.calls.append((self.name, input_ids.shape))
        time.sleep(self.seconds)
        return np.zeros((len(input_ids), 3), np.float32)


@pytest.fixture
def with_predictor(tiny_classifier):
    real = in_memory(tiny_classifier, threads=1)
    return lambda stub: Classifier(real.manifest, real.tokenizer, stub)


@pytest.fixture
def work(tiny_rows):
    texts = [row["text"] for row in tiny_rows[:20]]
    rows = [np.full(4 + number % 3, 5) for number in range(20)]
    languages = ["de"] * 11 + ["en"] * 5 + ["sw"] * 4
    return Workload(texts=texts, rows=rows, languages=languages, batch_rows=rows, batch_tokens=24, rounds=2)


@pytest.mark.parametrize(
    ("calls", "absent"),
    [
        (1, {"std", "p95", "p99"}),
        (2, {"p95", "p99"}),
        (129, {"p95", "p99"}),
        (130, {"p99"}),
        (661, {"p99"}),
        (662, set()),
    ],
)
def test_a_number_needs_its_calls(calls, absent):
    latency = summarize_latency(np.linspace(1, 2, calls))
    assert latency.n == calls
    for name in ("std", "p95", "p99"):
        assert (getattr(latency, name) is None) == (name in absent)
    needed = {"std": 2, "p95": P95_CALLS, "p99": P99_CALLS}
    assert latency.missing == {
        name: f"{calls} calls; {name} needs at least {needed[name]}" for name in needed if name in absent
    }


def test_the_numbers_are_those_of_the_calls():
    times = np.concatenate([np.arange(1, 662), [100_000]]).astype(float)
    latency = summarize_latency(times)
    assert latency.mean == pytest.approx((661 * 662 / 2 + 100_000) / 662)
    assert latency.p50 == 331.5
    assert latency.p95 == pytest.approx(1 + 0.95 * 661)
    assert latency.p99 == pytest.approx(1 + 0.99 * 661)
    assert summarize_latency(np.array([1.0, 3.0])).std == pytest.approx(2**0.5)


def test_the_faster_candidate_has_a_speedup_above_one(with_predictor, work):
    slow, fast = with_predictor(Stub("slow", 0.004)), with_predictor(Stub("fast"))
    faster, slower = measure_speed(fast, slow, work), measure_speed(slow, fast, work)
    assert faster.speedup > 1.5
    assert faster.throughput_gain > 1.5
    assert slower.speedup < 0.7
    assert slower.throughput_gain < 0.7
    assert slower.latency_ms.p50 >= 4
    assert slower.throughput_per_s <= 20 / (5 * 0.004)


def test_the_baseline_itself_is_compared_with_nothing(with_predictor, work):
    speed = measure_speed(with_predictor(Stub("baseline")), None, work)
    assert speed.speedup is None
    assert speed.throughput_gain is None
    assert speed.latency_ms.n == 20
    assert speed.throughput_per_s > 0
    assert speed.tokenization_p50_ms > 0


def test_candidate_and_baseline_take_turns(with_predictor, work):
    calls: list[tuple[str, tuple[int, ...]]] = []
    done: list[int] = []
    stubs = [with_predictor(Stub(name, calls=calls)) for name in ("candidate", "baseline")]
    measure_speed(*stubs, work, on_call=done.append)
    names = [name for name, _ in calls]
    warm_up, timed, batched = names[:24], names[24:54], names[54:]
    assert warm_up == ["baseline"] * 12 + ["candidate"] * 12
    settled_and_timed = 1 + 8  # one call that is not counted before each change of turns
    assert timed == ["baseline"] * settled_and_timed + ["candidate"] * settled_and_timed + ["candidate"] * (8 + 4)
    assert done == [8, 8, 4]
    per_round = len(batched) // 4
    assert batched == (["baseline"] * per_round + ["candidate"] * per_round) * 2


def test_latency_is_timed_one_text_at_a_time_and_throughput_in_batches(with_predictor, work):
    stub = Stub("only")
    measure_speed(with_predictor(stub), None, work)
    shapes = [shape for _, shape in stub.calls]
    assert {rows for rows, _ in shapes[:32]} == {1}
    assert [length for _, length in shapes[12:32]] == [len(row) for row in work.rows]
    assert all(rows * length <= 24 for rows, length in shapes[32:])
    not_counted = 2  # one call before each round
    assert sum(rows for rows, _ in shapes[32:]) == 2 * len(work.batch_rows) + not_counted


def test_a_language_with_fewer_than_five_calls_has_no_median(with_predictor, work):
    speed = measure_speed(with_predictor(Stub("only", 0.001)), None, work)
    assert list(speed.languages_p50_ms) == ["de", "en", "sw"]
    assert speed.languages_p50_ms["sw"] is None
    assert speed.languages_p50_ms["de"] >= 1
    assert speed.languages_p50_ms["en"] >= 1
    assert speed.languages_spread["sw"].n == 4
    assert speed.languages_spread["sw"].high is None
    assert speed.languages_spread["de"].low <= speed.languages_p50_ms["de"] <= speed.languages_spread["de"].high


@pytest.mark.parametrize(
    ("calls", "absent"),
    [
        (4, {"low", "p25", "p50", "p75", "p90", "high"}),
        (5, {"p25", "p75", "p90"}),
        (22, {"p25", "p75", "p90"}),
        (23, {"p90"}),
        (63, {"p90"}),
        (64, set()),
    ],
)
def test_a_language_s_quantile_needs_its_calls(calls, absent):
    spread = spread_latency(np.arange(calls, dtype=float))
    known = {"low": 0, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "high": 1}
    assert spread.n == calls
    for name, share in known.items():
        expected = None if name in absent else pytest.approx(share * (calls - 1))
        assert getattr(spread, name) == expected, name


def test_a_timing_stored_before_spreads_were_kept_is_still_read(with_predictor, work):
    stored = measure_speed(with_predictor(Stub("only")), None, work).model_dump(mode="json")
    del stored["languages_spread"]
    assert Speed.model_validate(stored).languages_spread == {}
