"""Translation models are trained on the losses of the published formulas, whatever the batches and the family."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from leanglot.runtimes.translation_text import TranslationText
from leanglot.train.learner import COLUMNS
from leanglot.train.loss import DistillationLoss
from leanglot.train.seq2seq_forward import states_of, token_logits
from leanglot.train.seq2seq_learner import SequenceLearner, Teacher, layer_count
from leanglot.train.seq2seq_rows import SequenceRows, length_parts
from leanglot.train.validation import check, languages_of
from tiny_translators import ALL_KINDS, load_tiny, pairs_of, parallel

CPU = torch.device("cpu")
SOME = np.asarray([0, 7, 30, 50, 95])


def rows_of(model, family):
    examples = parallel(pairs_of(family))
    text = TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
    sources = text.encode(examples.sources, examples.pairs).rows
    return SequenceRows(sources, text.encode_targets(examples.references), examples.pairs, model.pad_id)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A model, its rows, and a teacher of other weights."""
    folder = tmp_path_factory.mktemp("taught")
    model, other = load_tiny(folder / "one"), load_tiny(folder / "two")
    torch.manual_seed(3)
    for weight in other.module.parameters():
        weight.data += 0.05 * torch.randn_like(weight)
    return model.module.eval(), rows_of(model, "marian"), other.module.eval()


def columns(learner, batch):
    with torch.no_grad():
        return dict(zip(COLUMNS, learner.eval()(batch).T, strict=True))


@pytest.mark.parametrize("family", ALL_KINDS)
def test_logits_of_the_real_tokens_are_those_of_the_model_itself(tmp_path, family):
    model = load_tiny(tmp_path / "model", family)
    rows = rows_of(model, family)
    places = SOME % len(rows)
    batch = rows.collate(places, CPU)
    with torch.no_grad():
        found = token_logits(model.module, states_of(model.module, batch).decoder, batch)
        for number, place in enumerate(places):
            source, target = rows.sources[place], torch.as_tensor(rows.targets[place])
            given_ids = torch.cat([torch.as_tensor(source.start), target[:-1]])[None]
            whole = model.module(input_ids=torch.as_tensor(source.ids)[None], decoder_input_ids=given_ids).logits[0]
            mine = batch.rows == number
            assert torch.equal(batch.labels[mine], target)
            expected = whole[len(source.start) - 1 :].clamp(min=-1e4)
            assert torch.allclose(found[mine], expected, atol=1e-4)


@pytest.mark.parametrize(("word", "temperature"), [(0.0, 1.0), (0.5, 1.0), (1.0, 2.0), (0.3, 4.0)])
def test_the_loss_is_that_of_distillation_per_token(taught, word, temperature):
    model, rows, other = taught
    batch = rows.collate(SOME, CPU)
    found = columns(SequenceLearner(model, 5.0, Teacher(other), word, temperature), batch)
    with torch.no_grad():
        one, two = (token_logits(each, states_of(each, batch).decoder, batch) for each in (model, other))
    loss = DistillationLoss(temperature, word)
    for number, place in enumerate(SOME):
        mine = batch.rows == number
        tokens = len(rows.targets[place])
        alone = loss(one[mine], two[mine], batch.labels[mine]).item()
        assert found["loss"][number] == pytest.approx(alone * tokens / 5, rel=1e-4)
        assert found["labelled"][number] == tokens
        assert found["labels"][number] == pytest.approx(
            functional.cross_entropy(one[mine], batch.labels[mine]).item() * tokens, rel=1e-5
        )
        assert found["right"][number] == (one[mine].argmax(dim=1) == batch.labels[mine]).sum()


def test_a_model_that_learns_from_itself_has_no_divergence_and_no_hidden_difference(taught):
    model, rows, other = taught
    batch = rows.collate(SOME, CPU)
    same = SequenceLearner(model, 5.0, Teacher(model), 0.5, hidden=2.0)
    found = columns(same, batch)
    assert torch.allclose(found["teacher"], torch.zeros(5), atol=1e-6)
    assert torch.allclose(found["hidden"], torch.zeros(5), atol=1e-9)
    assert same.present(batch) == ("loss", "labels", "teacher", "hidden")
    assert columns(SequenceLearner(model, 5.0, Teacher(other), 0.5, hidden=2.0), batch)["hidden"].min() > 1e-6


def test_the_teacher_is_neither_trained_nor_stored(taught):
    model, rows, other = taught
    learner = SequenceLearner(model, 5.0, Teacher(other), 0.5)
    assert {id(each) for each in learner.parameters()} == {id(each) for each in model.parameters()}
    before = [weight.clone() for weight in other.parameters()]
    learner(rows.collate(SOME, CPU))[:, 0].sum().backward()
    assert all(weight.grad is None for weight in other.parameters())
    assert all(torch.equal(one, two) for one, two in zip(before, other.parameters(), strict=True))
    model.zero_grad()


