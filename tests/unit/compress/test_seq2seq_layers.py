"""Layers of one side: which stay, what is told of it, and that the model they come from stays whole."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanglot.compress.seq2seq_layers import chosen_layers, drop_layers, keep_layers, prune
from leanglot.errors import RecipeError
from leanglot.models.seq2seq_structure import depths_of
from leanglot.models.translation_model import load_translation_model, save_translation_model
from leanglot.techniques import SideLayers
from seq2seq_shapes import KINDS, answers, many_layered


@pytest.mark.parametrize("kind", KINDS)
def test_a_student_of_some_layers_is_a_model_of_its_own(kind, tmp_path):
    model = many_layered(kind)
    before = answers(model)
    student = keep_layers(model, encoder=2, decoder=1)
    assert depths_of(student.module) == {"encoder": 2, "decoder": 1}
    assert depths_of(model.module) == {"encoder": 3, "decoder": 2}
    own = {weight.data_ptr() for weight in student.module.parameters()}
    assert not own & {weight.data_ptr() for weight in model.module.parameters()}, (
        "training it must not touch the teacher"
    )
    assert torch.equal(answers(model), before)
    save_translation_model(student, tmp_path / "model")
    assert torch.equal(answers(load_translation_model(tmp_path / "model")), answers(student))


def test_kept_layers_are_those_of_the_teacher():
    model = many_layered("marian")
    student = drop_layers(model, encoder=2, decoder=1, take="last")
    old, new = model.module.model, student.module.model
    assert new.encoder.layers[0].fc1.weight is old.encoder.layers[1].fc1.weight
    assert new.encoder.layers[1].fc1.weight is old.encoder.layers[2].fc1.weight
    assert new.decoder.layers[0].fc1.weight is old.decoder.layers[1].fc1.weight


def test_what_was_left_out_is_told():
    model = many_layered("marian")
    step = prune(model, SideLayers(encoder=2, decoder=1, take="last"))
    (facts,) = step.pruning
    assert (facts.technique, facts.removed, facts.total, facts.actual) == ("layers", 2, 5, 0.4)
    assert facts.kept_by_layer == (1, 2, 4)
    assert facts.before_by_layer == (3, 2)
    assert step.facts.cache_numbers == model.facts.cache_numbers / 2 or model.facts.cache_numbers == 0
    assert drop_layers(model, encoder=3).pruning == ()


@pytest.mark.parametrize(("side", "count"), [("encoder", 4), ("decoder", 3), ("decoder", 0)])
def test_more_layers_than_there_are_is_refused(side, count):
    with pytest.raises(RecipeError, match=rf"The {side} of marian is to keep {count} layers.*\nAllowed are 1 to"):
        keep_layers(many_layered("marian"), **{side: count})


def test_t5_with_the_deeper_decoder_is_refused_as_transformers_cannot_generate_with_it():
    with pytest.raises(RecipeError, match="1 layers in its encoder and 2 in its decoder"):
        keep_layers(many_layered("t5"), encoder=1)
    assert depths_of(keep_layers(many_layered("marian"), encoder=1).module) == {"encoder": 1, "decoder": 2}


@given(st.integers(1, 48), st.data())
def test_spread_layers_keep_the_ends(total, data):
    count = data.draw(st.integers(1, total))
    chosen = chosen_layers("model", "encoder", total, count, "spread")
    assert len(set(chosen)) == count
    assert chosen == sorted(chosen)
    assert chosen[0] == 0
    assert chosen[-1] == (total - 1 if count > 1 else 0)
