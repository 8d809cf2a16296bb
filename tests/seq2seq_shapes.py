"""Tiny translation models with enough layers and heads to cut: three and two layers, four heads, random biases."""

import copy
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from transformers import PreTrainedModel

from leanglot.compress.seq2seq_importance import logits_of, taught_batches
from leanglot.data.parallel import ParallelExamples
from leanglot.models.translation_model import TranslationModel
from tiny_translators import load_tiny, pairs_of, parallel

ENCODER, DECODER, HEADS, NEURONS = 3, 2, 4, 24
KINDS = ("marian", "m2m_100", "mbart", "t5", "t5-gated", "mt5", "marian-separate", "nllb")
_LAYERS = {
    "encoder_layers": ENCODER,
    "decoder_layers": DECODER,
    "num_layers": ENCODER,
    "num_decoder_layers": DECODER,
    "encoder_attention_heads": HEADS,
    "decoder_attention_heads": HEADS,
    "num_heads": HEADS,
    "d_kv": 5,
    "encoder_ffn_dim": NEURONS,
    "decoder_ffn_dim": NEURONS,
    "d_ff": NEURONS,
}


@cache
def many_layered(kind: str) -> TranslationModel:
    """An untrained model; the same object each time, which no test may change."""
    family = "t5" if kind in {"t5-gated", "mt5"} else kind
    with tempfile.TemporaryDirectory() as folder:
        model = load_tiny(Path(folder) / "model", family)
    config = copy.deepcopy(model.module.config)
    for name, value in _LAYERS.items():
        if hasattr(config, name):
            setattr(config, name, value)
    if kind == "t5-gated":
        config.is_gated_act, config.feed_forward_proj, config.dense_act_fn = True, "gated-gelu", "gelu_new"
    torch.manual_seed(3)
    module_type = type(model.module)
    if kind == "mt5":
        from transformers import MT5Config, MT5ForConditionalGeneration

        config, module_type = MT5Config(**{**config.to_dict(), "model_type": "mt5"}), MT5ForConditionalGeneration
    module = module_type(config).eval()
    module.generation_config = copy.deepcopy(model.module.generation_config)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if not name.endswith(("embed_tokens.weight", "shared.weight", "embed_positions.weight")):
                weight.add_(torch.randn_like(weight) * 0.2)
    facts = model.facts.model_copy(update={"family": config.model_type})
    return replace(model, module=module, facts=facts, name=kind)


def examples(kind: str) -> ParallelExamples:
    """Sentences of all pairs that it may be asked for."""
    return parallel(pairs_of(kind))


def answers(model: TranslationModel, module: PreTrainedModel | None = None) -> torch.Tensor:
    """Logits at every place of every reference, one row each."""
    kind = "marian-separate" if model.facts.telling == "none" else "marian"
    rows = []
    for batch in taught_batches(model, examples(kind), 4096):
        with torch.inference_mode():
            rows.append(logits_of(module if module is not None else model.module, batch)[batch.labels >= 0])
    return torch.cat(rows)
