"""Calibration texts come from the training split, are never judged ones, and are balanced over the languages."""

import json
import math
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leanglot.config import Columns
from leanglot.data.calibration import draw
from leanglot.data.examples import Examples
from leanglot.data.pool import TextPool, read_texts, text_pool
from leanglot.errors import DataError
from leanglot.techniques import Calibration


def row(text="Licht an", language="de", **more):
    return {"text": text, "language": language, **more}


@pytest.fixture
def write(tmp_path):
    def to_file(rows, name="texts.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return to_file


def pool_of(**sizes):
    rows = [(f"{tag} {number}", tag) for tag, size in sizes.items() for number in range(size)]
    texts, languages = zip(*rows, strict=True)
    return TextPool(texts, languages, "texts.jsonl")


def error_of(call, *arguments, **options):
    with pytest.raises(DataError) as caught:
        call(*arguments, **options)
    assert caught.value.hint
    return caught.value


def test_labels_are_not_needed(write):
    path = write([row(), row("Music please", "en", label=None), row("Musik bitte", "de", label="on")])
    pool = read_texts(path, Columns())
    assert pool.texts == ("Licht an", "Music please", "Musik bitte")
    assert pool.languages == ("de", "en", "de")
    assert (pool.source, pool.notes) == (str(path), ())


def test_columns_have_the_names_given(write):
    path = write([{"utt": "Licht an", "locale": "de_DE"}])
    pool = read_texts(path, Columns(text="utt", language="locale"))
    assert (pool.texts, pool.languages) == (("Licht an",), ("de-DE",))


@pytest.mark.parametrize("training", ["train", "training", "Train", " TRAINING "])
def test_only_training_rows_are_taken(write, training):
    path = write(
        [row("a", split=training), row("b", split="test"), row("c", split="validation"), row("d", split="test")]
    )
    pool = read_texts(path, Columns())
    assert pool.texts == ("a",)
    assert pool.notes == ("Only training rows are taken; left out were 2 of test, 1 of validation.",)


def test_rows_of_other_splits_are_not_even_checked(write):
    path = write([row("a", split="train"), row(None, split="test"), row("b", "no language", split="dev")])
    assert read_texts(path, Columns()).texts == ("a",)


def test_a_file_without_training_rows_is_refused(write):
    error = error_of(read_texts, write([row("a", part="test")]), Columns(split="part"))
    assert "no training rows" in error.message
    assert "its column 'part' holds 1 of test" in error.message
    assert "--split-column none" in error.hint


def test_the_split_column_can_be_switched_off(write):
    path = write([row("a", split="test"), row("b", split="train")])
    assert read_texts(path, Columns(split="none")).texts == ("a", "b")


def test_judged_texts_are_left_out_and_counted(write):
    path = write([row("Licht an"), row("licht  AN "), row("Licht aus")])
    pool = read_texts(path, Columns(), judged={"LICHT an", "Musik"})
    assert pool.texts == ("Licht aus",)
    assert pool.notes == ("Texts that are also judged were left out: 2.",)


def test_nothing_but_judged_texts_is_refused(write):
    error = error_of(read_texts, write([row("Licht an")]), Columns(), judged=["Licht an"])
    assert "all 1 texts are among those that candidates are judged on" in error.message
    assert "training" in error.hint


@pytest.mark.parametrize("empty", ["", "  \t", None])
def test_empty_texts_are_left_out_and_counted(write, empty):
    pool = read_texts(write([row(), row(empty), row(empty)]), Columns())
    assert pool.texts == ("Licht an",)
    assert pool.notes == ("Empty texts were left out: 2.",)


def test_an_absent_text_of_a_table_is_empty(tmp_path):
    path = tmp_path / "texts.parquet"
    table = {"text": pa.array(["a", None]), "language": pa.array(["de", "de"])}
    pq.write_table(pa.table(table), path)
    assert read_texts(path, Columns()).texts == ("a",)
    path = tmp_path / "numbers.parquet"
    pq.write_table(pa.table({"text": pa.array([math.nan, math.nan]), "language": pa.array(["de", "de"])}), path)
    assert "all 2 texts are empty" in error_of(read_texts, path, Columns()).message


def test_nothing_but_empty_texts_is_refused(write):
    error = error_of(read_texts, write([row(""), row(None)]), Columns())
    assert "all 2 texts are empty" in error.message


def test_rows_that_cannot_be_used_are_named(write):
    error = error_of(read_texts, write([row(), row(["a"]), row("b", "klingonisch")]), Columns())
    assert "line 2 has no usable text" in error.message
    assert "line 3 has no language tag" in error.message
    assert "label" not in error.message


def test_a_missing_file_is_named(tmp_path):
    assert "no data file" in error_of(read_texts, tmp_path / "none.jsonl", Columns()).message


def test_missing_columns_are_named_together(write):
    columns = Columns(text="utt", language="locale", split="part")
    error = error_of(read_texts, write([row()]), columns)
    for role, name in {"text": "utt", "language": "locale", "split": "part"}.items():
        assert f'no column "{name}" for the {role}: set it with --{role}-column' in error.message
    assert error.hint == "Its columns are text, language."
    one = error_of(read_texts, write([row()]), Columns(text="utt"))
    assert "lacks a column" in one.message


def test_examples_in_memory_make_a_pool_too():
    examples = Examples(("Licht an", "Licht aus"), ("on", "off"), ("de", "de"))
    pool = text_pool(examples, "demo", judged=["licht an"], notes=["Known before."])
    assert (pool.texts, pool.source) == (("Licht aus",), "demo")
    assert pool.notes == ("Known before.", "Texts that are also judged were left out: 1.")


def counts(pool, **options):
    drawn = draw(pool, Calibration(**options))
    assert Counter(drawn.languages) == drawn.counts
    assert set(zip(drawn.texts, drawn.languages, strict=True)) <= set(zip(pool.texts, pool.languages, strict=True))
    assert len(set(drawn.texts)) == len(drawn.texts)
    return drawn.counts


def test_each_language_gives_the_same_number_by_default():
    assert counts(pool_of(de=900, en=50, sw=40), samples=90) == {"de": 30, "en": 30, "sw": 30}
    assert counts(pool_of(de=900, en=50, sw=5), samples=65) == {"de": 30, "en": 30, "sw": 5}


def test_shares_can_be_those_of_the_data():
    drawn = counts(pool_of(de=900, en=100), samples=100, balance="proportional")
    assert drawn == {"de": 90, "en": 10}


def test_temperature_lies_between():
    drawn = counts(pool_of(de=800, en=100), samples=90, balance="temperature", temperature=3)
    assert drawn == {"de": 60, "en": 30}


def test_shares_can_be_those_of_the_traffic():
    drawn = counts(pool_of(de=100, en=900, fr=9), samples=40, balance="traffic", traffic={"de": 0.75, "en": 0.25})
    assert drawn == {"de": 30, "en": 10}


def test_traffic_that_does_not_fit_the_texts_is_told():
    config = Calibration(samples=40, balance="traffic", traffic={"DE": 3, "en": 1, "sw": 1})
    drawn = draw(pool_of(de=100, en=100, fr=9), config)
    assert drawn.counts == {"de": 30, "en": 10}
    assert drawn.notes == (
        "The shares of the traffic add up to 5, not 1, and are scaled.",
        "Calibration: languages with traffic but without texts: sw.",
        "Calibration: languages without a share of the traffic, which give no texts: fr.",
    )


def test_traffic_that_fits_is_not_worth_a_word():
    config = Calibration(samples=4, balance="traffic", traffic={"de": 0.5, "en": 0.5})
    assert draw(pool_of(de=10, en=10), config).notes == ()


def test_traffic_in_none_of_the_languages_is_refused():
    config = Calibration(balance="traffic", traffic={"sw": 1.0})
    error = error_of(draw, pool_of(de=10), config)
    assert "(sw)" in error.message
    assert "de" in error.hint


def test_languages_can_be_chosen():
    assert counts(pool_of(de=10, en=10, fr=10), samples=8, languages=("en", "DE")) == {"de": 4, "en": 4}


def test_an_unknown_language_is_refused_with_those_there_are():
    error = error_of(draw, pool_of(de=10, en=10), Calibration(languages=("en", "sw", "th")))
    assert "sw, th" in error.message
    assert "de, en" in error.hint
    assert "not a language tag" in error_of(draw, pool_of(de=1), Calibration(languages=("klingonisch",))).message


def test_the_seed_decides():
    pool = pool_of(de=100, en=100)
    assert draw(pool, Calibration(samples=20)) == draw(pool, Calibration(samples=20))
    assert draw(pool, Calibration(samples=20)).texts != draw(pool, Calibration(samples=20, seed=1)).texts


def test_a_language_is_drawn_the_same_whatever_the_others():
    alone = draw(pool_of(de=100), Calibration(samples=10))
    together = draw(pool_of(ar=50, de=100, th=7), Calibration(samples=27))
    assert together.counts["de"] == 10
    assert [text for text in together.texts if text.startswith("de")] == list(alone.texts)


def test_fewer_texts_than_asked_for_are_told():
    drawn = draw(pool_of(de=3, en=2), Calibration(samples=1000))
    assert drawn.counts == {"de": 3, "en": 2}
    assert drawn.notes == ("Calibration asks for 1,000 texts; there are 5, and all are used.",)


def test_one_language_for_a_multilingual_model_is_a_warning_that_names_it():
    pool = pool_of(en=10)
    drawn = draw(pool, Calibration(samples=5), served=["th", "en", "de"])
    assert drawn.notes == ("Calibration: texts are in one language, en; the model serves 3: de, en, th.",)
    drawn = draw(pool_of(en=10, de=10), Calibration(samples=5, languages=("en",)), served=["en", "de"])
    assert drawn.notes == ("Calibration: texts are in one language, en; the model serves 2: de, en.",)
    assert draw(pool, Calibration(samples=5), served=["en"]).notes == ()


def test_served_languages_without_texts_are_named():
    drawn = draw(pool_of(en=10, de=10), Calibration(samples=4), served=["th", "en", "sw"])
    assert drawn.notes == ("Calibration: the model serves languages that there are no texts in: sw, th.",)


def test_notes_of_the_pool_come_first():
    pool = TextPool(("a",), ("de",), "texts", ("From the file.",))
    assert draw(pool, Calibration(samples=2)).notes[0] == "From the file."


def test_a_file_that_is_judged_needs_a_split_column(write):
    path = write([row(), row(text="Musik an")])
    with pytest.raises(DataError, match="has no column 'split', so all its rows are there to judge on"):
        read_texts(path, Columns(), also_judged=True)
    assert len(read_texts(path, Columns()).texts) == 2
    marked = write([row(split="train"), row(text="Musik an", split="test")])
    assert len(read_texts(marked, Columns(), also_judged=True).texts) == 1
