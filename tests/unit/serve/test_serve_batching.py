"""The batcher: full batches while the engine is busy, and an answer or an error for whoever still waits."""

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest

from fake_engine import BREAKING, UNREADABLE, FakeEngine
from leanglot.serve.batching import Batcher, EngineFailedError, NotServingError, QueueFullError
from leanglot.serve.loaded_files import FilesChangedError
from leanglot.serve.settings import ServeSettings
from served import PATIENCE_S, Told


@asynccontextmanager
async def batching(engine, **settings):
    batcher = Batcher(engine, ServeSettings(**settings), Told())
    batcher.start()
    try:
        yield batcher
    finally:
        engine.release()
        assert await batcher.stop(PATIENCE_S)


async def hold(engine, batcher):
    """Have the engine busy with a text of no interest."""
    engine.hold()
    ticket = batcher.submit(["busy"], [None])
    assert await asyncio.to_thread(engine.held)
    return ticket


async def labels(ticket):
    return [answer.label for answer in await asyncio.wait_for(ticket.future, PATIENCE_S)]


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario, 2 * PATIENCE_S))


def test_answers_come_in_the_order_of_the_texts():
    async def scenario():
        async with batching(FakeEngine(), batch_tokens=16) as batcher:
            texts = [f"{'word ' * (number % 5)}{number}" for number in range(100)]
            ticket = batcher.submit(texts, [None] * 100)
            assert await labels(ticket) == texts

    run(scenario())


def test_an_idle_engine_starts_at_once_and_a_busy_one_finds_a_full_batch():
    async def scenario():
        engine = FakeEngine()
        async with batching(engine) as batcher:
            await hold(engine, batcher)
            tickets = [batcher.submit([f"text-{number}"], [None]) for number in range(10)]
            engine.release()
            for ticket in tickets:
                await labels(ticket)
            assert engine.calls == [["busy"], [f"text-{number}" for number in range(10)]]

    run(scenario())


def test_no_batch_is_above_the_budget():
    async def scenario():
        engine = FakeEngine()
        async with batching(engine, batch_tokens=30) as batcher:
            await hold(engine, batcher)
            tickets = [batcher.submit([f"text-{number}"], [None]) for number in range(25)]
            engine.release()
            for ticket in tickets:
                await labels(ticket)
            assert [len(call) for call in engine.calls] == [1, 10, 10, 5]
            assert [batch.padded for batch in batcher.telemetry.batches] == [3, 30, 30, 15]
            assert [batch.tokens for batch in batcher.telemetry.batches] == [3, 30, 30, 15]

    run(scenario())


def test_an_idle_engine_that_is_told_to_wait_fills_its_batch():
    async def scenario():
        engine = FakeEngine()
        async with batching(engine, batch_tokens=9, max_wait_ms=10_000.0) as batcher:
            tickets = [batcher.submit([f"text-{number}"], [None]) for number in range(3)]
            for ticket in tickets:
                await labels(ticket)
            assert engine.calls == [["text-0", "text-1", "text-2"]]

    run(scenario())


def test_a_wait_ends_though_nobody_else_comes():
    async def scenario():
        async with batching(FakeEngine(), max_wait_ms=5.0) as batcher:
            assert await labels(batcher.submit(["alone"], [None])) == ["alone"]

    run(scenario())


def test_a_full_queue_refuses_at_once_and_recovers():
    async def scenario():
        engine = FakeEngine()
        async with batching(engine, queue_texts=4, max_texts=4) as batcher:
            await hold(engine, batcher)
            waiting = batcher.submit(["a", "b", "c"], [None] * 3)
            with pytest.raises(QueueFullError) as refused:
                batcher.submit(["d", "e"], [None] * 2)
            assert refused.value.retry_after_s >= 1
            last = batcher.submit(["d"], [None])
            assert batcher.full
            engine.release()
            assert await labels(waiting) == ["a", "b", "c"]
            assert await labels(last) == ["d"]
            assert not batcher.full
            assert await labels(batcher.submit(["after"], [None])) == ["after"]

    run(scenario())


def test_what_was_dropped_is_not_answered_and_frees_its_room():
    async def scenario():
        engine = FakeEngine()
        async with batching(engine, queue_texts=2, max_texts=2) as batcher:
            await hold(engine, batcher)
            gone = batcher.submit(["gone", "gone too"], [None] * 2)
            batcher.drop(gone)
            kept = batcher.submit(["kept"], [None])
            engine.release()
            assert await labels(kept) == ["kept"]
            assert engine.calls == [["busy"], ["kept"]]
            assert not gone.future.done()
            assert batcher.telemetry.lengths[-1] == (0, 0)

    run(scenario())


