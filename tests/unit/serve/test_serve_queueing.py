"""The queue: turns between requests and variants, and counts that always say what still waits."""

from hypothesis import given
from hypothesis import strategies as st

from fake_engine import FakeEngine
from leanglot.serve.queueing import Backlog, Item, Work


def work_of(*texts):
    return Work(texts, [None] * len(texts), 0.0)


def prepare(backlog, engine, turns=10_000):
    for _ in range(turns):
        if (turn := backlog.turn()) is None:
            return
        work, positions = turn
        texts = [work.texts[position] for position in positions]
        prepared = engine.prepare(texts, [None] * len(texts))
        backlog.put([Item(work, position, each) for position, each in zip(positions, prepared, strict=True)])


def labels(items):
    return [item.prepared.text for item in items]


def test_a_small_request_passes_a_large_one_that_came_before():
    backlog = Backlog()
    large, small = work_of(*(f"large-{number}" for number in range(200))), work_of("small")
    backlog.add(large)
    backlog.add(small)
    prepare(backlog, FakeEngine())
    assert labels(backlog.take(3 * 12)).index("small") == 8


def test_small_requests_are_taken_in_the_order_they_came():
    backlog = Backlog()
    for number in range(20):
        backlog.add(work_of(f"text-{number}"))
    prepare(backlog, FakeEngine())
    assert labels(backlog.take(30)) == [f"text-{number}" for number in range(10)]
    assert labels(backlog.take(30)) == [f"text-{number}" for number in range(10, 20)]


def test_long_texts_end_a_turn_early():
    work = work_of("a" * 3_000, "b" * 3_000, "c", "d")
    assert work.turn() == range(2)
    assert work.turn() == range(2, 4)


def test_a_text_above_the_budget_is_taken_alone():
    backlog = Backlog()
    backlog.add(work_of("one two three four five six", "seven"))
    prepare(backlog, FakeEngine())
    assert labels(backlog.take(4)) == ["one two three four five six"]
    assert labels(backlog.take(4)) == ["seven"]
    assert backlog.take(4) == []


def test_variants_take_turns_of_a_batch_and_are_never_mixed():
    backlog, engine = Backlog(), FakeEngine(variants=("big", "little"))
    backlog.add(work_of("big 1", "little 1", "big 2", "little 2", "big 3"))
    prepare(backlog, engine)
    assert labels(backlog.take(8)) == ["big 1", "big 2"]
    assert labels(backlog.take(8)) == ["little 1", "little 2"]
    assert labels(backlog.take(8)) == ["big 3"]


def test_what_was_dropped_is_never_taken():
    backlog = Backlog()
    gone, kept = work_of("gone", "gone too"), work_of("kept")
    backlog.add(gone)
    backlog.add(kept)
    prepare(backlog, FakeEngine(), turns=1)
    backlog.drop(gone)
    assert (backlog.requests, backlog.texts) == (1, 1)
    prepare(backlog, FakeEngine())
    assert labels(backlog.take(100)) == ["kept"]
    assert (backlog.requests, backlog.texts, backlog.ready_tokens) == (0, 0, 0)


def test_a_dropped_request_that_was_not_begun_leaves_nothing_behind():
    backlog = Backlog()
    works = [work_of("text") for _ in range(50)]
    for work in works:
        backlog.add(work)
        backlog.drop(work)
    assert len(backlog._waiting) == 0
    assert (backlog.requests, backlog.texts) == (0, 0)


@given(st.lists(st.sampled_from(["add", "add large", "prepare", "take", "drop"]), max_size=60), st.randoms())
def test_the_counts_say_what_waits_whatever_happens(steps, random):
    backlog, engine = Backlog(), FakeEngine(variants=("a", "b"))
    alive, taken = {}, []
    for number, step in enumerate(steps):
        if step.startswith("add"):
            size = 30 if step == "add large" else 1
            work = work_of(*(f"{random.choice('abc')} {number} {place}" for place in range(size)))
            backlog.add(work)
            alive[work] = set(work.texts)
        elif step == "prepare":
            prepare(backlog, engine, turns=random.randint(1, 4))
        elif step == "take":
            for item in backlog.take(random.randint(4, 60)):
                alive[item.work].remove(item.prepared.text)
                taken.append(item.prepared.text)
        elif alive:
            work = random.choice(list(alive))
            backlog.drop(work)
            alive[work] = set()
        assert backlog.texts == sum(len(left) for left in alive.values())
        assert backlog.requests == sum(bool(left) for left in alive.values())
    prepare(backlog, engine)
    while items := backlog.take(50):
        taken += labels(items)
    assert len(taken) == len(set(taken))
    assert (backlog.requests, backlog.texts, backlog.ready_tokens) == (0, 0, 0)
