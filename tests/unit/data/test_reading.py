"""Data files become examples, or an error that says where and what to do."""

import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leanglot.config import Columns
from leanglot.data.reading import read_examples
from leanglot.errors import DataError

ROWS = [
    {"text": "Licht an", "label": "on", "language": "de"},
    {"text": 'say "hi", please\nnow', "label": "talk", "language": "en"},
    {"text": "電気\u2028をつけて", "label": "on", "language": "ja"},
]


def as_json_lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def as_csv(rows, delimiter=","):
    def field(value):
        text = "" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '",\t\n') else text

    lines = [rows[0].keys(), *(row.values() for row in rows)]
    return "".join(delimiter.join(map(field, line)) + "\n" for line in lines)


@pytest.fixture
def write(tmp_path):
    """Writes rows or raw content to a file, in the format its name asks for."""

    def to_file(name, content):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8", newline="")
        elif name.endswith(".parquet"):
            pq.write_table(pa.Table.from_pylist(content), path)
        else:
            formats = {"json": json.dumps, "csv": as_csv, "tsv": lambda rows: as_csv(rows, "\t")}
            text = formats.get(name.removesuffix(".gz").rsplit(".")[-1], as_json_lines)(content)
            raw = text.encode()
            path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return to_file


def error_of(path, **options):
    with pytest.raises(DataError) as caught:
        read_examples(path, **options)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value


def row(**changes):
    return {"text": "a text", "label": "on", "language": "en", **changes}


@pytest.mark.parametrize(
    "name",
    ["d.jsonl", "d.ndjson", "d.json", "d.csv", "d.tsv", "d.parquet", "D.JSONL", "d.jsonl.gz", "d.csv.gz"],
)
def test_every_format_gives_the_same_examples(write, name):
    examples, notes = read_examples(write(name, ROWS))
    assert examples.texts == tuple(row["text"] for row in ROWS)
    assert examples.labels == ("on", "talk", "on")
    assert examples.languages == ("de", "en", "ja")
    assert examples.groups is None
    assert notes == ()


@pytest.mark.parametrize("name", ["d.jsonl", "d.json", "d.csv"])
def test_a_byte_order_mark_is_no_fault(write, name):
    plain = write(name, ROWS).read_bytes()
    assert len(read_examples(write(name, b"\xef\xbb\xbf" + plain))[0]) == 3


def test_windows_line_ends_and_blank_lines_are_no_fault(write):
    lines = as_json_lines(ROWS).replace("\n", "\r\n\r\n")
    assert len(read_examples(write("d.jsonl", lines))[0]) == 3
    lines = as_csv([row(), row(text="b")]).replace("\n", "\r\n\r\n")
    assert len(read_examples(write("d.csv", lines))[0]) == 2


@pytest.mark.parametrize("name", ["d.jsonl", "d.json", "d.parquet"])
def test_integer_labels_become_digits(write, name):
    assert read_examples(write(name, [row(label=3), row(label=12)]))[0].labels == ("3", "12")


def test_whole_floats_are_integers(write):
    table = pa.table({"text": ["a"], "label": [2.0], "language": ["en"]})
    path = write("d.parquet", ROWS)
    pq.write_table(table, path)
    assert read_examples(path)[0].labels == ("2",)


def test_dictionary_columns_are_plain_text(write):
    path = write("d.parquet", ROWS)
    pq.write_table(pa.table({key: pa.array([row[key] for row in ROWS]).dictionary_encode() for key in ROWS[0]}), path)
    assert read_examples(path)[0].labels == ("on", "talk", "on")


def test_other_column_names(write):
    path = write("d.csv", [{"utt": "a", "intent": "on", "locale": "en", "template": 7}])
    columns = Columns(text="utt", label="intent", language="locale", group="template")
    examples, _ = read_examples(path, columns)
    assert (examples.texts, examples.groups) == (("a",), ("7",))


def test_usual_group_and_split_columns_are_found(write):
    apart = [row(text="b", group="h", split="train"), row(text="", split="TRAIN")]
    rows = [row(group="g", split="test"), *apart]
    examples, notes = read_examples(write("d.jsonl", rows))
    assert examples.groups == ("g",)
    assert "Rows of other splits were left out: 2 of train." in notes


def test_validation_rows_are_judged_too(write):
    rows = [row(text=name, split=name) for name in ("test", "validation", "dev", " Val ", "train")]
    assert read_examples(write("d.jsonl", rows))[0].texts == ("test", "validation", "dev", " Val ")


def test_only_training_rows_is_an_error(write):
    error = error_of(write("d.jsonl", [row(split="train")] * 3))
    assert "no rows to judge on: all are of other splits (3 of train)" in error.message
    assert "test" in error.hint


def test_an_unknown_split_is_told(write):
    error = error_of(write("d.jsonl", [row(split="test"), row(split="holdout"), row(split=None)]))
    assert "line 2 is of an unknown split: 'holdout'" in error.message
    assert "line 3 is of an unknown split: null" in error.message
    assert "train" in error.hint


