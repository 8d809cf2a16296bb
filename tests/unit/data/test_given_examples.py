"""Examples in memory: columns of any library, checked like those of a file."""

import numpy as np
import pytest
import torch

from leanglot.data.given import examples_of
from leanglot.errors import DataError


@pytest.mark.parametrize("column", [[0, 1], np.array([0, 1]), torch.tensor([0, 1]), (np.int64(0), np.int64(1))])
def test_labels_of_any_library(column):
    assert examples_of(["a", "b"], column, ["pt_br", "th"]).labels == ("0", "1")


def test_tags_get_their_normal_spelling():
    assert examples_of(np.array(["a", "b"]), ["x", "y"], iter(["pt_br", "TH"])).languages == ("pt-BR", "th")


@pytest.mark.parametrize(
    ("texts", "labels", "languages", "said"),
    [
        ("ab", [0, 1], ["en", "en"], "The texts are 'ab'"),
        (["a"], 3, ["en"], "The labels are 3"),
        (["a"], [0, 1], ["en"], "1 texts, 2 labels, 1 languages"),
        ([], [], [], "There are no texts"),
        (["a", "b"], [0, None], ["en", "klingonish"], "position 1 has no label"),
        (["a", 5], [0, 1], ["en", "en"], "position 1 has no usable text"),
    ],
)
def test_what_cannot_be_used_is_told_by_position(texts, labels, languages, said):
    with pytest.raises(DataError) as caught:
        examples_of(texts, labels, languages)
    assert said in caught.value.message
