"""Exports a translation model for CTranslate2, its weights quantized on the way."""

import copy
from collections.abc import Collection
from pathlib import Path
from typing import Final, Literal, get_args

from tokenizers import Tokenizer
from transformers import PreTrainedModel

from leanglot.errors import RecipeError
from leanglot.export.ctranslate2_layers import specify, uneven_heads
from leanglot.extras import require
from leanglot.models.translation_model import TranslationModel
from leanglot.results.translation import TranslationFacts
from leanglot.techniques import HalfPrecision, Int8, MixedInt8, Quantization
from leanglot.techniques.support import scheme

Weights = Literal["float32", "int8", "int8_float16", "int8_bfloat16", "float16", "bfloat16"]
"""How CTranslate2 stores weights, and what it computes the rest in."""

MODEL_NAME: Final = "model.bin"
_HALVES: Final[dict[str, Weights]] = {"fp16": "float16", "bf16": "bfloat16"}
_MIXED: Final[dict[str, Weights]] = {"fp16": "int8_float16", "bf16": "int8_bfloat16"}


def weights_for(step: Quantization | None) -> Weights:
    """How the weights are stored after a recipe's last step; None is a plain export.

    Raises:
        RecipeError: CTranslate2 cannot do the step.
    """
    match step:
        case None:
            return "float32"
        case Int8() if _is_plain(step):
            return "int8"
        case HalfPrecision() if not step.keep:
            return _HALVES[step.dtype]
        case MixedInt8():
            return _MIXED[step.rest]
    options = step.model_dump(exclude_defaults=True, exclude={"technique", "embeddings"})
    raise RecipeError(
        f"CTranslate2 does not do {scheme(step)}{f' with {options}' if options else ''}.",
        "It has int8 (dynamic, signed, 8 bits, row by row), int8-mixed and half, each for all matrices.",
    )


def _is_plain(step: Int8) -> bool:
    """Whether a step asks for nothing that CTranslate2's INT8 does not have."""
    dynamic = step.activations == "dynamic" and step.weights == "signed" and step.per_channel
    return dynamic and not (step.reduce_range or step.keep) and step.embedding_bits == 8


def export_ctranslate2(model: TranslationModel, folder: Path, weights: Weights = "float32") -> tuple[str, ...]:
    """Write ``model.bin``, CTranslate2's ``config.json`` and its vocabularies into the folder.

    The weights are written in one pass from the model in memory. INT8 is symmetric, with one scale per row, and takes
    in the embedding table and the output projection, which share their bytes where the model ties them.

    Args:
        model: Left as it is.
        folder: An existing folder.
        weights: How the weights are stored.

    Returns:
        What is worth knowing of the result, one sentence each.

    Raises:
        RecipeError: CTranslate2 does not know the family or a part of it, or neither this machine's processor nor its
            GPU computes INT8 with the 16-bit type asked for.
    """
    if weights not in get_args(Weights):
        raise RecipeError(f"{weights} is no way to store weights.", f"Allowed are {', '.join(get_args(Weights))}.")
    notes = _check_machine(weights)
    facts = model.facts
    # CTranslate2 scales the tensors that it is given in place before it rounds them.
    module = copy.deepcopy(model.module) if weights.startswith("int8") else model.module
    spec = specify(module, str(module.config.model_type), facts.suppressed)
    source, target = _vocabularies(model)
    spec.register_source_vocabulary(source)
    spec.register_target_vocabulary(target)
    for name, value in _config(module, facts, target).items():
        setattr(spec.config, name, value)
    spec.validate()
    spec.optimize(quantization=None if weights == "float32" else weights)
    spec.save(str(folder))
    return (*notes, *uneven_heads(module))


def _check_machine(weights: Weights) -> tuple[str, ...]:
    """Refuse what nothing here computes, and tell what is stored in 16 bits alone."""
    if weights in {"float32", "int8"}:
        return ()
    ctranslate2 = require("ctranslate2", "translation")
    on_cpu: set[str] = ctranslate2.get_supported_compute_types("cpu")
    on_gpu = ctranslate2.get_supported_compute_types("cuda") if ctranslate2.get_cuda_device_count() else set()
    if weights in on_cpu:
        return ()
    if weights.startswith("int8"):
        if weights in on_gpu:
            return (f"{weights} runs on a GPU; a machine without one computes it as INT8 with FP32.",)
        able = ", ".join(sorted(on_cpu | on_gpu))
        raise RecipeError(
            f"CTranslate2 does not compute {weights} on this machine: its processor and GPU do {able}.",
            "Take int8, which computes the rest in FP32.",
        )
    return (f"{weights} is stored, and computed in FP32 on this processor: half the size on disk, no faster.",)


def _vocabularies(model: TranslationModel) -> tuple[list[str], list[str]]:
    """The tokens of both sides by id, as many as the tables have rows."""
    rows = model.module.get_encoder().get_input_embeddings().weight.shape[0]
    target_rows = model.module.get_output_embeddings().weight.shape[0]
    source = tokens_by_id(model.tokenizer, rows)
    if model.target_tokenizer is model.tokenizer and rows == target_rows:
        return source, source
    return source, tokens_by_id(model.target_tokenizer, target_rows)


def tokens_by_id(tokenizer: Tokenizer, rows: int) -> list[str]:
    """A tokenizer's tokens in the order of their ids; rows that have none get a name of their own.

    Raises:
        RecipeError: A token's id has no row in the table.
    """
    known = tokenizer.get_vocab(with_added_tokens=True)
    if above := [token for token, number in known.items() if number >= rows]:
        raise RecipeError(
            f"The tokenizer has {len(above):,} tokens beyond the {rows:,} rows of its table, such as {above[0]!r}.",
            "Save the model with the tokenizer that it was trained with.",
        )
    tokens: list[str | None] = [None] * rows
    for token, number in known.items():
        tokens[number] = token
    return [_name(number, known) if token is None else token for number, token in enumerate(tokens)]


def _name(number: int, taken: Collection[str]) -> str:
    """A name that no token has."""
    name = f"<unused_{number}>"
    while name in taken:
        name = f"<{name}>"
    return name


def _config(module: PreTrainedModel, facts: TranslationFacts, target: list[str]) -> dict[str, object]:
    """The tokens that begin and end; without a first token of its own, whoever translates gives it as a prefix."""
    start, end = target[facts.decoder_start_id], target[facts.eos_id]
    alone = facts.start_code == "alone" and facts.telling in {"source-and-start", "start"}
    return {
        "bos_token": start,
        "eos_token": end,
        "unk_token": next((token for token in ("<unk>", "[UNK]") if token in target), end),
        "decoder_start_token": None if alone else start,
        "layer_norm_epsilon": float(getattr(module.config, "layer_norm_epsilon", 1e-5)),
    }
