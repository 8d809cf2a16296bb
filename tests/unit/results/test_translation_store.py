"""Stored translations come back as they were, and damage is told."""

from dataclasses import fields, replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from leanglot.errors import RunError
from leanglot.results.translation_store import read_translations, write_translations
from scored_translations import drawn_counts, failing, of_counts


def some(n=5, group=None):
    rng = np.random.default_rng(0)
    made = of_counts(drawn_counts(rng, np.full(n, 0.7), np.full(n, 30)), group=group)
    made = replace(made, hypothesis=tuple(f"Ü灯{number}" for number in range(n)), index=np.arange(n) * 7)
    return failing(made, copied=np.arange(n) == 1, wrong_language=np.zeros(n))


def assert_equal(one, other):
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "failed":
            assert mine.keys() == theirs.keys()
            assert all(np.array_equal(mine[kind], theirs[kind]) for kind in mine)
        elif isinstance(mine, np.ndarray):
            assert np.array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype
        else:
            assert mine == theirs


@pytest.mark.parametrize("group", [None, ("a", "a", "b", "c", "c")], ids=["alone", "groups"])
def test_they_come_back_as_they_were(tmp_path, group):
    made = some(group=group)
    write_translations(tmp_path / "run" / "t.parquet", made)
    assert_equal(made, read_translations(tmp_path / "run" / "t.parquet"))


def test_none_are_stored_too(tmp_path):
    write_translations(tmp_path / "t.parquet", of_counts(np.zeros((0, 18)), pair=[]))
    assert len(read_translations(tmp_path / "t.parquet")) == 0


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(RunError, match="no translations at"):
        read_translations(tmp_path / "t.parquet")


def test_unequal_columns_and_other_counts_are_refused(tmp_path):
    with pytest.raises(RunError, match="differ in length"):
        write_translations(tmp_path / "t.parquet", replace(some(), source=("a",)))
    with pytest.raises(RunError, match=r"shape \(5, 3\)"):
        write_translations(tmp_path / "t.parquet", replace(some(), chrf=np.zeros((5, 3))))
    assert not (tmp_path / "t.parquet").exists()


def damaged(path, change):
    write_translations(path, some())
    frame = change(pq.read_table(path))
    pq.write_table(frame, path)
    return path


def test_damage_is_told(tmp_path):
    path = tmp_path / "t.parquet"
    (write_translations(path, some()), path.write_bytes(path.read_bytes()[:200]))
    with pytest.raises(RunError, match="damaged"):
        read_translations(path)
    with pytest.raises(RunError, match=r"damaged.*bleu"):
        read_translations(damaged(path, lambda table: table.drop_columns(["bleu"])))

    def negative(table):
        values = table["sentence_chrf"].to_numpy().copy()
        values[2] = -1
        place = table.column_names.index("sentence_chrf")
        return table.set_column(place, "sentence_chrf", [values])

    with pytest.raises(RunError, match="out of range"):
        read_translations(damaged(path, negative))

    def partial(table):
        place = table.column_names.index("failed_copied")
        return table.set_column(place, "failed_copied", [[True, None, False, False, False]])

    with pytest.raises(RunError, match="failed_copied are null"):
        read_translations(damaged(path, partial))
