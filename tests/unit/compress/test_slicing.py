"""Cutting heads, neurons and layers: the same answers as silencing them, smaller weights, and nothing else touched."""

from functools import cache

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from leanglot.compress.slicing import drop_layers, mask_heads, mask_neurons, slice_heads, slice_neurons
from leanglot.errors import ModelError, RecipeError
from leanglot.models.structure import blocks_of, heads_of, neurons_of
from leanglot.models.text_classifier import TextClassifier

LAYERS, HEADS, NEURONS = 3, 4, 24
FAMILIES = {
    "bert": "Bert",
    "camembert": "Camembert",
    "data2vec-text": "Data2VecText",
    "distilbert": "DistilBert",
    "electra": "Electra",
    "ernie": "Ernie",
    "modernbert": "ModernBert",
    "rembert": "RemBert",
    "roberta": "Roberta",
    "roberta-prelayernorm": "RobertaPreLayerNorm",
    "xlm-roberta": "XLMRoberta",
    "xlm-roberta-xl": "XLMRobertaXL",
    "xmod": "Xmod",
}
SHAPES = {
    "distilbert": {"dim": 32, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": NEURONS},
    "electra": {"embedding_size": 16},
    "modernbert": {"local_attention": 4, "cls_token_id": 0, "sep_token_id": 2},
    "rembert": {"input_embedding_size": 16},
    "xmod": {"languages": ("en_XX",), "default_language": "en_XX", "ln_before_adapter": True},
}
KEPT_HEADS = ((0, 2, 3), (1,), (0, 1, 2, 3))
KEPT_NEURONS = (tuple(range(0, 24, 2)), (5,), tuple(range(24)))


@cache
def classifier(family="bert"):
    """An untrained model; its biases are random too, so that one that goes astray is seen."""
    shape = {"hidden_size": 32, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": NEURONS}
    shape = SHAPES[family] if family == "distilbert" else shape | SHAPES.get(family, {})
    special = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    torch.manual_seed(0)
    config = getattr(transformers, f"{FAMILIES[family]}Config")(
        vocab_size=50, max_position_embeddings=40, num_labels=3, **special, **shape
    )
    module = getattr(transformers, f"{FAMILIES[family]}ForSequenceClassification")(config).eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    words = {f"w{number}": number for number in range(50)}
    return TextClassifier(module, Tokenizer(WordLevel(words, unk_token="w3")), ("a", "b", "c"), 32, 1, "", "tiny")  # noqa: S106


def logits(model, attention="sdpa"):
    """Of a batch with padding on either side."""
    mask = torch.tensor([(1,) * 9, (1,) * 4 + (0,) * 5, (0, 0) + (1,) * 7])
    ids = torch.randint(4, 50, mask.shape, generator=torch.Generator().manual_seed(0)).where(mask == 1, 1)
    model.module.set_attn_implementation(attention)
    with torch.inference_mode():
        return model.module(input_ids=ids, attention_mask=mask).logits


def shape(model):
    blocks = blocks_of(model.module)
    return [(heads_of(model.module, block), neurons_of(model.module, block)) for block in blocks]


def addresses(model):
    return {name: weight.data_ptr() for name, weight in model.module.named_parameters()}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_sliced_model_answers_like_the_masked_one(family, attention):
    model = classifier(family)
    before = logits(model, attention)
    sliced = slice_neurons(slice_heads(model, KEPT_HEADS), KEPT_NEURONS)
    masked = mask_neurons(mask_heads(model, KEPT_HEADS), KEPT_NEURONS)
    assert shape(sliced) == [(3, 12), (1, 1), (4, 24)]
    assert shape(masked) == shape(model) == [(HEADS, NEURONS)] * LAYERS
    torch.testing.assert_close(logits(sliced, attention), logits(masked, attention), atol=1e-5, rtol=0)
    assert (logits(masked, attention) - before).abs().max() > 1e-3
    assert torch.equal(logits(model, attention), before)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_stands_for_the_removed_is_the_same_sliced_and_masked(family):
    model = classifier(family)
    rng = np.random.default_rng(0)
    blocks = blocks_of(model.module)
    heads = [rng.normal(size=HEADS * block.head_size) for block in blocks]
    neurons = [rng.normal(size=NEURONS) for _ in blocks]
    before = logits(model)
    sliced = slice_neurons(slice_heads(model, KEPT_HEADS, heads), KEPT_NEURONS, neurons)
    masked = mask_neurons(mask_heads(model, KEPT_HEADS, heads), KEPT_NEURONS, neurons)
    torch.testing.assert_close(logits(sliced), logits(masked), atol=1e-5, rtol=1e-5)
    plain = slice_neurons(slice_heads(model, KEPT_HEADS), KEPT_NEURONS)
    biased = model.module.get_submodule(blocks[0].ffn_output).bias is not None
    assert torch.equal(logits(sliced), logits(plain)) != biased
    assert torch.equal(logits(model), before)


def test_neurons_that_never_change_go_without_a_trace():
    model = classifier()
    block = blocks_of(model.module)[1]
    constant = model.with_own([model.module.get_submodule(block.ffn_input)])
    with torch.no_grad():
        constant.module.get_submodule(block.ffn_input).weight[3:7] = 0
    bias = constant.module.get_submodule(block.ffn_input).bias.detach()
    given = torch.nn.functional.gelu(bias).double().numpy()
    keep = [range(NEURONS), (*range(3), *range(7, NEURONS)), range(NEURONS)]
    cut = slice_neurons(constant, keep, [given] * LAYERS)
    torch.testing.assert_close(logits(cut), logits(constant), atol=1e-5, rtol=1e-5)
    assert (logits(slice_neurons(constant, keep)) - logits(constant)).abs().max() > 1e-3


def test_what_stands_for_the_removed_must_fit():
    with pytest.raises(RecipeError, match="5 values stand for the 24 inputs"):
        slice_neurons(classifier(), KEPT_NEURONS, [np.zeros(5)] * LAYERS)


@pytest.mark.parametrize("family", FAMILIES)
def test_dropped_layers_leave_the_others_as_they_are(family):
    model = classifier(family)
    fewer = drop_layers(model, (0, 2))
    before = logits(model)
    assert len(blocks_of(fewer.module)) == fewer.module.config.num_hidden_layers == 2
    assert len(blocks_of(model.module)) == model.module.config.num_hidden_layers == LAYERS
    assert {*addresses(fewer).values()} < {*addresses(model).values()}
    assert torch.equal(logits(model), before)
    assert torch.equal(logits(drop_layers(model, (0, 1, 2))), before)
    # A layer that adds nothing: behind a residual without a norm, dropping is the same as silencing.
    if family in {"modernbert", "roberta-prelayernorm", "xlm-roberta-xl"}:
        silenced = model.with_own(model.module.get_submodule(blocks_of(model.module)[1].name).modules())
        block = blocks_of(silenced.module)[1]
        for name in (block.attention_output, block.ffn_output):
            for weight in silenced.module.get_submodule(name).parameters():
                torch.nn.init.zeros_(weight)
        torch.testing.assert_close(logits(fewer), logits(silenced), atol=1e-5, rtol=0)
    else:
        assert not torch.equal(logits(fewer), before)


def test_layers_know_their_places():
    fewer = drop_layers(classifier("modernbert"), (0, 2)).module
    assert [layer.layer_idx for layer in fewer.model.layers] == [0, 1]
    assert [layer.attn.layer_idx for layer in fewer.model.layers] == [0, 1]
    assert fewer.config.layer_types == ["full_attention", "sliding_attention"]
    assert [layer.attention_type for layer in fewer.model.layers] == fewer.config.layer_types
    assert [layer.layer_idx for layer in classifier("modernbert").module.model.layers] == [0, 1, 2]
    fewer = drop_layers(classifier("distilbert"), (2,)).module
    assert fewer.distilbert.transformer.n_layers == fewer.config.n_layers == 1


def test_the_first_layer_of_modernbert_stays():
    with pytest.raises(RecipeError, match="cannot do without layer 0"):
        drop_layers(classifier("modernbert"), (1, 2))
    assert len(blocks_of(drop_layers(classifier("bert"), (1, 2)).module)) == 2


def test_modules_know_how_many_heads_they_have():
    attention = slice_heads(classifier("bert"), KEPT_HEADS).module.bert.encoder.layer[0].attention.self
    assert (attention.num_attention_heads, attention.all_head_size, attention.attention_head_size) == (3, 24, 8)
    assert (attention.query.out_features, attention.query.in_features) == (24, 32)
    assert (
        slice_heads(classifier("distilbert"), KEPT_HEADS).module.distilbert.transformer.layer[1].attention.n_heads == 1
    )


def test_weights_that_stay_as_they_are_are_shared_with_the_model():
    model = classifier("bert")
    sliced, masked = slice_heads(model, KEPT_HEADS), mask_heads(model, KEPT_HEADS)
    own = {name for name, address in addresses(sliced).items() if address != addresses(model)[name]}
    cut = [("query", "weight"), ("query", "bias"), ("key", "weight"), ("key", "bias"), ("value", "weight")]
    names = {f"self.{layer}.{kind}" for layer, kind in [*cut, ("value", "bias")]} | {"output.dense.weight"}
    assert own == {f"bert.encoder.layer.{layer}.attention.{name}" for layer in (0, 1) for name in names}
    own = {name for name, address in addresses(masked).items() if address != addresses(model)[name]}
    assert "bert.embeddings.word_embeddings.weight" not in own
    assert "bert.encoder.layer.0.attention.output.dense.weight" in own
    assert "bert.encoder.layer.0.attention.self.query.weight" not in own
    assert all(weight.requires_grad for weight in sliced.module.parameters())


def test_a_slice_can_be_sliced_again():
    model = classifier("bert")
    once = slice_heads(model, ((0, 3), (1,), (2, 3)))
    twice = slice_heads(slice_heads(model, ((0, 1, 3), (1, 2), (1, 2, 3))), ((0, 2), (0,), (1, 2)))
    assert torch.equal(logits(once), logits(twice))
    fewer = drop_layers(slice_neurons(once, KEPT_NEURONS), (1,))
    assert shape(fewer) == [(1, 1)]


@given(
    heads=st.lists(st.sets(st.integers(0, HEADS - 1), min_size=1), min_size=LAYERS, max_size=LAYERS),
    neurons=st.lists(st.sets(st.integers(0, NEURONS - 1), min_size=1), min_size=LAYERS, max_size=LAYERS),
)
def test_any_choice_answers_like_its_mask(heads, neurons):
    model = classifier("xlm-roberta")
    heads, neurons = [sorted(some) for some in heads], [sorted(some) for some in neurons]
    sliced = slice_heads(slice_neurons(model, neurons), heads)
    masked = mask_heads(mask_neurons(model, neurons), heads)
    torch.testing.assert_close(logits(sliced), logits(masked), atol=1e-5, rtol=0)


@pytest.mark.parametrize("cut", [slice_heads, mask_heads])
@pytest.mark.parametrize(
    ("keep", "told"),
    [
        (((0,), (), (1,)), r"Layer 1 of tiny \(bert.encoder.layer.1\) would lose all of its 4 attention heads"),
        (((0,), (4,), (1,)), "There is no 4: layer 1 of tiny .* has 4 attention heads"),
        (((0,), (-1, 2), (1,)), "There is no -1"),
        (((0,), (2, 1), (1,)), "not in ascending order"),
        (((0,), (1, 1), (1,)), "names one twice"),
        (((0,), (1,)), "given for 2 layers, and tiny has 3"),
    ],
)
def test_a_choice_that_does_not_fit_is_refused(cut, keep, told):
    with pytest.raises(RecipeError, match=told):
        cut(classifier(), keep)


@pytest.mark.parametrize("cut", [slice_neurons, mask_neurons])
def test_a_layer_without_neurons_is_refused(cut):
    with pytest.raises(RecipeError, match="would lose all of its 24 neurons"):
        cut(classifier(), ((0,), (1,), ()))


@pytest.mark.parametrize(
    ("keep", "told"),
    [((), "would lose all of its 3 layers"), ((0, 3), "There is no 3: tiny has 3 layers"), ((1, 0), "ascending")],
)
def test_layers_that_do_not_fit_are_refused(keep, told):
    with pytest.raises(RecipeError, match=told):
        drop_layers(classifier(), keep)


def test_an_unknown_family_is_refused():
    config = transformers.AlbertConfig(hidden_size=32, num_attention_heads=4, vocab_size=50, embedding_size=16)
    module = transformers.AlbertForSequenceClassification(config)
    model = TextClassifier(module, classifier().tokenizer, ("a", "b"), 32, 1, "", "albert")
    for cut in (slice_heads, slice_neurons, mask_heads, mask_neurons, drop_layers):
        with pytest.raises(ModelError, match="share one set of weights"):
            cut(model, ((0,),))
