"""Text classifiers with quantized weights in PyTorch: made, saved in one safetensors file, and loaded from it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from leanglot.errors import ModelError, RecipeError
from leanglot.models.half_layers import DTYPES, Precision, castable_layers, keep_layers, to_half
from leanglot.models.layer_swap import check_finite, quantizable_layers, swap_layers
from leanglot.models.packed import PackedWeight, Scheme, stored_shapes
from leanglot.models.sliced import build_module
from leanglot.models.text_classifier import TextClassifier, save_tokenizer
from leanglot.quiet import quiet_transformers
from leanglot.techniques import HalfPrecision, Int8, PostTraining
from leanglot.techniques.patterns import kept

WEIGHTS_NAME: Final = "model.safetensors"

_SHARED: Final = "shared"  # in the file's metadata: names of tensors that stand in it under another name


def quantize_classifier(model: TextClassifier, config: PostTraining) -> TextClassifier:
    """Quantize a classifier's weights.

    - `Int8`: linear layers round each token's inputs to INT8 and multiply in integers. PyTorch adds in 32 bits here
      whatever the machine, so 7-bit weights are taken only where ``reduce_range`` is true.
    - `WeightOnly`: linear layers hold INT8 or packed INT4 in blocks, widened to FP32 at each call.
    - `HalfPrecision`: all weights in 16 bits.

    Args:
        model: Left as it is; weights that stay in FP32 are shared with it.
        config: How.

    Returns:
        A new model, whose recipe is the one of `model`.

    Raises:
        RecipeError: There is nothing to quantize, a pattern of ``keep`` matches nothing, or PyTorch cannot do it.
        ModelError: Weights are not finite, or beyond the range of FP16.
        MissingExtraError: torchao is not installed; half precision needs none.
    """
    schemes, left = _plan(model.module, config, model.name)
    check_finite(model.module)
    if isinstance(config, HalfPrecision):
        module = to_half(model.module, DTYPES[config.dtype], left)
        module.config.dtype = DTYPES[config.dtype]
    else:
        module = swap_layers(model.module, schemes, integer=isinstance(config, Int8), share=True)
    return replace(model, module=module)


def save_quantized(model: TextClassifier, folder: Path) -> None:
    """Write a quantized classifier: ``model.safetensors`` with plain tensors, its config and its tokenizer.

    Args:
        model: From `quantize_classifier`.
        folder: Exists.
    """
    tensors: dict[str, Tensor] = {}
    shared: dict[str, str] = {}
    names: dict[tuple[object, ...], str] = {}
    for name, tensor in model.module.state_dict().items():
        key = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.numel() and key in names:
            shared[name] = names[key]
        else:
            names[key] = name
            tensors[name] = tensor.contiguous()
    metadata = {"format": "pt"} | ({_SHARED: json.dumps(shared)} if shared else {})
    save_file(tensors, str(folder / WEIGHTS_NAME), metadata=metadata)
    with quiet_transformers():
        model.module.config.save_pretrained(str(folder))
    save_tokenizer(model, folder)


def load_quantized(folder: Path, step: PostTraining) -> PreTrainedModel:
    """Load what `save_quantized` wrote; its outputs are those of the model that was saved.

    Nothing is unpickled and nothing quantized again: the model is built from its config without values, its layers are
    replaced as the step says, and the tensors of the file take their places. torchao is not needed.

    Args:
        folder: The artifact.
        step: The step that quantized it.

    Returns:
        The model, in evaluation mode.

    Raises:
        ModelError: The file or the config is damaged, or they do not belong to such a step.
    """
    tensors = _read(folder / WEIGHTS_NAME)
    module = build_module(folder)
    try:
        schemes, left = _plan(module, step, str(folder))
    except RecipeError as error:
        raise ModelError(
            f"{folder} is not what its recipe says: {error.message}", "Make the artifact again."
        ) from error
    if isinstance(step, HalfPrecision):
        module = keep_layers(module, DTYPES[step.dtype], left)
    else:

        def stored(name: str, weight: Tensor, scheme: Scheme) -> PackedWeight:
            return _stored(tensors, name, weight, scheme, folder)

        module = swap_layers(module, schemes, integer=isinstance(step, Int8), share=True, packer=stored)
    try:
        module.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        raise _unfit(folder, " ".join(str(error).split())[:300]) from error
    _check_types(folder, module, step)
    loaded: PreTrainedModel = module.eval().requires_grad_(requires_grad=False)
    return loaded


def _plan(module: nn.Module, config: PostTraining, name: str) -> tuple[dict[str, Scheme], set[str]]:
    """How each layer is quantized, by name, and the layers that are kept in FP32."""
    layers: Mapping[str, nn.Module]
    if isinstance(config, HalfPrecision):
        layers = castable_layers(module)
        rows = linear = Scheme(8)  # of no matter: there are no codes
    elif isinstance(config, Int8):
        if config.activations != "dynamic" or config.weights != "signed":
            raise RecipeError(
                f"PyTorch has no int8 with {config.activations} activations and {config.weights} weights.",
                "Allowed are dynamic activations and signed weights; ONNX Runtime has the others: runtime onnxruntime.",
            )
        rows, linear = Scheme(8), Scheme(8, per_row=config.per_channel, reduce_range=bool(config.reduce_range))
        layers = _integer_layers(module, embeddings=config.embeddings)
    else:
        rows, linear = Scheme(8), Scheme(config.bits, config.block, symmetric=config.symmetric)
        layers = _integer_layers(module, embeddings=config.embeddings)
    left = kept(layers, config.keep)
    schemes = {
        key: rows if isinstance(layer, nn.Embedding) else linear for key, layer in layers.items() if key not in left
    }
    if not schemes:
        raise RecipeError(f"{name} has no layer to quantize.", "Keep fewer layers, or leave quantization out.")
    return schemes, left


def _integer_layers(module: nn.Module, *, embeddings: bool) -> dict[str, nn.Module]:
    kinds = (nn.Linear, nn.Embedding) if embeddings else (nn.Linear,)
    return {name: layer for name, layer in quantizable_layers(module).items() if isinstance(layer, kinds)}


def _read(path: Path) -> dict[str, Tensor]:
    """All tensors of a file by name."""
    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            shared = json.loads((file.metadata() or {}).get(_SHARED, "{}"))
        return tensors | {name: tensors[other] for name, other in shared.items()}
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{path} cannot be read: {str(error)[:300]}", "The file may be damaged: make the artifact again."
        ) from error


def _stored(tensors: Mapping[str, Tensor], name: str, weight: Tensor, scheme: Scheme, folder: Path) -> PackedWeight:
    """A packed weight from the file."""
    parts: dict[str, Tensor] = {}
    for part, (dtype, shape) in stored_shapes(weight.shape[0], weight.shape[1], scheme).items():
        found = tensors.get(f"{name}.{part}")
        if found is None or found.dtype != dtype or tuple(found.shape) != shape:
            told = "nothing" if found is None else f"{found.dtype} of shape {tuple(found.shape)}"
            raise _unfit(folder, f"{name}.{part} must be {dtype} of shape {shape}, and it has {told}")
        parts[part] = found
    return PackedWeight(parts["codes"], parts["scales"], parts.get("zeros"), columns=weight.shape[1], bits=scheme.bits)


def _check_types(folder: Path, module: nn.Module, step: PostTraining) -> None:
    """Parameters that are not packed keep the type that the file gave them: it must be the one they were saved in."""
    kept_layers = [layer for layer in module.modules() if isinstance(layer, Precision)]
    single = {id(weight) for layer in kept_layers for weight in layer.parameters()}
    for name, weight in module.named_parameters():
        wanted = torch.float32
        if isinstance(step, HalfPrecision) and id(weight) not in single:
            wanted = DTYPES[step.dtype]
        if weight.dtype != wanted:
            raise _unfit(folder, f"{name} must be {wanted}, and it is {weight.dtype}")


def _unfit(folder: Path, why: str) -> ModelError:
    return ModelError(
        f"{folder / WEIGHTS_NAME} does not fit its recipe or config: {why}.", "Make the artifact again, from the model."
    )