def test_a_teacher_with_other_numbers_for_the_same_pieces_teaches_the_same(taught):
    model, rows, other = taught
    batch = rows.collate(SOME, CPU)
    count = model.lm_head.weight.shape[0]
    pieces = np.random.default_rng(0).permutation(count)
    shuffled = type(other)(other.config).eval()
    shuffled.load_state_dict(other.state_dict())
    with torch.no_grad():
        table = other.get_input_embeddings().weight
        shuffled.get_input_embeddings().weight[torch.from_numpy(pieces)] = table
        shuffled.final_logits_bias[:, torch.from_numpy(pieces)] = other.final_logits_bias
    plain = columns(SequenceLearner(model, 5.0, Teacher(other), 1.0), batch)
    mapped = columns(SequenceLearner(model, 5.0, Teacher(shuffled, pieces, pieces), 1.0), batch)
    assert torch.allclose(plain["teacher"], mapped["teacher"], rtol=1e-4)
    unmapped = columns(SequenceLearner(model, 5.0, Teacher(shuffled), 1.0), batch)
    assert not torch.allclose(plain["teacher"], unmapped["teacher"], rtol=1e-2)


def test_a_row_that_is_no_piece_of_the_teacher_gets_none_of_its_probability(taught):
    model, rows, other = taught
    batch = rows.collate(SOME, CPU)
    pieces = np.arange(model.lm_head.weight.shape[0])
    unused = np.setdiff1d(pieces, batch.decoder_ids.numpy())[0]
    pieces[unused] = -1
    logits, _ = Teacher(other, None, pieces).of(batch, layers=False)
    assert float(logits.softmax(dim=1)[:, unused].max()) == 0


def test_parts_of_a_batch_give_the_gradient_of_the_whole(taught):
    model, rows, other = taught
    positions = np.arange(len(rows))[::3]
    learner = SequenceLearner(model, 5.0, Teacher(other), 0.5).eval()

    def gradient(parts):
        model.zero_grad()
        for some in parts:
            (learner(rows.collate(some, CPU))[:, 0].sum() / len(positions)).backward()
        return [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]

    whole = gradient([positions])
    parts = gradient(rows.parts(positions, 5))
    assert all(torch.allclose(one, two, atol=1e-5) for one, two in zip(whole, parts, strict=True))
    model.zero_grad()


def test_held_out_tokens_are_counted_by_pair(taught):
    model, rows, _ = taught
    sums = check(model, rows, CPU)
    assert languages_of(rows) == ["de→en", "en→de", "en→fr", "en→ru"]
    tokens = [
        sum(len(ids) for ids, tag in zip(rows.targets, rows.languages, strict=True) if tag == pair)
        for pair in languages_of(rows)
    ]
    assert sums[:, 0].tolist() == tokens
    batch = rows.collate(np.arange(24), CPU)  # all of en→de
    with torch.no_grad():
        logits = token_logits(model, states_of(model, batch).decoder, batch)
    assert sums[1, 1] == (logits.argmax(dim=1) == batch.labels).sum()
    assert sums[1, 2] == pytest.approx(functional.cross_entropy(logits, batch.labels, reduction="sum").item(), rel=1e-5)


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=60),
    st.one_of(st.none(), st.integers(1, 9)),
    st.integers(20, 400),
)
@settings(deadline=None, max_examples=60)
def test_parts_hold_every_sentence_once_within_the_bounds(lengths, most, budget):
    sources, targets = np.asarray(lengths).T
    parts = length_parts(sources, targets, most, budget)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(lengths)))
    for part in parts:
        assert most is None or len(part) <= most
        padded = len(part) * (sources[part].max() + targets[part].max())
        assert padded <= budget or len(part) == 1
    totals = [(sources[part] + targets[part]) for part in parts]
    assert all(one.max() <= two.min() for one, two in pairwise(totals))


def test_long_and_short_sentences_go_apart_where_padding_costs_more_than_a_call():
    sources = np.asarray([5] * 60 + [60] * 4)
    parts = length_parts(sources, sources, None)
    assert [len(part) for part in parts] == [60, 4]
    assert len(length_parts(sources[:60], sources[:60], None)) == 1


@pytest.mark.parametrize("family", ["marian", "t5"])
def test_layers_are_counted_on_both_sides(tmp_path, family):
    module = load_tiny(tmp_path / "model", family).module
    assert [layer_count(module, side) for side in ("encoder", "decoder")] == [2, 2]
