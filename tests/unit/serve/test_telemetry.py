"""The desk tells everyone, and ends writers before readers."""

from telling import answer

from leanglot.serve.answers import Batch
from leanglot.serve.telemetry import Desk


class Heard:
    """Writes down what it is told, in a list that several share."""

    def __init__(self, name, calls):
        self._name = name
        self._calls = calls

    def __getattr__(self, method):
        def take(*arguments):
            self._calls.append((self._name, method, *arguments))

        return take


def desk(calls, **without):
    parts = {name: Heard(name, calls) for name in ("metrics", "recorder", "watching", "shadow")}
    return Desk(**(parts | without))


def test_everybody_hears_of_an_answer():
    calls = []
    answers = [answer()]
    desk(calls).answered(["text"], answers, 0.5)
    assert calls == [
        ("metrics", "answered", answers, 0.5),
        ("recorder", "answered", answers, 0.5),
        ("shadow", "offer", ["text"], answers),
    ]


def test_everything_else_goes_where_it_belongs():
    calls = []
    batch = Batch("int8", 1, 2, 3, 0.1)
    heard = desk(calls)
    heard.requested("/predict", 200, 0.1)
    heard.labelled("a1", "lights")
    heard.batched(batch)
    heard.refused("queue full")
    heard.queued(1, 2)
    assert calls == [
        ("metrics", "requested", "/predict", 200, 0.1),
        ("metrics", "labelled"),
        ("recorder", "labelled", "a1", "lights"),
        ("metrics", "batched", batch),
        ("metrics", "refused", "queue full"),
        ("metrics", "queued", 1, 2),
        ("shadow", "queued", 2),
    ]


def test_readers_begin_first_and_end_last():
    calls = []
    heard = desk(calls)
    heard.start()
    heard.stop()
    assert [call[:2] for call in calls] == [
        ("watching", "start"),
        ("recorder", "start"),
        ("shadow", "start"),
        ("shadow", "stop"),
        ("recorder", "stop"),
        ("watching", "stop"),
    ]


def test_only_the_metrics_are_needed():
    calls = []
    heard = desk(calls, recorder=None, watching=None, shadow=None)
    heard.start()
    heard.answered(["text"], [answer()], 0.1)
    heard.labelled("a1", "lights")
    heard.queued(0, 0)
    heard.stop()
    assert {call[0] for call in calls} == {"metrics"}