def test_an_error_of_the_engine_fails_that_batch_alone(caplog):
    async def scenario():
        engine = FakeEngine()
        async with batching(engine) as batcher:
            await hold(engine, batcher)
            beside = batcher.submit(["beside"], [None])
            broken = batcher.submit([BREAKING], [None])
            engine.release()
            for ticket in (beside, broken):
                with pytest.raises(EngineFailedError):
                    await asyncio.wait_for(ticket.future, PATIENCE_S)
            assert await labels(batcher.submit(["after"], [None])) == ["after"]
            assert batcher.serving
            assert batcher.telemetry.lengths[-1] == (0, 0)

    with caplog.at_level(logging.ERROR):
        run(scenario())
    assert "RuntimeError: broken" in caplog.text


def test_a_text_that_cannot_be_prepared_fails_its_request_alone(caplog):
    async def scenario():
        engine = FakeEngine()
        async with batching(engine) as batcher:
            await hold(engine, batcher)
            beside = batcher.submit(["beside"], [None])
            unreadable = batcher.submit([UNREADABLE, *(f"text-{number}" for number in range(20))], [None] * 21)
            engine.release()
            assert await labels(beside) == ["beside"]
            with pytest.raises(EngineFailedError):
                await asyncio.wait_for(unreadable.future, PATIENCE_S)
            assert batcher.telemetry.lengths[-1] == (0, 0)

    with caplog.at_level(logging.ERROR):
        run(scenario())
    assert "ValueError: unreadable" in caplog.text


def test_an_engine_that_answers_too_few_texts_fails_them(caplog):
    class Forgetful(FakeEngine):
        def run(self, prepared):
            return super().run(prepared)[1:]

    async def scenario():
        async with batching(Forgetful()) as batcher:
            with pytest.raises(EngineFailedError):
                await asyncio.wait_for(batcher.submit(["a", "b"], [None] * 2).future, PATIENCE_S)

    with caplog.at_level(logging.CRITICAL):
        run(scenario())


def test_stopping_answers_what_was_taken_and_takes_no_more():
    async def scenario():
        engine = FakeEngine()
        async with batching(engine, batch_tokens=8) as batcher:
            await hold(engine, batcher)
            tickets = [batcher.submit([f"text-{number}"], [None]) for number in range(20)]
            stopped = asyncio.create_task(batcher.stop(PATIENCE_S))
            while batcher.serving:
                await asyncio.sleep(0)
            with pytest.raises(NotServingError):
                batcher.submit(["late"], [None])
            engine.release()
            assert await stopped
            assert [await labels(ticket) for ticket in tickets] == [[f"text-{number}"] for number in range(20)]

    run(scenario())


def test_a_batcher_that_was_not_started_takes_nothing():
    async def scenario():
        batcher = Batcher(FakeEngine(), ServeSettings(), Told())
        assert not batcher.serving
        with pytest.raises(NotServingError):
            batcher.submit(["text"], [None])
        assert await batcher.stop(1.0)

    run(scenario())


def test_an_engine_that_is_stuck_is_told_as_not_serving():
    async def scenario():
        engine = FakeEngine()
        async with batching(engine, timeout_s=0.01) as batcher:
            assert batcher.serving
            await hold(engine, batcher)
            while batcher.serving:
                await asyncio.sleep(0.001)
            engine.release()
            while not batcher.serving:
                await asyncio.sleep(0.001)

    run(scenario())


def test_an_engine_whose_files_were_changed_is_asked_nothing_more():
    class Changed(FakeEngine):
        def run(self, prepared):
            super().run(prepared)
            raise FilesChangedError("model.onnx was changed")

    async def scenario():
        async with batching(Changed()) as batcher:
            assert batcher.serving
            with pytest.raises(EngineFailedError):
                await labels(batcher.submit(["a"], [None]))
            assert not batcher.serving
            with pytest.raises(NotServingError):
                batcher.submit(["b"], [None])

    run(scenario())


def test_a_thread_that_ends_by_an_error_leaves_nobody_waiting(caplog):
    class Broken(Told):
        def batched(self, batch):
            raise RuntimeError("telemetry must not raise, and did")

    async def scenario():
        engine = FakeEngine()
        batcher = Batcher(engine, ServeSettings(batch_tokens=8), Broken())
        batcher.start()
        await hold(engine, batcher)
        waiting = batcher.submit(["waiting"], [None])
        engine.release()
        with pytest.raises(EngineFailedError):
            await asyncio.wait_for(waiting.future, PATIENCE_S)
        assert not batcher.serving
        with pytest.raises(NotServingError):
            batcher.submit(["late"], [None])

    with caplog.at_level(logging.ERROR):
        run(scenario())
    assert "The engine's thread ended" in caplog.text


def test_many_requests_at_once_are_each_answered_with_their_own_texts():
    async def scenario():
        async with batching(FakeEngine(variants=("a", "b")), batch_tokens=40, queue_texts=100_000) as batcher:
            texts = [
                [f"{'ab'[number % 2]} {number} {place}" for place in range(number % 7 + 1)] for number in range(800)
            ]
            tickets = [batcher.submit(each, [None] * len(each)) for each in texts]
            assert [await labels(ticket) for ticket in tickets] == texts
        # At its end it has told of every batch.
        assert sum(batch.texts for batch in batcher.telemetry.batches) == sum(map(len, texts))

    run(scenario())
