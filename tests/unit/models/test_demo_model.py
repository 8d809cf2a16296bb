"""The demo's encoder: the container's tensors land in an ordinary BERT, each in its place."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import BertConfig, BertModel

from leanglot.models import demo
from leanglot.models.demo_weights import Container, Dimensions

SHAPE = Dimensions(hidden=8, layers=2, heads=2, ffn=12, vocabulary=10, positions=6, types=1, layer_norm_eps=1e-5)
LABELS = ("on", "off", "dim")
LAYER = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value"}
LAYER |= {"ao": "attention.output.dense", "aln": "attention.output.LayerNorm"}
LAYER |= {"fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm"}


@pytest.fixture
def reference():
    config = BertConfig(
        vocab_size=SHAPE.vocabulary,
        hidden_size=SHAPE.hidden,
        num_hidden_layers=SHAPE.layers,
        num_attention_heads=SHAPE.heads,
        intermediate_size=SHAPE.ffn,
        max_position_embeddings=SHAPE.positions,
        type_vocab_size=SHAPE.types,
        layer_norm_eps=SHAPE.layer_norm_eps,
        pad_token_id=1,
    )
    torch.manual_seed(5)
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn_like(weight))
    return model


@pytest.fixture
def tensors(reference):
    """The reference's weights under the container's names, flat."""
    state = reference.state_dict()
    names = {"emb.word": "embeddings.word_embeddings.weight", "emb.pos": "embeddings.position_embeddings.weight"}
    names |= {"emb.type": "embeddings.token_type_embeddings.weight"}
    names |= {"emb.ln.w": "embeddings.LayerNorm.weight", "emb.ln.b": "embeddings.LayerNorm.bias"}
    for layer in range(SHAPE.layers):
        for short, long in LAYER.items():
            names[f"l{layer}.{short}.w"] = f"encoder.layer.{layer}.{long}.weight"
            names[f"l{layer}.{short}.b"] = f"encoder.layer.{layer}.{long}.bias"
    return {short: state[long].numpy().reshape(-1) for short, long in names.items()}


@pytest.fixture
def contained(monkeypatch, tensors):
    monkeypatch.setattr(demo, "fetch", lambda file: file)
    monkeypatch.setattr(demo, "read_container", lambda path: Container(SHAPE, tensors))
    return tensors


def test_the_encoder_computes_what_the_containers_model_computes(contained, reference):
    model = demo.build_encoder(LABELS)
    assert not model.training
    assert model.config.id2label == dict(enumerate(LABELS))
    ids, mask = torch.tensor([[0, 5, 6, 2], [0, 7, 2, 1]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    with torch.inference_mode():
        expected = reference(input_ids=ids, attention_mask=mask).last_hidden_state
        given = model.bert(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(given, expected)


def test_the_head_depends_on_the_seed_alone(contained):
    first, again, other = (demo.build_encoder(LABELS, seed).classifier.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (3, SHAPE.hidden)


def test_a_container_that_lacks_a_tensor_is_no_model(contained):
    del contained["l1.fo.w"]
    with pytest.raises(AssertionError, match=r"missing .*encoder\.layer\.1\.output\.dense\.weight"):
        demo.build_encoder(LABELS)


def test_the_tokenizer_knows_its_special_tokens(monkeypatch, tmp_path):
    path = tmp_path / "tokenizer.json"
    words = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "hallo": 5}
    Tokenizer(models.WordLevel(words, unk_token="<unk>")).save(str(path))  # noqa: S106 - a piece
    monkeypatch.setattr(demo, "fetch", lambda file: path)
    tokenizer = demo.load_tokenizer()
    assert (tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert tokenizer.model_max_length == demo.MAX_LENGTH
    assert list(tokenizer("hallo")) == ["input_ids", "attention_mask"]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks transformers the old way
def test_a_merged_adapter_leaves_an_ordinary_model_that_answers_the_same(contained, tmp_path):
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(
        demo.build_encoder(LABELS),
        LoraConfig(r=2, target_modules=["query", "dense"], modules_to_save=["classifier"], task_type="SEQ_CLS"),
    ).eval()
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if weight.requires_grad:
                generator = torch.Generator().manual_seed(len(name))
                weight.copy_(torch.randn(weight.shape, generator=generator))
    adapted.save_pretrained(str(tmp_path))
    ids = torch.tensor([[0, 5, 6, 2]])
    merged = demo.merge_adapter(demo.build_encoder(LABELS), tmp_path)
    assert type(merged).__name__ == "BertForSequenceClassification"
    with torch.inference_mode():
        torch.testing.assert_close(merged(ids).logits, adapted(ids).logits, rtol=1e-3, atol=1e-3)
        assert np.abs((merged(ids).logits - demo.build_encoder(LABELS)(ids).logits).numpy()).max() > 0.1
