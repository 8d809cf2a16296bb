"""Checkpoints: a finished stage is taken up again, but only for the inputs it was made from."""

import json

import pytest

from leanglot.results.checkpoints import Checkpoints, key_of
from leanglot.results.measures import ColdStart, Weight
from leanglot.techniques import Int8, MagnitudePruning

WEIGHT = Weight(size_bytes=123, sparsity=None)


@pytest.fixture
def store(tmp_path):
    return Checkpoints(tmp_path)


def test_a_stage_comes_back_under_its_key(store):
    store.save("weight", "key", WEIGHT)
    assert store.load("weight", "key", Weight) == WEIGHT


def test_a_stage_made_from_other_inputs_is_none(store):
    store.save("weight", "key", WEIGHT)
    assert store.load("weight", "another key", Weight) is None


def test_a_stage_never_stored_is_none(store):
    assert store.load("weight", "key", Weight) is None


def test_stages_do_not_mix(store):
    store.save("weight", "key", WEIGHT)
    assert store.load("cold-start", "key", ColdStart) is None


def test_saving_again_replaces(store):
    store.save("weight", "old", WEIGHT)
    store.save("weight", "new", Weight(size_bytes=4, sparsity=0.5))
    assert store.load("weight", "old", Weight) is None
    assert store.load("weight", "new", Weight) == Weight(size_bytes=4, sparsity=0.5)


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"key": "key", "rec',
        "[]",
        "null",
        '{"key": "key"}',
        '{"record": {"size_bytes": 1, "sparsity": null}}',
        '{"key": "key", "record": {"size_bytes": "many", "sparsity": null}}',
        '{"key": "key", "record": {"size_bytes": 1, "sparsity": null, "unknown": 1}}',
        '{"key": "key", "record": null}',
    ],
)
def test_a_damaged_stage_is_none(store, content):
    (store.folder / "weight.json").write_text(content, encoding="utf-8")
    assert store.load("weight", "key", Weight) is None


def test_bytes_that_are_no_text_are_a_damaged_stage(store):
    (store.folder / "weight.json").write_bytes(b"\xff\xfe\x00")
    assert store.load("weight", "key", Weight) is None


def test_a_stage_is_made_once_per_key(store):
    made = []

    def make():
        made.append(1)
        return WEIGHT

    assert [store.keep("weight", "key", Weight, make) for _ in range(3)] == [WEIGHT] * 3
    assert len(made) == 1
    store.keep("weight", "another key", Weight, make)
    assert len(made) == 2


def test_a_stage_that_fails_stores_nothing(store):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.keep("weight", "key", Weight, fail)
    assert list(store.folder.iterdir()) == []


def test_the_file_can_be_read_by_eye(store):
    store.save("weight", "key", WEIGHT)
    stored = json.loads((store.folder / "weight.json").read_text(encoding="utf-8"))
    assert stored == {
        "key": "key",
        "record": {"size_bytes": 123, "sparsity": None, "ledger": [], "compressed_bytes": None},
    }


def test_equal_inputs_give_equal_keys():
    assert key_of("a", Int8(), {"x": 1, "y": 2}) == key_of("a", Int8(), {"y": 2, "x": 1})


@pytest.mark.parametrize(
    "other",
    [
        ("a", 2, Int8()),
        ("b", 1, Int8()),
        (1, "a", Int8()),
        ("a", "1", Int8()),
        ("a", 1, Int8(embeddings=True)),
        ("a", 1, MagnitudePruning(sparsity=0.3)),
        ("a", 1),
        (("a", 1), Int8()),
    ],
)
def test_any_other_input_gives_another_key(other):
    assert key_of(*other) != key_of("a", 1, Int8())
