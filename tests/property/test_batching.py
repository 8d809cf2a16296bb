"""What holds for every way of batching."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leanglot.results.manifest import Manifest
from leanglot.runtimes.batching import token_batches
from leanglot.runtimes.classifier import Classifier

ROWS = st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=12).map(np.array), min_size=1, max_size=40)
BUDGETS = st.integers(1, 60)
MANIFEST = Manifest(name="m", runtime="pytorch", model_file="m", labels=("a", "b"), max_length=12, pad_id=7, source="s")


class Summing:
    """Answers with the number of a row's tokens and their sum, padding left out."""

    def logits(self, input_ids, attention_mask):
        return np.stack([attention_mask.sum(axis=1), (input_ids * attention_mask).sum(axis=1)], axis=1)


@given(ROWS, BUDGETS)
def test_every_row_is_in_one_batch_and_unchanged(rows, budget):
    seen = {}
    for batch in token_batches(rows, pad_id=7, budget=budget):
        for position, ids, mask in zip(batch.positions, batch.input_ids, batch.attention_mask, strict=True):
            assert int(position) not in seen
            seen[int(position)] = ids[mask == 1].tolist()
            assert (ids[mask == 0] == 7).all()
            assert (np.diff(mask) <= 0).all()
    assert seen == {position: row.tolist() for position, row in enumerate(rows)}


@given(ROWS, BUDGETS)
def test_the_budget_is_kept_unless_a_row_is_alone(rows, budget):
    for batch in token_batches(rows, pad_id=7, budget=budget):
        assert batch.input_ids.size <= budget or len(batch.positions) == 1


@given(ROWS, BUDGETS)
def test_no_two_batches_would_have_fitted_into_one(rows, budget):
    batches = list(token_batches(rows, pad_id=7, budget=budget))
    for first, second in itertools.pairwise(batches):
        shortest = int(second.attention_mask.sum(axis=1).min())
        assert first.input_ids.shape[1] <= shortest
        assert (len(first.positions) + 1) * shortest > budget


@given(ROWS, BUDGETS)
def test_answers_come_back_in_the_callers_order(rows, budget):
    done = []
    logits = Classifier(MANIFEST, None, Summing()).logits(rows, budget, done.append)
    np.testing.assert_array_equal(logits, [[len(row), row.sum()] for row in rows])
    assert sum(done) == len(rows)
