"""Batches: what belongs together stays together, and padding is marked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from leanglot.train.loss import IGNORED
from leanglot.train.rows import collate, micro_batches
from tiny_training import LAYERS, WIDTH, make_rows, without_teacher

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rows():
    return make_rows(unlabelled=2)


def test_a_batch_holds_the_rows_of_its_positions(rows):
    positions = np.asarray([7, 0, 20])
    batch = collate(rows, positions, CPU)
    longest = max(len(rows.ids[place]) for place in positions)
    assert batch.input_ids.shape == batch.attention_mask.shape == (3, longest)
    for place, position in enumerate(positions):
        length = len(rows.ids[position])
        assert batch.input_ids[place, :length].tolist() == rows.ids[position].tolist()
        assert (batch.input_ids[place, length:] == rows.pad_id).all()
        assert batch.attention_mask[place].tolist() == [1] * length + [0] * (longest - length)
        assert batch.labels[place] == rows.labels[position]
        assert torch.equal(batch.teacher_logits[place], torch.from_numpy(rows.answers.logits[position]))
    assert batch.labels[1] == IGNORED


def test_hidden_states_stand_at_their_tokens_and_zeros_at_the_padding(rows):
    positions = np.asarray([3, 11, 5])
    batch = collate(rows, positions, CPU)
    assert batch.teacher_hidden.shape == (*batch.input_ids.shape, LAYERS, WIDTH)
    assert batch.teacher_hidden.dtype is torch.float32
    for place, position in enumerate(positions):
        start, end = rows.answers.starts[position : position + 2]
        own = torch.from_numpy(rows.answers.hidden[start:end].astype(np.float32))
        assert torch.equal(batch.teacher_hidden[place, : end - start], own)
        assert not batch.teacher_hidden[place, end - start :].any()
    assert torch.equal(batch.hidden_mask, batch.attention_mask)


def test_texts_that_are_split_otherwise_have_no_states_to_match(rows):
    comparable = rows.answers.comparable.copy()
    comparable[11] = False
    some = replace(rows, answers=replace(rows.answers, comparable=comparable))
    batch = collate(some, np.asarray([3, 11]), CPU)
    assert batch.hidden_mask[0].any()
    assert not batch.hidden_mask[1].any()
    assert not batch.teacher_hidden[1].any()
    assert batch.attention_mask[1].any()


def test_without_a_teacher_there_is_nothing_of_it(rows):
    batch = collate(without_teacher(rows), np.asarray([0]), CPU)
    assert (batch.teacher_logits, batch.teacher_hidden, batch.hidden_mask) == (None, None, None)
    logits_alone = replace(rows, answers=replace(rows.answers, hidden=None))
    batch = collate(logits_alone, np.asarray([0]), CPU)
    assert (batch.teacher_hidden, batch.hidden_mask) == (None, None)
    assert batch.teacher_logits is not None


@pytest.mark.parametrize(("most", "sizes"), [(None, [7]), (100, [7]), (7, [7]), (3, [3, 3, 1]), (1, [1] * 7)])
def test_micro_batches_share_out_all_examples_by_length(rows, most, sizes):
    positions = np.asarray([23, 1, 15, 4, 8, 9, 2])
    parts = list(micro_batches(rows, positions, most))
    assert [len(part) for part in parts] == sizes
    together = np.concatenate(parts)
    assert sorted(together) == sorted(positions)
    lengths = [len(rows.ids[position]) for position in together]
    assert lengths == sorted(lengths)
