"""What holds for every schedule of training examples."""

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leanglot.data.schedule import make_schedule, part

TAGS = ["ar", "de", "en", "fr", "sw", "th", "zh"]
SIZES = st.dictionaries(st.sampled_from(TAGS), st.integers(1, 25), min_size=1)
SHARES = st.fixed_dictionaries({tag: st.floats(1e-3, 1e3) | st.integers(1, 9) for tag in TAGS})
BALANCES = st.sampled_from(["uniform", "proportional", "temperature", "traffic"])
SEEDS = st.integers(0, 2**40)
STEPS = st.integers(0, 600)


@st.composite
def plans(draw, balances=BALANCES):
    """The tags of the examples in any order, and all that a schedule is made from."""
    sizes = draw(SIZES)
    tags = draw(st.permutations([tag for tag, size in sizes.items() for _ in range(size)]))
    options = {"balance": draw(balances), "temperature": draw(st.floats(1, 10)), "seed": draw(SEEDS)}
    return tags, {"batch_size": draw(st.integers(1, 30)), "traffic": draw(SHARES), **options}


def met(tags, batch):
    return Counter(tags[position] for position in batch.tolist())


@given(plans(), st.integers(1, 60))
def test_every_batch_and_every_sum_of_batches_keeps_the_shares(plan, steps):
    tags, options = plan
    schedule = make_schedule(tags, **options)
    rates = {tag: schedule.share(tag) * options["batch_size"] for tag in schedule.languages}
    assert set(rates) == set(tags)
    total = Counter()
    for step, batch in enumerate(itertools.islice(schedule.batches(), steps)):
        counts = met(tags, batch)
        total += counts
        assert counts.total() == options["batch_size"]
        for tag, rate in rates.items():
            assert math.floor(rate + 1e-9) <= counts[tag] <= math.ceil(rate - 1e-9)
            assert abs(total[tag] - (step + 1) * rate) < 1 + 1e-9
    assert schedule.counts(steps) == {tag: total[tag] for tag in rates}


@given(plans(st.just("uniform")))
def test_every_language_has_its_turn_before_any_has_two_more(plan):
    tags, options = plan
    schedule = make_schedule(tags, **options)
    total = Counter(dict.fromkeys(tags, 0))
    for batch in itertools.islice(schedule.batches(), 30):
        counts = met(tags, batch)
        total += counts
        assert max(counts.values()) - min(counts[tag] for tag in tags) <= 1
        assert max(total.values()) - min(total[tag] for tag in tags) <= 1


@given(plans(), STEPS, SEEDS)
def test_a_step_is_answered_alike_from_anywhere(plan, start, shuffle):
    tags, options = plan
    tail = [batch.tolist() for batch in itertools.islice(make_schedule(tags, **options).batches(start), 12)]
    whole = itertools.islice(make_schedule(tags, **options).batches(), start, start + 12)
    assert [batch.tolist() for batch in whole] == tail
    one = make_schedule(tags, **options)
    for place in np.random.default_rng(shuffle).permutation(12).tolist():
        assert one.batch(start + place).tolist() == tail[place]


@given(plans())
def test_all_examples_come_once_before_any_repeats(plan):
    tags, options = plan
    schedule = make_schedule(tags, **options)
    streams = defaultdict(list)
    for batch in itertools.islice(schedule.batches(), 40):
        for position in batch.tolist():
            streams[tags[position]].append(position)
    for tag, stream in streams.items():
        own = {position for position, other in enumerate(tags) if other == tag}
        for at in range(0, len(stream), len(own)):
            one = stream[at : at + len(own)]
            assert len(set(one)) == len(one)
            assert set(one) <= own
        assert schedule.passes(40)[tag] == len(stream) / len(own)


@given(plans(), STEPS)
def test_a_batch_repeats_as_little_as_the_language_allows(plan, start):
    tags, options = plan
    sizes = Counter(tags)
    for batch in itertools.islice(make_schedule(tags, **options).batches(start), 12):
        slots = met(tags, batch)
        for position, times in Counter(batch.tolist()).items():
            assert times <= math.ceil(slots[tags[position]] / sizes[tags[position]])


@given(plans(), STEPS, st.integers(1, 9))
def test_the_parts_of_all_processes_are_the_batch(plan, step, world):
    tags, options = plan
    batch = make_schedule(tags, **options).batch(step)
    # Each process has a schedule of its own.
    parts = [part(make_schedule(tags, **options).batch(step), rank, world) for rank in range(world)]
    assert sorted(np.concatenate(parts).tolist()) == sorted(batch.tolist())
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for tag in set(tags):
        numbers = [met(tags, one)[tag] for one in parts]
        assert max(numbers) - min(numbers) <= 1


@given(st.integers(12, 40), st.integers(1, 6), SEEDS)
def test_a_language_of_two_batches_and_more_is_shuffled_anew_for_each_pass(size, batch_size, seed):
    stream = make_schedule(["de"] * size, batch_size, "uniform", seed=seed).batches()
    seen = np.concatenate(list(itertools.islice(stream, 4 * size // batch_size + 1)))[: 4 * size]
    passes = {tuple(one) for one in seen.reshape(4, size).tolist()}
    assert len(passes) == 4


@given(st.integers(15, 40), SEEDS, SEEDS)
def test_other_seeds_give_other_orders(size, seed, other):
    first, second = (make_schedule(["de"] * size, size, "uniform", seed=one).batch(0).tolist() for one in (seed, other))
    assert (first == second) == (seed == other)