def test_tags_are_normalised_and_noted(write):
    rows = [row(language="zh_CN"), row(language="EN"), row(language="en", text="b")]
    examples, notes = read_examples(write("d.jsonl", rows))
    assert examples.languages == ("zh-CN", "en", "en")
    assert "Language tags were brought to their normal spelling: EN to en, zh_CN to zh-CN." in notes


def test_repetitions_contradictions_and_a_single_language_are_noted(write):
    rows = [row(), row(), row(), row(label="off"), row(language="de"), row(text="b")]
    _, notes = read_examples(write("d.jsonl", rows))
    assert notes == (
        "Rows that repeat the text, language and label of an earlier row: 2.",
        "Texts with different labels in one language, of which one at most can be right: 1.",
    )
    _, notes = read_examples(write("d.jsonl", [row()]))
    assert notes == ("All examples are in one language, en; no other is judged.",)


@pytest.mark.parametrize("name", ["d.jsonl", "d.csv", "d.parquet"])
def test_a_text_of_hostile_size_is_cut_between_characters(write, name):
    text = "e\u0301" * 400_000
    examples, notes = read_examples(write(name, [row(text=text), row(text="short", language="de")]))
    assert len(examples.texts[0]) == 100_000
    assert notes == ("Texts over 1,000,000 bytes, cut to their first 100,000 characters: 1.",)
    examples, _ = read_examples(write(name, [row(text="x" + text), row(language="de")]))
    assert len(examples.texts[0]) == 99_999


def test_the_limit_on_csv_fields_is_put_back(write):
    before = csv.field_size_limit()
    read_examples(write("d.csv", [row(text="x" * 200_000)]))
    assert csv.field_size_limit() == before
    error_of(write("d.csv", 'text,label,language\n"open'))
    assert csv.field_size_limit() == before


def test_every_faulty_row_is_told_by_line_and_kind(write):
    rows = [
        row(),
        row(text=""),
        row(text="  \n"),
        row(text=None),
        {"label": "on", "language": "en"},
        row(text=5),
        row(label=None),
        row(label=" "),
        row(label=True),
        row(label=1.5),
        row(label=float("nan")),
        row(language="english"),
        row(language=None),
        row(language=7),
        row(text="\ud800"),
    ]
    path = write("d.jsonl", "".join(json.dumps(each) + "\n" for each in rows))
    error = error_of(path)
    assert error.message.splitlines() == [
        f"{path}: 14 lines cannot be used:",
        "  line 2 has no text: it is blank",
        "  line 3 has no text: it is blank",
        "  line 4 has no text: it is null or missing",
        "  line 5 has no text: it is null or missing",
        "  line 6 has no usable text: 5 (int)",
        "  line 15 has no usable text: it holds half of a surrogate pair, a broken \\u escape",
        "  line 7 has no label: it is null or missing",
        "  line 8 has no label: it is blank",
        "  line 11 has no label: it is null or missing",
        "  line 9 has an unusable label: True (bool)",
        "  line 10 has an unusable label: 1.5 (float)",
        "  line 12 has no language tag: 'english'; did you mean en?",
        "  line 13 has no language tag: it is null or missing",
        "  line 14 has no language tag: 7",
    ]
    assert "BCP 47" in error.hint


def test_many_faults_of_a_kind_are_counted(write):
    error = error_of(write("d.csv", [row(text="", label=i) for i in range(9)]))
    assert "9 lines cannot be used" in error.message
    assert "line 6 " in error.message
    assert "line 7 " not in error.message
    assert error.message.endswith("and 4 more lines of this kind")


def test_a_row_without_a_group_is_a_fault_where_others_have_one(write):
    assert "line 2 has no group" in error_of(write("d.jsonl", [row(group="a"), row()])).message


def test_positions_count_what_the_format_has(write):
    assert "item 2 has no text" in error_of(write("d.json", [row(), row(text="")])).message
    assert "row 2 has no text" in error_of(write("d.parquet", [row(), row(text="")])).message
    quoted = 'text,label,language\n"two\nlines",on,en\n,on,en\n'
    assert "line 4 has no text" in error_of(write("d.csv", quoted)).message


@pytest.mark.parametrize("name", ["d.jsonl", "d.json", "d.csv", "d.parquet"])
def test_missing_columns_name_those_present_and_the_option(write, name):
    error = error_of(write(name, [{"txt": "a", "intent": "on", "lang": "en", "x": 1}]))
    assert '--text-column "txt"' in error.message
    assert '--label-column "intent"' in error.message
    assert '--language-column "lang"' in error.message
    assert error.hint == "Its columns are txt, intent, lang, x."


def test_a_missing_column_without_a_near_name(write):
    error = error_of(write("d.csv", [{"a": 1, "label": "on", "language": "en"}]))
    assert '  no column "text" for the text: set it with --text-column NAME' in error.message


