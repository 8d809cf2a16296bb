"""Untrained models of the supported families, small but each with its family's own structure."""

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

LABELS = ("lights", "music", "weather")


def make_model(family: str, vocabulary: int) -> PreTrainedModel:
    """An untrained model of a family, small but with the family's own structure."""
    names = {"num_labels": len(LABELS), "id2label": dict(enumerate(LABELS)), "pad_token_id": 1}
    names["label2id"] = {label: index for index, label in enumerate(LABELS)}
    torch.manual_seed(0)
    if family == "distilbert":
        config = DistilBertConfig(
            vocab_size=vocabulary, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=40, **names
        )
        return DistilBertForSequenceClassification(config).eval()
    shape = {"vocab_size": vocabulary, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    shape |= {"intermediate_size": 64, "max_position_embeddings": 40}
    if family == "bert":
        return BertForSequenceClassification(BertConfig(**shape, **names)).eval()
    return XLMRobertaForSequenceClassification(XLMRobertaConfig(**shape, **names)).eval()
