"""Predictions come back as written."""

from dataclasses import fields, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leanglot.errors import RunError
from leanglot.results.predictions import Predictions, read_predictions, write_predictions


@pytest.fixture
def predictions():
    return Predictions(
        index=np.array([0, 2, 5]),
        language=("de", "zh-CN", "de"),
        group=("a", "b", "a"),
        label=("on", "off", "on"),
        predicted=("on", "on", "on"),
        correct=np.array([True, False, True]),
        confidence=np.array([0.9, 0.5, 1.0]),
    )


@pytest.fixture
def stored(tmp_path, predictions):
    path = tmp_path / "candidates" / "predictions.parquet"
    write_predictions(path, predictions)
    return path


def assert_same(one, other):
    for field in fields(Predictions):
        first, second = getattr(one, field.name), getattr(other, field.name)
        assert type(first) is type(second), field.name
        assert np.array_equal(first, second), field.name


def test_everything_comes_back(stored, predictions):
    again = read_predictions(stored)
    assert_same(again, predictions)
    assert again.index.dtype == np.int64
    assert again.correct.dtype == np.bool_
    assert again.confidence.dtype == np.float64
    assert len(again) == 3


def test_what_is_absent_stays_absent(tmp_path, predictions):
    bare = replace(predictions, group=None, confidence=None)
    write_predictions(tmp_path / "p.parquet", bare)
    assert_same(read_predictions(tmp_path / "p.parquet"), bare)


def test_other_tools_find_all_columns(stored):
    assert pq.read_table(stored).to_pylist()[1] == {
        "index": 2,
        "language": "zh-CN",
        "group": "b",
        "label": "off",
        "predicted": "on",
        "correct": False,
        "confidence": 0.5,
    }


@pytest.mark.parametrize("column", [field.name for field in fields(Predictions)])
def test_columns_must_be_equally_long(predictions, column):
    with pytest.raises(RunError, match=f"{column} 2"):
        replace(predictions, **{column: getattr(predictions, column)[:2]})


def test_a_missing_file(tmp_path):
    with pytest.raises(RunError, match="no predictions at"):
        read_predictions(tmp_path / "gone.parquet")


@pytest.mark.parametrize("keep", [0, 10, -20])
def test_a_truncated_file_is_damaged(stored, keep):
    stored.write_bytes(stored.read_bytes()[:keep])
    with pytest.raises(RunError, match="damaged"):
        read_predictions(stored)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("label", None),
        ("label", ["a", None, "b"]),
        ("correct", ["yes", "no", "maybe"]),
        ("correct", [True, True, True]),
        ("correct", [False, False, False]),
        ("group", ["a", None, "b"]),
        ("confidence", [0.1, None, 0.2]),
    ],
)
def test_other_columns_are_refused(stored, column, values):
    table = pq.read_table(stored)
    place = table.schema.get_field_index(column)
    table = table.drop(column) if values is None else table.set_column(place, column, pa.array(values))
    pq.write_table(table, stored)
    with pytest.raises(RunError, match="damaged"):
        read_predictions(stored)
