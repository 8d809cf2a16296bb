"""The layers that can be cut are found by name in the families that are known, and others are refused."""

import pytest
import torch
import transformers
from torch import nn

from leanglot.errors import ModelError
from leanglot.models.layer_swap import swap_layers
from leanglot.models.packed import Scheme
from leanglot.models.structure import blocks_of, cut_heads, cut_layers, cut_neurons, heads_of, neurons_key, neurons_of

SHAPE = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24}


def make(family, **more):
    config = getattr(transformers, f"{family}Config")(**(SHAPE | {"pad_token_id": 1} | more))
    return getattr(transformers, f"{family}ForSequenceClassification")(config).eval()


@pytest.fixture(scope="module")
def bert():
    return make("Bert")


def test_layers_of_bert(bert):
    first, second = blocks_of(bert)
    assert (first.name, second.name) == ("bert.encoder.layer.0", "bert.encoder.layer.1")
    assert first.query == "bert.encoder.layer.0.attention.self.query"
    assert first.ffn_output == "bert.encoder.layer.0.output.dense"
    assert first.attention_output == "bert.encoder.layer.0.attention.output.dense"
    assert (first.head_size, heads_of(bert, first), neurons_of(bert, first)) == (8, 4, 24)
    assert first.removable
    assert neurons_key(bert) == "intermediate_size"


def test_layers_of_distilbert():
    module = make("DistilBert", dim=32, n_layers=2, n_heads=4, hidden_dim=24)
    block = blocks_of(module)[1]
    assert (block.query, block.ffn_input) == (
        "distilbert.transformer.layer.1.attention.q_lin",
        "distilbert.transformer.layer.1.ffn.lin1",
    )
    assert (block.head_size, heads_of(module, block), neurons_of(module, block)) == (8, 4, 24)
    assert neurons_key(module) == "hidden_dim"


def test_one_layer_computes_queries_keys_and_values_in_modernbert():
    module = make("ModernBert", bos_token_id=0, eos_token_id=2, cls_token_id=0, sep_token_id=2)
    first, second = blocks_of(module)
    assert first.query == first.key == first.value == "model.layers.0.attn.Wqkv"
    assert (first.head_size, heads_of(module, first), neurons_of(module, first)) == (8, 4, 24)
    assert (first.removable, second.removable) == (False, True)


def test_a_cut_takes_the_rows_and_columns_of_what_stays():
    module = make("ModernBert", bos_token_id=0, eos_token_id=2, cls_token_id=0, sep_token_id=2)
    layer, block = module.model.layers[1], blocks_of(module)[1]
    inside, output, gated = layer.attn.Wqkv.weight, layer.attn.Wo.weight, layer.mlp.Wi.weight
    cut_heads(module, block, (1, 3))
    cut_neurons(module, block, (0, 23))
    rows = [row for start in (0, 32, 64) for head in (1, 3) for row in range(start + 8 * head, start + 8 * head + 8)]
    assert torch.equal(layer.attn.Wqkv.weight, inside[rows])
    assert torch.equal(layer.attn.Wo.weight, output[:, [*range(8, 16), *range(24, 32)]])
    assert torch.equal(layer.mlp.Wi.weight, gated[[0, 23, 24, 47]])
    assert (heads_of(module, block), neurons_of(module, block)) == (2, 2)


def test_cut_layers_count_in_the_config():
    module = make("Bert")
    cut_layers(module, (1,))
    assert module.config.num_hidden_layers == len(blocks_of(module)) == 1


@pytest.mark.parametrize(
    ("family", "more", "told"),
    [
        ("Albert", {}, "AlbertForSequenceClassification cannot be cut: all of its layers share"),
        ("Deberta", {}, "relative positions"),
        ("DebertaV2", {}, "relative positions"),
        ("MPNet", {}, "relative positions"),
        # Its layers have BERT's names, and see no more than a window of the text through further layers per head.
        ("Longformer", {"attention_window": 4}, "The layers of LongformerForSequenceClassification are not of a known"),
    ],
)
def test_families_that_cannot_be_cut_are_refused(family, more, told):
    with pytest.raises(ModelError, match=told) as refused:
        blocks_of(make(family, **more))
    assert "xlm-roberta" in refused.value.hint


def test_what_was_looked_for_is_told():
    with pytest.raises(ModelError) as refused:
        blocks_of(nn.Linear(2, 2))
    assert "Linear" in refused.value.message
    assert "attention.self.query + attention.self.key + attention.self.value" in refused.value.message
    assert "attention.q_lin" in refused.value.message
    assert "attn.Wqkv + attn.Wo" in refused.value.message


def test_a_model_whose_layers_are_quantized_is_refused(bert):
    one = swap_layers(bert, {"bert.encoder.layer.1.intermediate.dense": Scheme(8)}, integer=True)
    with pytest.raises(ModelError, match="1 of the 2 layers of BertForSequenceClassification"):
        blocks_of(one)
    with pytest.raises(ModelError, match=r"intermediate\.dense is a QuantizedLinear"):
        cut_neurons(one, blocks_of(bert)[1], (0,))


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_heads_without_a_width_are_refused():
    with pytest.raises(ModelError, match="no width"):
        blocks_of(make("RemBert", num_attention_heads=64, embedding_size=32))
