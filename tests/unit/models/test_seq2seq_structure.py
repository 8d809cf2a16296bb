"""Heads, neurons and layers of encoder-decoder models by name: found in every family, cut where they are."""

import copy

import pytest
import torch
import transformers

from leanglot.errors import ModelError
from leanglot.models.seq2seq_structure import (
    attentions_of,
    count_of,
    cut,
    cut_layers,
    depths_of,
    feed_forwards_of,
    linear_layers_of,
)
from seq2seq_shapes import DECODER, ENCODER, HEADS, KINDS, NEURONS, answers, many_layered


def module_of(kind):
    return copy.deepcopy(many_layered(kind).module)


@pytest.mark.parametrize("kind", KINDS)
def test_every_attention_and_block_is_found_in_order(kind):
    module = module_of(kind)
    assert depths_of(module) == {"encoder": ENCODER, "decoder": DECODER}
    attentions = attentions_of(module)
    assert [(units.place, units.layer) for units in attentions] == [
        *(("encoder", layer) for layer in range(ENCODER)),
        *(("decoder", layer) for layer in range(DECODER)),
        *(("cross", layer) for layer in range(DECODER)),
    ]
    assert {count_of(module, units) for units in attentions} == {HEADS}
    blocks = feed_forwards_of(module)
    assert [units.place for units in blocks] == ["encoder"] * ENCODER + ["decoder"] * DECODER
    assert {count_of(module, units) for units in blocks} == {NEURONS}
    names = [name for units in (*attentions, *blocks) for name in (*units.before, units.behind)]
    assert len(set(names)) == len(names)
    assert set(names) == set(linear_layers_of(module)), "every linear layer of both sides belongs to one of them"


@pytest.mark.parametrize("kind", KINDS)
def test_cut_shapes_follow_what_stays(kind):
    module = module_of(kind)
    cross, block = attentions_of(module)[-1], feed_forwards_of(module)[-1]
    before = module.get_parameter(f"{cross.behind}.weight").detach().clone()
    cut(module, cross, [1, 3])
    cut(module, block, [0, 5, 23])
    assert count_of(module, cross) == 2
    assert count_of(module, block) == 3
    after = module.get_parameter(f"{cross.behind}.weight")
    assert torch.equal(after[:, : cross.width], before[:, cross.width : 2 * cross.width])
    assert torch.equal(after[:, cross.width :], before[:, 3 * cross.width :])
    assert all(module.get_parameter(f"{name}.weight").shape[0] == 2 * cross.width for name in cross.before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_without_its_first_layers_still_translates_by_itself(kind):
    """The first layer of T5 keeps the position biases of all; the cache counts layers from 0."""
    model = many_layered(kind)
    module = module_of(kind)
    cut_layers(module, {"encoder": [2], "decoder": [1]})
    assert depths_of(module) == {"encoder": 1, "decoder": 1}
    ids = torch.tensor([[5, 7, 9, model.facts.eos_id]])
    settings = {"max_new_tokens": 6, "do_sample": False, "attention_mask": torch.ones_like(ids)}
    with torch.inference_mode():
        cached = module.generate(ids, decoder_input_ids=torch.tensor([[3]]), use_cache=True, **settings)
        plain = module.generate(ids, decoder_input_ids=torch.tensor([[3]]), use_cache=False, **settings)
    assert torch.equal(cached, plain)
    assert torch.isfinite(answers(model, module)).all()


def test_position_biases_pass_to_the_next_first_layer_of_t5():
    module = module_of("t5")
    table = module.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight
    cut_layers(module, {"encoder": [1, 2], "decoder": [0, 1]})
    first = module.encoder.block[0].layer[0].SelfAttention
    assert first.has_relative_attention_bias
    assert first.relative_attention_bias.weight is table
    assert module.decoder.block[0].layer[0].SelfAttention.has_relative_attention_bias


def test_other_families_are_refused_by_name():
    bart = transformers.BartForConditionalGeneration(
        transformers.BartConfig(vocab_size=9, d_model=8, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=8,
                                decoder_ffn_dim=8, encoder_attention_heads=2, decoder_attention_heads=2)
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"model type bart.*\nAllowed are marian, m2m_100, mbart, t5, mt5"):
        attentions_of(bart)


def test_a_layer_that_was_exchanged_is_told():
    module = module_of("marian")
    module.model.decoder.layers[1].encoder_attn.k_proj = torch.nn.Identity()
    with pytest.raises(ModelError, match="1 of the 2 layers of the decoder"):
        attentions_of(module)
