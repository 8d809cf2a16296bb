"""Rows of tokens become one matrix; see also the properties of the batches."""

import numpy as np

from leanglot.runtimes.batching import pad, token_batches


def rows_of(*lengths):
    return [np.full(length, 10 + index, np.int64) for index, length in enumerate(lengths)]


def test_short_rows_are_filled_on_the_right_and_masked():
    ids, mask = pad(rows_of(3, 1, 2), pad_id=7)
    assert ids.tolist() == [[10, 10, 10], [11, 7, 7], [12, 12, 7]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
    assert ids.dtype == mask.dtype == np.int64


def test_a_token_that_equals_the_padding_is_still_a_token():
    ids, mask = pad([np.array([5, 7]), np.array([7])], pad_id=7)
    assert ids.tolist() == [[5, 7], [7, 7]]
    assert mask.tolist() == [[1, 1], [1, 0]]


def test_rows_of_like_length_share_a_batch_up_to_the_budget():
    batches = list(token_batches(rows_of(4, 2, 2, 4, 9), pad_id=0, budget=8))
    assert [batch.positions.tolist() for batch in batches] == [[1, 2], [0, 3], [4]]
    assert [batch.input_ids.shape for batch in batches] == [(2, 2), (2, 4), (1, 9)]


def test_no_rows_make_no_batches():
    assert list(token_batches([], pad_id=0, budget=8)) == []
