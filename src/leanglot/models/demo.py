"""Builds the demo's encoder and classifier as ordinary transformers models from the downloaded data files."""

import warnings
from pathlib import Path
from typing import Final

import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from leanglot.models.demo_archive import TOKENIZER, WEIGHTS, fetch
from leanglot.models.demo_weights import Container, Dimensions, read_container

MAX_LENGTH: Final = 64
ADAPTER: Final = Path(__file__).parent / "demo" / "adapter"
_BERT_NAMES: Final = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDING_NAMES: Final = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}


def build_encoder(labels: tuple[str, ...], seed: int = 0) -> BertForSequenceClassification:
    """multilingual-e5-small under a freshly initialized classification head.

    Args:
        labels: Names of the classes, in the order of the head.
        seed: Seed of the head's initial weights.
    """
    container = read_container(fetch(WEIGHTS))
    torch.manual_seed(seed)
    model = BertForSequenceClassification(_config(container.dimensions, labels))
    missing, unexpected = model.load_state_dict(_state(container), strict=False)
    head = {"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"}
    if unexpected or set(missing) - head:
        raise AssertionError(f"the container does not fit: missing {missing}, unexpected {unexpected}")
    model.eval()
    return model


def load_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of multilingual-e5-small: XLM-R's 250,002 pieces."""
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    special |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    return PreTrainedTokenizerFast(
        tokenizer_file=str(fetch(TOKENIZER)),
        model_max_length=MAX_LENGTH,
        model_input_names=["input_ids", "attention_mask"],
        **special,
    )


def merge_adapter(model: BertForSequenceClassification, adapter: Path) -> BertForSequenceClassification:
    """Merge a LoRA adapter and its head into the encoder, so that what comes out is an ordinary model."""
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for an attribute that is being renamed
        merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    if not isinstance(merged, BertForSequenceClassification):
        raise TypeError(f"merging gave a {type(merged).__name__}")
    merged.eval()
    return merged


def _config(dimensions: Dimensions, labels: tuple[str, ...]) -> BertConfig:
    return BertConfig(
        vocab_size=dimensions.vocabulary,
        hidden_size=dimensions.hidden,
        num_hidden_layers=dimensions.layers,
        num_attention_heads=dimensions.heads,
        intermediate_size=dimensions.ffn,
        max_position_embeddings=dimensions.positions,
        type_vocab_size=dimensions.types,
        layer_norm_eps=dimensions.layer_norm_eps,
        pad_token_id=1,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )


def _state(container: Container) -> dict[str, torch.Tensor]:
    """The container's tensors under BERT's names and in its shapes: matrices are (out, in), row by row."""
    shape = container.dimensions
    rows = {"emb.word": shape.vocabulary, "emb.pos": shape.positions, "emb.type": shape.types}
    state = {}
    for name, values in container.tensors.items():
        tensor = torch.from_numpy(values)
        if name in _EMBEDDING_NAMES:
            target = f"bert.embeddings.{_EMBEDDING_NAMES[name]}"
            state[target] = tensor.reshape(rows[name], shape.hidden) if name in rows else tensor
            continue
        layer, part, kind = name.split(".")
        target = f"bert.encoder.layer.{layer.removeprefix('l')}.{_BERT_NAMES[part]}"
        if kind == "b" or part in {"aln", "oln"}:
            state[f"{target}.{'bias' if kind == 'b' else 'weight'}"] = tensor
        else:
            state[f"{target}.weight"] = tensor.reshape(-1, shape.hidden if part != "fo" else shape.ffn)
    return state
