"""Examples to train on: labels may be missing, judged texts are left out, and whole groups are held out."""

import json
from collections import Counter

import numpy as np
import pytest

from leanglot.config import Columns, DataConfig
from leanglot.data.examples import Examples
from leanglot.data.training import counts, find_training, hold_out, label_ids, read_training, training_examples
from leanglot.errors import DataError


def row(text="Licht an", label="on", language="de", **more):
    return {"text": text, "label": label, "language": language, **more}


@pytest.fixture
def write(tmp_path):
    def to_file(rows, name="training.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return to_file


def examples_of(rows):
    """Examples of (language, group, label) in order."""
    return Examples(
        tuple(f"text {number}" for number in range(len(rows))),
        tuple(label for *_, label in rows),
        tuple(tag for tag, *_ in rows),
        tuple(group for _, group, _ in rows),
    )


def judged_on(*texts, groups=None):
    return Examples(texts, ("on",) * len(texts), ("de",) * len(texts), groups)


def grouped(language, groups, size, label="on"):
    return [(language, f"{language}/{group}", label) for group in range(groups) for _ in range(size)]


def error_of(call, *arguments, **options):
    with pytest.raises(DataError) as caught:
        call(*arguments, **options)
    assert caught.value.hint
    return caught.value


def test_labels_may_be_missing_in_some_rows(write):
    rows = [row(), row("a", None), row("b", ""), row("c", "  "), {"text": "d", "language": "en"}, row("e", 3)]
    found = read_training(write(rows), Columns())
    assert found.examples.labels == ("on", "", "", "", "", "3")
    assert found.examples.texts == ("Licht an", "a", "b", "c", "d", "e")
    assert found.examples.languages == ("de", "de", "de", "de", "en", "de")
    assert found.examples.groups is None
    assert found.notes == ()


def test_labels_may_be_missing_in_all_rows_or_without_a_column(write):
    for rows in ([row("a", None), row("b", None)], [{"text": "a", "language": "de"}, {"text": "b", "language": "de"}]):
        assert read_training(write(rows), Columns()).examples.labels == ("", "")


@pytest.mark.parametrize(("name", "content"), [("a.csv", "text,label,language\na,on,de\nb,,de\n")])
def test_an_empty_cell_of_a_table_is_no_label(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert read_training(path, Columns()).examples.labels == ("on", "")


def test_a_label_of_another_kind_is_refused(write):
    error = error_of(read_training, write([row(), row("a", ["on"])]), Columns())
    assert "unusable label" in error.message


@pytest.mark.parametrize("column", ["group", "template"])
def test_groups_are_read(write, column):
    rows = [row("a", **{column: "x"}), row("b", **{column: 7})]
    columns = Columns() if column == "group" else Columns(group=column)
    assert read_training(write(rows), columns).examples.groups == ("x", "7")


def test_groups_may_be_left_alone(write):
    rows = [row("a", group="x"), row("b", group=None)]
    assert read_training(write(rows), Columns(group="none")).examples.groups is None
    assert "has no group" in error_of(read_training, write(rows), Columns()).message


def test_a_column_that_is_named_must_be_there(write):
    error = error_of(read_training, write([row()]), Columns(group="template"))
    assert 'no column "template" for the group: set it with --group-column NAME' in error.message
    assert "text, label, language" in error.hint
    error = error_of(read_training, write([row()]), Columns(text="utterance"))
    assert 'no column "utterance" for the text' in error.message


def test_only_training_rows_are_taken(write):
    rows = [row("a", split="train"), row("b", split="test"), row("c", None, split="Training"), row("d", split="dev")]
    found = read_training(write(rows), Columns())
    assert found.examples.texts == ("a", "c")
    assert found.notes == ("Only training rows are taken; left out were 1 of test, 1 of dev.",)
    assert read_training(write(rows), Columns(split="none")).examples.texts == ("a", "b", "c", "d")


def test_a_file_that_is_judged_needs_a_split(write):
    path = write([row()])
    assert "--training FILE" in error_of(read_training, path, Columns(), also_judged=True).hint
    judged = DataConfig(path=path)
    assert "to judge on, and none to learn from" in error_of(find_training, None, judged, judged_on("t")).message
    assert "to judge on" in error_of(find_training, DataConfig(path=path), judged, judged_on("t")).message
    other = DataConfig(path=write([row("x")], "other.jsonl"))
    assert find_training(other, judged, judged_on("t")).examples.texts == ("x",)


def test_the_training_split_of_the_judged_data_is_found(write):
    path = write([row("a", split="train"), row("b", split="test"), row(" B ", split="train")])
    found = find_training(None, DataConfig(path=path), judged_on("b"))
    assert found.examples.texts == ("a",)
    assert found.source == str(path)


def test_judged_texts_are_left_out_whatever_case_and_spacing(write):
    rows = [row("Licht an"), row("LICHT  AN"), row("\tlicht\nan "), row("Licht aus"), row("Strasse"), row("STRAẞE")]
    found = read_training(write(rows), Columns(), judged=judged_on("licht an", "Straße"))
    assert found.examples.texts == ("Licht aus",)
    assert found.notes == ("Training texts that are also judged were left out: 5.",)


def test_without_a_text_that_is_not_judged_there_is_nothing_to_learn():
    examples = Examples(("a", "B"), ("on", ""), ("de", "de"))
    error = error_of(training_examples, examples, "here.jsonl", judged_on("A", "b"))
    assert error.message == "here.jsonl: all 2 texts are among those that candidates are judged on."


def test_texts_of_judged_groups_stay_and_are_told(write):
    rows = [row("a", group="lamp"), row("b", group="radio"), row("c", group="lamp")]
    path = write(rows)
    found = read_training(path, Columns(), judged_on("x", "a", groups=("lamp", "oven")))
    assert found.examples.texts == ("b", "c")
    left_out, told = found.notes
    assert "left out: 1" in left_out
    assert told.startswith("Of 2 training texts 1 are of groups that are judged too")
    assert read_training(path, Columns(), judged_on("x", groups=("oven",))).notes == ()
    assert read_training(path, Columns(), judged_on("x")).notes == ()
    assert read_training(path, Columns(group="none"), judged_on("x", groups=("lamp",))).notes == ()


def test_empty_texts_are_left_out_and_counted(write):
    found = read_training(write([row(), row(""), row(None)]), Columns())
    assert found.examples.texts == ("Licht an",)
    assert found.notes == ("Empty texts were left out: 2.",)
    assert "all 1 texts are empty" in error_of(read_training, write([row(" ")]), Columns()).message


def test_equal_data_have_equal_digests():
    one, same, other = (
        training_examples(Examples(("a", "b"), ("on", label), ("de", "de")), name)
        for label, name in (("", "x"), ("", "y"), ("on", "x"))
    )
    assert one.digest == same.digest != other.digest


def test_labels_become_places_in_the_head():
    examples = Examples(("a", "b", "c"), ("off", "", "on"), ("de", "de", "de"))
    assert label_ids(examples, ("on", "off"), -100).tolist() == [1, -100, 0]
    assert label_ids(examples, ("on", "off"), -1).dtype == np.int64
    none = Examples(("a",), ("",), ("de",))
    assert label_ids(none, ("on", "off"), -100).tolist() == [-100]


def test_a_label_that_the_model_does_not_know_is_named():
    error = error_of(label_ids, Examples(("a", "b"), ("of", ""), ("de", "de")), ("on", "off"), -100)
    assert "'of' (1 row): did you mean \"off\"?" in error.message


def test_no_group_is_on_both_sides():
    examples = examples_of(grouped("de", 40, 3) + grouped("en", 10, 5) + grouped("th", 30, 1))
    kept, held, notes = hold_out(examples, 0.2, seed=1)
    assert sorted([*kept, *held]) == list(range(len(examples)))
    assert kept.tolist() == sorted(kept)
    assert held.tolist() == sorted(held)
    assert not {examples.groups[place] for place in kept} & {examples.groups[place] for place in held}
    assert Counter(examples.languages[place] for place in held) == {"de": 24, "en": 10, "th": 6}
    assert notes == ()


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_the_share_is_kept_in_each_language_within_a_group(share, seed):
    rng = np.random.default_rng(seed)
    rows = []
    for tag in ("de", "en"):
        for group, size in enumerate(rng.integers(1, 6, size=40)):
            rows += [(tag, f"{tag}/{group}", "on")] * int(size)
    examples = examples_of(rows)
    _, held, _ = hold_out(examples, share, seed)
    for tag, positions in examples.by_language().items():
        found = sum(examples.languages[place] == tag for place in held)
        assert abs(found - share * len(positions)) <= 2.5


def test_a_large_group_does_not_keep_the_small_ones_from_being_held_out():
    examples = examples_of([("de", "large", "on")] * 60 + grouped("de", 40, 1))
    for seed in range(10):
        _, held, notes = hold_out(examples, 0.1, seed)
        assert len(held) == 10
        assert notes == ()


def test_nothing_is_held_out_where_none_is_wanted():
    kept, held, notes = hold_out(examples_of(grouped("de", 4, 2)), 0.0, seed=0)
    assert (kept.tolist(), held.tolist(), notes) == (list(range(8)), [], ())


def test_a_language_of_which_none_can_be_held_out_is_told():
    examples = examples_of(grouped("de", 20, 2) + grouped("sw", 1, 30) + grouped("th", 20, 1, label=""))
    kept, held, notes = hold_out(examples, 0.1, seed=0)
    assert {examples.languages[place] for place in held} == {"de"}
    assert len(kept) + len(held) == len(examples)
    (note,) = notes
    assert "No examples of sw, th are held out" in note


def test_a_language_with_very_few_examples_is_told_rightly():
    _, held, (note,) = hold_out(examples_of(grouped("de", 4, 1)), 0.1, seed=0)
    assert len(held) == 0
    assert "No examples of de are held out" in note
    assert "too few" in note


def test_texts_without_a_label_are_never_held_out():
    rows = grouped("de", 20, 1) + grouped("de", 200, 1, label="")
    examples = examples_of(rows)
    _, held, _ = hold_out(examples, 0.5, seed=3)
    assert len(held) == 10  # half of those with a label
    assert all(examples.labels[place] for place in held)


def test_one_group_at_least_stays():
    for seed in range(5):
        kept, held, _ = hold_out(examples_of(grouped("de", 2, 3)), 0.99, seed)
        assert (len(kept), len(held)) == (3, 3)


def test_a_seed_decides_what_is_held_out():
    examples = examples_of(grouped("de", 50, 2) + grouped("en", 50, 2))
    one, same, other = (hold_out(examples, 0.2, seed)[1].tolist() for seed in (1, 1, 2))
    assert one == same != other
    de = [place for place in one if place < 100]
    # A language's draw is its own: it stays when others come and go.
    assert hold_out(examples_of(grouped("de", 50, 2)), 0.2, 1)[1].tolist() == de
    # Languages are not drawn alike.
    assert de != [place - 100 for place in one if place >= 100]


def test_without_groups_the_same_text_twice_is_one_group():
    texts = tuple(f"text {number // 2}" if number % 2 else f"TEXT  {number // 2}" for number in range(60))
    examples = Examples(texts, ("on",) * 60, ("de",) * 60)
    kept, held, _ = hold_out(examples, 0.3, seed=0)
    assert len(held) == 18
    assert not {" ".join(texts[place].lower().split()) for place in kept} & {
        " ".join(texts[place].lower().split()) for place in held
    }


def test_languages_are_counted_in_alphabetical_order():
    assert list(counts(("th", "de", "th")).items()) == [("de", 1), ("th", 2)]


def test_a_group_of_several_languages_is_held_out_in_all_of_them():
    places = [(tag, group) for tag in ("de", "en", "th") for group in range(50)]
    examples = Examples(
        tuple(f"{tag} text {group}" for tag, group in places),
        ("music",) * len(places),
        tuple(tag for tag, _ in places),
        tuple(f"template-{group}" for _, group in places),
    )
    kept, held, notes = hold_out(examples, 0.2, seed=3)
    groups = [{examples.groups[place] for place in some} for some in (kept, held)]
    assert not groups[0] & groups[1]
    assert {tag: sum(examples.languages[place] == tag for place in held) for tag in ("de", "en", "th")} == {
        "de": 10,
        "en": 10,
        "th": 10,
    }
    assert notes == ()


def test_no_language_loses_its_last_group_to_another():
    texts = tuple(f"text {number}" for number in range(24))
    groups = ("shared", "own", *(f"group {number % 2}" for number in range(22)))
    languages = ("sw",) * 2 + ("de",) * 22
    examples = Examples(texts, ("music",) * 24, languages, groups)
    for seed in range(5):
        kept, held, _ = hold_out(examples, 0.5, seed)
        assert {examples.languages[place] for place in kept} == {"de", "sw"}
        assert len(kept) + len(held) == 24


def test_texts_without_a_label_of_a_group_that_is_held_out_are_in_neither():
    labels = ("music", "") * 10
    examples = Examples(
        tuple(map(str, range(20))), labels, ("de",) * 20, tuple(f"group {number // 2}" for number in range(20))
    )
    kept, held, _ = hold_out(examples, 0.2, seed=0)
    assert all(examples.labels[place] for place in held)
    assert len(kept) == 20 - 2 * len(held)
