"""Parallel sentences from files: what is taken, what is left out and told, what is refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leanglot.config import Columns
from leanglot.data.parallel_reading import read_parallel, read_parallel_training, sample_per_pair
from leanglot.errors import DataError
from scored_translations import parallel

ROWS = [
    {"source": "On", "target": "An", "source_language": "en", "target_language": "de"},
    {"source": "Off", "target": "Aus", "source_language": "EN", "target_language": "de"},
    {"source": "On", "target": "オン", "source_language": "en", "target_language": "ja"},
]


def lines(path, rows, name="d.jsonl"):
    file = path / name
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def renamed(row, **names):
    return {names.get(name, name): value for name, value in row.items()}


def test_rows_become_sentences(tmp_path):
    examples, notes = read_parallel(lines(tmp_path, ROWS))
    assert examples.sources == ("On", "Off", "On")
    assert examples.references == ("An", "Aus", "オン")
    assert examples.pairs == ("en→de", "en→de", "en→ja")
    assert examples.groups is None
    assert notes == ("Language tags were brought to their normal spelling: EN to en.",)


def test_csv_and_parquet_are_read_alike(tmp_path):
    (tmp_path / "d.csv").write_text(
        "source,target,source_language,target_language\nOn,An,en,de\nOff,Aus,EN,de\nOn,オン,en,ja\n", encoding="utf-8"
    )
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "d.parquet")
    expected = read_parallel(lines(tmp_path, ROWS))
    assert read_parallel(tmp_path / "d.csv") == expected
    assert read_parallel(tmp_path / "d.parquet") == expected


def test_usual_other_names_are_taken_and_told(tmp_path):
    names = {"source": "src", "target": "tgt", "source_language": "src_lang", "target_language": "tgt_lang"}
    examples, notes = read_parallel(lines(tmp_path, [renamed(row, **names) for row in ROWS]))
    assert examples.pairs == ("en→de", "en→de", "en→ja")
    assert "Columns taken under another name: source from src, target from tgt" in notes[0]


def test_columns_asked_for_must_be_there(tmp_path):
    file = lines(tmp_path, [renamed(row, source="src") for row in ROWS])
    with pytest.raises(DataError, match='no column "sauce" for the source: name it under columns, as in source: src'):
        read_parallel(file, Columns(source="sauce"))
    with pytest.raises(DataError, match='no column "doc" for the group'):
        read_parallel(file, Columns(group="doc"))


def test_all_missing_columns_are_told_at_once(tmp_path):
    with pytest.raises(DataError) as caught:
        read_parallel(lines(tmp_path, [{"text": "On"}]))
    for role in ("source", "target", "source language", "target language"):
        assert f"for the {role}:" in str(caught.value)
    assert "Its columns are text." in str(caught.value)


def test_the_nested_column_of_datasets_is_read(tmp_path):
    rows = [{"translation": {"en": "On", "de": "An"}}, {"translation": {"de": "Aus", "en": "Off"}}]
    examples, notes = read_parallel(lines(tmp_path, rows))
    assert examples.pairs == ("en→de", "de→en")
    assert examples.sources == ("On", "Aus")
    assert notes == (
        'The column "translation" names no direction: the first language of each row is its source (en→de, de→en).',
    )
    pq.write_table(pa.Table.from_pylist(rows[:1]), tmp_path / "d.parquet")
    assert read_parallel(tmp_path / "d.parquet")[0].references == ("An",)


def test_a_column_of_the_source_language_turns_the_nested_one(tmp_path):
    rows = [{"translation": {"en": "On", "de": "An", "fr": "Oui"}, "source_language": "de", "target_language": "en"}]
    examples, notes = read_parallel(lines(tmp_path, rows))
    assert (examples.pairs, examples.sources, notes) == (("de→en",), ("An",), ())


def test_a_nested_column_without_two_languages_is_refused(tmp_path):
    rows = [{"translation": {"en": "On"}}, {"translation": {"en": "a", "de": "b", "fr": "c"}}, {"translation": "x"}]
    with pytest.raises(DataError) as caught:
        read_parallel(lines(tmp_path, rows))
    assert "3 lines cannot be used" in str(caught.value)
    assert "must be an object of two languages" in str(caught.value)


def test_rows_without_a_reference_are_left_out_and_told(tmp_path):
    blank = [
        dict(ROWS[0], target=value, target_language=tag) for value, tag in ((None, "de"), ("  ", "de"), ("", "fr"))
    ]
    examples, notes = read_parallel(lines(tmp_path, [*ROWS, *blank]))
    assert len(examples) == 3
    assert "Rows without a reference were left out, as nothing shows what is right: en→de 2, en→fr 1." in notes
    assert "Language pairs without any reference are not judged: en→fr." in notes


def test_no_reference_at_all_is_refused(tmp_path):
    with pytest.raises(DataError, match="none of the 1 rows has a reference"):
        read_parallel(lines(tmp_path, [dict(ROWS[0], target="")]))


def test_all_faults_are_told_in_one_error(tmp_path):
    faults = {
        "source": [None, "  ", 3, "\ud800"],
        "target": [7, "\udc00"],
        "source_language": ["german", None],
        "target_language": ["xx-yy-zz", "en"],
    }
    rows = [dict(ROWS[0], **{name: value}) for name, values in faults.items() for value in values]
    file = tmp_path / "d.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_parallel(file)
    message = str(caught.value)
    assert "10 lines cannot be used" in message
    for line, told in enumerate(
        [
            *["has no source: it is null", "has no source: it is blank", "has no usable source: 3 (int)"],
            *["has no usable source: it holds half of a surrogate", "has an unusable reference: 7 (int)"],
            *[
                "has an unusable reference: it holds half",
                "has no tag for the source language: 'german'; did you mean de",
            ],
            *["has no tag for the source language: it is null", "has no tag for the target language: 'xx-yy-zz'"],
            "has one language twice: en",
        ],
        start=1,
    ):
        assert f"line {line} {told}" in message


def test_only_test_and_validation_rows_are_judged_and_the_rest_is_for_learning(tmp_path):
    rows = [
        dict(row, split=split, group=g) for row, split, g in zip(ROWS, ("test", "train", "dev"), "aab", strict=True)
    ]
    file = lines(tmp_path, rows)
    examples, notes = read_parallel(file)
    assert (examples.sources, examples.groups) == (("On", "On"), ("a", "b"))
    assert "Rows of other splits were left out: 1 of train." in notes
    learned = read_parallel_training(file)
    assert (learned.sources, learned.groups) == (("Off",), ("a",))
    assert len(read_parallel(file, Columns(split="none", group="none"))[0]) == 3


def test_a_file_without_rows_of_the_split_is_refused(tmp_path):
    file = lines(tmp_path, [dict(ROWS[0], split="train")])
    with pytest.raises(DataError, match="holds no rows to judge on"):
        read_parallel(file)
    with pytest.raises(DataError, match="holds no rows to learn from"):
        read_parallel_training(lines(tmp_path, [dict(ROWS[0], split="test")], "e.jsonl"))
    with pytest.raises(DataError, match="unknown split"):
        read_parallel(lines(tmp_path, [dict(ROWS[0], split="eval")]))


def test_a_file_of_its_own_is_learned_from_as_a_whole(tmp_path):
    assert read_parallel_training(lines(tmp_path, ROWS)).sources == ("On", "Off", "On")


def test_repetitions_and_right_copies_are_told(tmp_path):
    name = {"source": "Hue", "target": "Hue", "source_language": "en", "target_language": "de"}
    _, notes = read_parallel(lines(tmp_path, [*ROWS[:1], *ROWS[:1], name]))
    assert "Rows that repeat an earlier row's languages, source and reference: 1." in notes
    assert "Rows whose reference is their source, where copying is right: 1." in notes


def test_hostile_lengths_are_cut_and_told(tmp_path):
    examples, notes = read_parallel(lines(tmp_path, [dict(ROWS[0], source="x" * 1_100_000)]))
    assert len(examples.sources[0]) == 100_000
    assert any("cut to their first 100,000 characters: 1." in note for note in notes)


def test_samples_are_drawn_per_pair_and_over_groups_first():
    rows = [(f"s{number}", f"t{number}", "en", tag) for tag in ("de", "fr") for number in range(40)]
    examples = parallel(rows, [str(number // 10) for number in range(80)])
    drawn = sample_per_pair(examples, 4, seed=1)
    assert {pair: len(places) for pair, places in drawn.by_pair().items()} == {"en→de": 4, "en→fr": 4}
    assert sorted(drawn.groups) == [str(number) for number in range(8)]
    assert sample_per_pair(examples, 4, seed=1) == drawn
    assert sample_per_pair(examples, 4, seed=2) != drawn
    alone = examples.subset(examples.by_pair()["en→fr"])
    assert sample_per_pair(alone, 4, seed=1) == drawn.subset(drawn.by_pair()["en→fr"])
    assert sample_per_pair(examples, 40, seed=0) == examples
    order = [examples.sources.index(source) for source in drawn.subset(np.arange(4)).sources]
    assert order == sorted(order)
    with pytest.raises(DataError, match="limit of 0"):
        sample_per_pair(examples, 0, seed=0)
