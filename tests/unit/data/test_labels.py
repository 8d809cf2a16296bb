"""Labels of the data meet the model's head."""

import numpy as np
import pytest

from leanglot.data.examples import Examples
from leanglot.data.labels import resolve_labels
from leanglot.errors import DataError

HEAD = ("turn_on", "turn_off", "timer")


def with_labels(*labels):
    return Examples(texts=("x",) * len(labels), labels=labels, languages=("en",) * len(labels))


def test_names_map_to_positions():
    positions, notes = resolve_labels(with_labels("timer", "turn_on", "timer", "turn_off"), HEAD)
    assert positions.tolist() == [2, 0, 2, 1]
    assert positions.dtype == np.int64
    assert notes == ()


def test_ids_map_to_themselves():
    assert resolve_labels(with_labels("2", "0", "1"), HEAD)[0].tolist() == [2, 0, 1]


def test_names_made_of_digits_are_names():
    assert resolve_labels(with_labels("5", "1"), ("1", "5"))[0].tolist() == [1, 0]


def test_ids_beside_names_are_unknown_labels():
    with pytest.raises(DataError, match=r"1 label is unknown to the model:\n  '1' \(2 rows\)"):
        resolve_labels(with_labels("turn_on", "1", "1"), HEAD)


def test_labels_without_examples_are_noted():
    notes = resolve_labels(with_labels("timer"), HEAD)[1]
    assert notes == ("2 of the model's 3 labels have no example: turn_on, turn_off.",)


def test_unknown_labels_are_listed_with_counts_and_the_nearest_names():
    labels = ["Turn_On"] * 3 + ["turn-off"] * 2 + [f"other{i}" for i in range(6)] + ["timer"]
    with pytest.raises(DataError) as caught:
        resolve_labels(with_labels(*labels), HEAD)
    lines = caught.value.message.splitlines()
    assert lines[0] == "8 labels are unknown to the model:"
    assert lines[1] == "  'Turn_On' (3 rows): did you mean \"turn_on\"?"
    assert lines[2] == "  'turn-off' (2 rows): did you mean \"turn_off\"?"
    assert lines[3] == "  'other0' (1 row)"
    assert lines[-1] == "  and 3 more (3 rows)"
    assert caught.value.hint == "Allowed are turn_on, turn_off, timer; or, in all rows, integers 0 to 2."


def test_a_long_list_of_allowed_labels_is_cut():
    with pytest.raises(DataError) as caught:
        resolve_labels(with_labels("zzz"), [f"label{i}" for i in range(60)])
    assert "label19 and 40 more" in caught.value.hint


@pytest.mark.parametrize(("labels", "rows"), [(("3", "0"), "1 row "), (("-1", "-1", "0"), "2 rows ")])
def test_ids_outside_the_head_name_the_range(labels, rows):
    with pytest.raises(DataError, match="outside the model's head") as caught:
        resolve_labels(with_labels(*labels), HEAD)
    assert caught.value.message.startswith(rows)
    assert labels[0] in caught.value.message
    assert "0 to 2" in caught.value.hint


@pytest.mark.parametrize("label", ["1.0", "01", "1_0", " 1", "\u0661"])
def test_what_only_resembles_an_id_is_an_unknown_label(label):
    with pytest.raises(DataError, match="unknown to the model"):
        resolve_labels(with_labels(label), HEAD)
