import os
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leanglot.errors import DataError
from leanglot.monitor.following import Follower
from leanglot.monitor.log_files import FileState
from leanglot.monitor.parquet_log import parquet_rows


def table(count=5, **columns):
    return pa.table({"time": [float(number) for number in range(count)], "prediction": ["x"] * count} | columns)


def read(path, start=0):
    return [row for rows in parquet_rows(path, start) for row in rows]


def test_only_the_columns_of_a_log_are_read(tmp_path):
    pq.write_table(table(2, features=[[1.0] * 9] * 2, language=["de", None]), tmp_path / "log.parquet")
    assert read(tmp_path / "log.parquet") == [
        {"time": 0.0, "prediction": "x", "language": "de"},
        {"time": 1.0, "prediction": "x", "language": None},
    ]


@pytest.mark.parametrize("start", [0, 1, 2, 3, 5, 9, 10])
def test_rows_before_the_start_are_passed_over(tmp_path, start):
    pq.write_table(table(10), tmp_path / "log.parquet", row_group_size=3)
    assert [row["time"] for row in read(tmp_path / "log.parquet", start)] == list(range(start, 10))


@pytest.mark.parametrize(
    "kind",
    [pa.timestamp("s"), pa.timestamp("ms", "UTC"), pa.timestamp("us", "Europe/Berlin"), pa.timestamp("ns", "+02:00")],
    ids=str,
)
def test_points_in_time_of_every_kind_become_seconds(tmp_path, kind):
    moment = int(datetime(2026, 1, 31, 10, tzinfo=UTC).timestamp())
    unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
    extra = 7 if kind.unit == "ns" else 0
    times = pa.array([moment * unit + extra, None], pa.int64()).cast(kind)
    pq.write_table(pa.table({"time": times, "prediction": ["x", "y"]}), tmp_path / "log.parquet")
    assert [row["time"] for row in read(tmp_path / "log.parquet")] == [moment, None]


def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "log.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(tmp_path / "log.parquet")


def test_a_table_without_predictions_and_labels_is_told_with_its_columns(tmp_path):
    pq.write_table(pa.table({"answer": ["x"]}), tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"no column prediction(?s:.)*columns are answer"):
        read(tmp_path / "log.parquet")


def test_columns_of_the_same_name_are_told(tmp_path):
    pq.write_table(pa.Table.from_arrays([pa.array(["x"])] * 2, ["prediction"] * 2), tmp_path / "log.parquet")
    with pytest.raises(DataError, match="columns of the same name: prediction"):
        read(tmp_path / "log.parquet")


def looks(follower, limit):
    found = []
    while True:
        look = follower.look(limit=limit)
        found.append(look)
        if not look.behind:
            return found


def test_a_table_is_read_once_in_bounded_steps_across_a_restart(tmp_path):
    count = 20_000
    pq.write_table(table(count), tmp_path / "log.parquet")
    follower = Follower([tmp_path])
    first = follower.look(limit=1)
    assert first.behind
    assert 0 < len(first.reading.events) < count
    states = [FileState.model_validate_json(state.model_dump_json()) for state in follower.states()]
    follower = Follower([tmp_path], states)
    times = [time for look in looks(follower, limit=1) for time in look.reading.events.time]
    assert [*first.reading.events.time, *times] == list(range(count))
    assert len(follower.look().reading.events) == 0


def test_a_broken_row_is_told_by_its_number(tmp_path):
    pq.write_table(table(5, confidence=[0.5, None, 1.5, 0.5, float("nan")]), tmp_path / "log.parquet")
    look = Follower([tmp_path]).look()
    (note,) = look.faults
    assert (note.fault, note.count) == ("confidence", 2)
    assert note.where == f"{tmp_path / 'log.parquet'}, row 3"
    assert len(look.reading.events) == 3


def test_tables_and_lines_are_merged_by_time(tmp_path):
    pq.write_table(table(3), tmp_path / "b.parquet")
    (tmp_path / "a.jsonl").write_text('{"time": 1.5, "prediction": "y"}\n')
    assert Follower([tmp_path]).look().reading.events.prediction == ("x", "x", "y", "x")


def test_a_table_that_is_not_written_to_its_end_is_read_when_it_is(tmp_path):
    whole, path = tmp_path / "whole", tmp_path / "log.parquet"
    pq.write_table(table(3), whole)
    path.write_bytes(whole.read_bytes()[:-20])
    follower = Follower([path])
    look = follower.look()
    assert dict(look.reading.counters) == {"unreadable_files": 1}
    assert [f"{path} was skipped" in note for note in look.notes] == [True]
    look = follower.look()
    assert (look.reading.counters, look.notes) == ((), ())
    path.write_bytes(whole.read_bytes())
    look = follower.look()
    assert (len(look.reading.events), look.notes) == (3, ())


def test_a_table_that_is_written_anew_is_told_and_read_as_a_new_one(tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(table(3), path)
    follower = Follower([path])
    assert len(looks(follower, 1 << 20)[0].reading.events) == 3
    pq.write_table(table(4), tmp_path / "new")
    os.replace(tmp_path / "new", path)  # noqa: PTH105
    look = follower.look()
    assert len(look.reading.events) == 4
    assert look.notes == (f"{path} was written anew; it is read as a new file.",)
