"""Texts timed in rotation: each kind equally often, however few there are."""

import numpy as np

from leanglot.measure.latency import time_in_rotation
from leanglot.runtimes.loading import load


def test_each_kind_is_timed_equally_often_and_in_turns(onnx_artifact, monkeypatch):
    classifier = load(onnx_artifact, 1)
    rows = {"de": classifier.encode(["filler-1", "filler-2 filler-3"]).rows, "th": classifier.encode(["filler-4"]).rows}
    asked = []

    def record(_, row):
        asked.append(tuple(row))
        return float(len(row))

    monkeypatch.setattr("leanglot.measure.latency.timed_call", record)
    found = time_in_rotation(classifier, rows, 5)
    first, second, third = (tuple(row) for own in rows.values() for row in own)
    assert asked[-10:] == [first, third, second, third, first, third, second, third, first, third]
    np.testing.assert_array_equal(found["de"], [3, 4, 3, 4, 3])
    np.testing.assert_array_equal(found["th"], [3] * 5)


def test_times_are_those_of_calls(onnx_artifact):
    classifier = load(onnx_artifact, 1)
    found = time_in_rotation(classifier, {"": classifier.encode(["filler-1"]).rows}, 3)[""]
    assert found.shape == (3,)
    assert (found > 0).all()