def test_a_group_column_asked_for_must_be_there(write):
    error = error_of(write("d.csv", [row(templat="t")]), columns=Columns(group="template"))
    assert '--group-column "templat"' in error.message


def test_a_missing_file_a_folder_and_unknown_formats(write, tmp_path):
    assert "There is no data file" in error_of(tmp_path / "gone.jsonl").message
    write("b.csv", [row()])
    write("a.jsonl", [row()])
    error = error_of(tmp_path)
    assert "is a folder" in error.message
    assert "In it are a.jsonl, b.csv." in error.hint
    for name in ("d.txt", "d", "d.parquet.gz", "d.gz", "d.jsonl.bz2"):
        assert "no known format" in error_of(write(name, b"x")).message


def test_an_empty_folder_says_so(tmp_path):
    assert "no data files" in error_of(tmp_path).hint


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("d.jsonl", b"", "is empty"),
        ("d.csv", b" \n\n", "is empty"),
        ("d.jsonl", b"\xef\xbb\xbf\n", "holds no rows"),
        ("d.csv", b"\xef\xbb\xbf\n", "holds no rows"),
        ("d.csv", b"text,label,language\n", "holds no rows"),
        ("d.json", b"[]", "holds no rows"),
        ("d.json", b'{"data": []}', "holds a dict, not a list"),
        ("d.json", b'[{"text": "a"}, 5]', "item 2 is not an object: int"),
        ("d.json", b'[{"text": "a"},\n {"text"}]', "line 2, column 9 is not valid JSON"),
        ("d.json", b"[" * 100_000, "is not valid JSON"),
        ("d.jsonl", b"[" * 100_000, "line 1 is not valid JSON"),
        ("d.jsonl", b'{"label": ' + b"9" * 5000 + b"}", "line 1 is not valid JSON"),
        ("d.jsonl", b'{"text": "a"}\n{"text": \n5\n', "line 2 is not valid JSON: Expecting value"),
        ("d.jsonl", b'{"text": "a"}\n5\n', "line 2 is not an object: int"),
        ("d.jsonl", b'{"text": "a"}\n{"text": "caf\xe9"}\n', "byte 0xe9 at offset 27, line 2"),
        ("d.csv", b"text,label,language\na,on\n", "line 2 has the wrong number of fields: 2 where"),
        ("d.csv", b'text,label,language\n"a"b,on,en\n', "line 2 cannot be read"),
        ("d.csv", b'text,label,language\na,on,en\n"b,on,en\n', "line 3 cannot be read"),
        ("d.csv", b"text;label;language\na;on;en\n", "separated by semicolons"),
        ("d.tsv", b"text,label,language\na,on,en\n", "separated by commas"),
        ("d.csv", b"text,label,text\na,on,en\n", "columns of the same name: text"),
        ("d.parquet", b"PAR1 no more", "cannot be read as Parquet"),
        ("d.parquet", b"", "cannot be read as Parquet"),
        ("d.jsonl.gz", b"no gzip", "is damaged"),
        ("d.jsonl.gz", gzip.compress(b'{"text": 1}' * 99)[:-9], "is damaged"),
    ],
    ids=lambda value: "content" if isinstance(value, bytes) else value,  # the same in every process, and short
)
def test_damaged_files_are_told_by_place(write, name, content, fault):
    assert fault in error_of(write(name, content)).message


def test_the_command_that_converts_the_encoding(write):
    assert "iconv -f LATIN1 -t UTF-8 d.csv" in error_of(write("d.csv", b"caf\xe9")).hint
    assert "iconv -f UTF-16 -t UTF-8 d.csv" in error_of(write("d.csv", "text".encode("utf-16"))).hint


def test_a_truncated_parquet_file_is_damaged(write):
    path = write("d.parquet", ROWS * 100)
    path.write_bytes(path.read_bytes()[:-30])
    assert "cannot be read as Parquet" in error_of(path).message


def test_parquet_columns_of_the_same_name(write):
    path = write("d.parquet", ROWS)
    pq.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), path)
    assert "columns of the same name: text" in error_of(path).message


def test_sizes_are_limited_and_the_limit_can_be_raised(write):
    path = write("d.jsonl", ROWS)
    size = path.stat().st_size
    assert f"larger than the limit of {size - 1} bytes" in error_of(path, limit_bytes=size - 1).message
    assert len(read_examples(path, limit_bytes=size)[0]) == 3


def test_small_files_cannot_unpack_without_limit(write):
    packed = write("d.jsonl.gz", gzip.compress(b" " * 1_000_000))
    assert "larger than the limit" in error_of(packed, limit_bytes=100_000).message
    table = write("d.parquet", [row(text="x" * 1000)] * 5000)
    assert table.stat().st_size < 100_000
    assert "unpacks to more than" in error_of(table, limit_bytes=100_000).message
