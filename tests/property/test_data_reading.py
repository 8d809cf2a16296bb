"""What is written in any format comes back unchanged."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.data.reading import read_examples
from leanglot.data.rows import shorten
from leanglot.errors import DataError
from leanglot.languages import canonical_tag

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip)
ROWS = st.lists(
    st.fixed_dictionaries({"text": TEXT, "label": TEXT, "group": TEXT, "language": st.just("de")}),
    min_size=1,
    max_size=8,
)


def as_csv(rows, delimiter):
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, rows[0], delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def as_parquet(rows):
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


FORMATS = {
    "jsonl": lambda rows: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(),
    "json": lambda rows: json.dumps(rows).encode(),
    "csv": lambda rows: as_csv(rows, ","),
    "tsv": lambda rows: as_csv(rows, "\t"),
    "parquet": as_parquet,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.mark.parametrize("name", FORMATS)
@given(rows=ROWS)
def test_every_format_keeps_every_character(folder, name, rows):
    path = folder / f"rows.{name}"
    path.write_bytes(FORMATS[name](rows))
    examples, _ = read_examples(path)
    assert examples.texts == tuple(row["text"] for row in rows)
    assert examples.labels == tuple(row["label"] for row in rows)
    assert examples.groups == tuple(row["group"] for row in rows)


@pytest.mark.parametrize("name", [*FORMATS, "jsonl.gz"])
@given(content=st.binary(max_size=200))
def test_any_bytes_give_examples_or_a_data_error(folder, name, content):
    path = folder / f"bytes.{name}"
    path.write_bytes(content)
    try:
        examples, _ = read_examples(path)
    except DataError:
        return
    assert len(examples) > 0


@given(st.text(max_size=30))
def test_any_text_is_a_tag_or_a_data_error(text):
    try:
        canonical = canonical_tag(text)
    except DataError:
        return
    assert canonical_tag(canonical) == canonical
    assert canonical.replace("-", "").isalnum()
    assert canonical.isascii()


@given(st.integers(0, 5), st.integers(1, 3))
def test_a_cut_text_is_a_beginning_of_it(marks, width):
    text = ("x" * width + "\u0301" * marks + "\N{THUMBS UP SIGN}\u200d") * 300_000
    short = shorten(text)
    assert text.startswith(short)
    assert 99_900 <= len(short) <= 100_000
    assert text[len(short)] not in "\u0301\u200d"
    assert not short.endswith("\u200d")
