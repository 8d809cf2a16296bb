"""The models of the translation benchmark: one of Marian's base shape with random weights, or a folder given."""

from pathlib import Path
from typing import Final

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from leanglot.quiet import quiet_transformers

BASE: Final = "marian-base"
QUICK: Final = "marian-tiny"
_PIECES: Final = {BASE: 58_101, QUICK: 1_003}  # 58,101 has opus-mt-en-de
_SEED: Final = 8
_SPECIAL: Final = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def make_shape(name: str, folder: Path) -> Path:
    """Write a model of a shape, its weights random and seeded: an ordinary transformers folder.

    Args:
        name: `BASE`, with 6 and 6 layers, width 512 and 2,048 neurons, or `QUICK`, which only tries the benchmark out.
        folder: Is made; one that is there is used as it is.
    """
    if (folder / "config.json").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(_PIECES[name])
    pad, eos = (int(tokenizer.token_to_id(token) or 0) for token in ("<pad>", "</s>"))
    width, layers = (512, 6) if name == BASE else (64, 2)
    torch.manual_seed(_SEED)
    config = MarianConfig(
        vocab_size=tokenizer.get_vocab_size(), d_model=width, encoder_layers=layers, decoder_layers=layers,
        encoder_attention_heads=8, decoder_attention_heads=8, encoder_ffn_dim=4 * width, decoder_ffn_dim=4 * width,
        max_position_embeddings=512, activation_function="swish", scale_embedding=True, pad_token_id=pad,
        eos_token_id=eos, decoder_start_token_id=pad, forced_eos_token_id=None,
    )  # fmt: skip
    with quiet_transformers():
        MarianMTModel(config).eval().save_pretrained(folder)
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, model_max_length=512, source_lang="en", target_lang="de", **_SPECIAL
        ).save_pretrained(folder)  # fmt: skip
    return folder


def _tokenizer(pieces: int) -> Tokenizer:
    """A vocabulary of made-up pieces about as long as real ones."""
    made = [("</s>", 0.0), ("<unk>", 0.0), *((f"▁{number:x}w", -10.0) for number in range(pieces - 3))]
    tokenizer = Tokenizer(models.Unigram(made, unk_id=1, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in ("</s>", "<unk>", "<pad>")])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    return tokenizer
