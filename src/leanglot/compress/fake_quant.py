"""A model that computes as its graph of static INT8 will, for training; and what of it the graph is made from."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from leanglot.compress.embedding_rows import is_large
from leanglot.compress.fake_quant_layers import FakeQuantEmbedding, FakeQuantLinear, InputQuantizer, Pass
from leanglot.compress.products import nothing_to_quantize
from leanglot.errors import ModelError, RecipeError
from leanglot.models.layer_swap import check_finite, copy_module, why_not_quantizable
from leanglot.models.text_classifier import sharing_copy
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS, token_batches
from leanglot.stats.histograms import Histogram, Range, empty, entropy, minmax, percentile
from leanglot.techniques import Calibration
from leanglot.techniques.patterns import kept
from leanglot.techniques.qat import QuantizationAware

_PROBE_SHAPE: Final = (2, 8)  # texts, tokens: more of them than texts, so that rows of a matrix tell which they are


class FakeQuantized(nn.Module):
    """A text classifier with rounded inputs and weights; everything that is learned is a parameter of it.

    Attributes:
        module: The classifier. Its layers have the names that they have without rounding.
        shared: What its layers share during a forward pass.
    """

    def __init__(self, module: PreTrainedModel, shared: Pass) -> None:
        super().__init__()
        self.module = module
        self.shared = shared
        self._ready = False

    @property
    def config(self) -> PretrainedConfig:
        """The classifier's config."""
        return self.module.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **more: Any) -> Any:  # noqa: ANN401 - of transformers
        """What the classifier answers; see transformers.

        Args:
            input_ids: Shape (batch, length).
            attention_mask: Shape (batch, length); 1 for tokens, 0 for padding.
            more: Goes to the classifier as it is.

        Raises:
            ModelError: The ranges have no values yet.
        """
        if not self._ready and self.shared.record is None:
            ranges_of(self)
            self._ready = True
        self.shared.mask = attention_mask
        return self.module(input_ids=input_ids, attention_mask=attention_mask, **more)

    def bounds(self) -> tuple[nn.Parameter, ...]:
        """The learned bounds, each once: scalars in the units of the activations, for a learning rate of their own."""
        found = (quantizer.bounds.parameters() for quantizer in _quantizers(self))
        return tuple(bound for parameters in found for bound in parameters)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a layer in the probe.

    Attributes:
        name: The layer's name.
        tensor: What tells the tensor that it read from others: where and how it lies in memory, and its version.
        per_text: Whether that has one row per text.
    """

    name: str
    tensor: tuple[object, ...]
    per_text: bool


def prepare(module: PreTrainedModel, config: QuantizationAware) -> FakeQuantized:
    """A copy whose linear layers round what they read and their weights, as the graph of static INT8 does.

    These are the layers that `static_int8.quantize` quantizes: those that read tokens, not the head's that read one row
    per text. Which of them read the same tensor, and so share its range, is seen in a forward pass.

    Args:
        module: A float32 classifier; left as it is.
        config: Resolved: ``reduce_range`` is decided.

    Returns:
        The copy, in evaluation mode, all of its weights its own. Its ranges have no values yet; see `calibrated`.

    Raises:
        RecipeError: The config is not resolved, ``keep`` names no layer, or there is nothing to quantize.
        ModelError: A weight is NaN or infinite, or a layer to be quantized computes in a way of its own.
    """
    if config.reduce_range is None:
        raise RecipeError("reduce_range is undecided.", "Set it: true for x86 processors without VNNI, else false.")
    check_finite(module)
    if any(isinstance(x, Conv1D) for x in module.modules()):
        raise ModelError(
            f"{type(module).__name__} multiplies with Conv1D layers, which cannot be trained with rounding.",
            "Allowed are models of nn.Linear layers, such as BERT's and XLM-R's.",
        )
    layers = {name: x for name, x in module.named_modules() if isinstance(x, nn.Linear | nn.Embedding)}
    calls = _probe(module, layers)
    layers = {call.name: layers[call.name] for call in calls}
    owners = Counter(id(layer.weight) for layer in layers.values())
    stay = kept(layers, config.keep)
    heads = {call.name for call in calls if call.per_text}
    linear = {name: x for name, x in layers.items() if isinstance(x, nn.Linear) and name not in stay | heads}
    tables = {name: x for name, x in layers.items() if isinstance(x, nn.Embedding) and name not in stay}
    tables = {name: x for name, x in tables.items() if config.embeddings and owners[id(x.weight)] == 1 and _is_table(x)}
    if not linear and not tables:
        raise nothing_to_quantize(config.keep)
    _check_layers({**linear, **tables}, owners)
    shared = Pass()
    rounding = _rounding(linear, [call for call in calls if call.name in linear], config, shared)
    pairs = [(layer, rounding[name]) for name, layer in linear.items()]
    copy = copy_module(module, _instead([*pairs, *((x, FakeQuantEmbedding(x, shared)) for x in tables.values())]))
    return FakeQuantized(copy, shared).to(module.device).eval()


def _rounding(
    layers: Mapping[str, nn.Linear], calls: Sequence[_Call], config: QuantizationAware, shared: Pass
) -> dict[str, FakeQuantLinear]:
    """What takes the places of some linear layers."""
    leaders, first = _leaders(calls), {*_first_readers(calls).values()}
    quantizers = {leader: InputQuantizer(config, shared) for leader in leaders.values()}
    return {
        name: FakeQuantLinear(layer, quantizers[leaders[name]], config, first=name in first)
        for name, layer in layers.items()
    }


def calibrated(
    prepared: FakeQuantized, rows: Sequence[TokenIds], pad_id: int, calibration: Calibration | None = None
) -> FakeQuantized:
    """A copy whose ranges begin where the activations of some texts lie, with nothing rounded.

    Args:
        prepared: From `prepare`; left as it is. The two share their weights, and nothing else.
        rows: Token ids of the texts, already cut at the model's maximum length; at least one.
        pad_id: Token id of the padding, which enters no range.
        calibration: Its method, and its percentile; None takes the extremes.

    Raises:
        RecipeError: There are no texts.
        ModelError: An activation is NaN or infinite.
    """
    if not rows:
        raise RecipeError("There is no text to calibrate on.", "Give at least one; some hundreds are usual.")
    own = {id(part) for quantizer in _quantizers(prepared) for part in _tensors(quantizer)}
    copy = copy_module(prepared, {id(part): part for part in _tensors(prepared) if id(part) not in own})
    quantizers = _quantizers(copy)
    histograms = dict.fromkeys(quantizers, empty())

    def record(quantizer: InputQuantizer, values: Tensor) -> None:
        histograms[quantizer] = _with_values(histograms[quantizer], values)

    training = copy.training
    copy.eval().shared.record = record
    with torch.no_grad():
        for batch in token_batches(rows, pad_id, DEFAULT_BATCH_TOKENS):
            ids, mask = (
                torch.from_numpy(part).to(copy.module.device) for part in (batch.input_ids, batch.attention_mask)
            )
            copy(input_ids=ids, attention_mask=mask)
    copy.shared.record = copy.shared.mask = None
    for quantizer, histogram in histograms.items():
        quantizer.bounds.start(*_range(histogram, calibration or Calibration()))
    return copy.train(training)


def ranges_of(prepared: FakeQuantized) -> dict[str, Range]:
    """The activation range of what each quantized linear layer reads, by the layer's name; 0 is in each.

    Raises:
        ModelError: A range has no values yet, or is NaN or infinite.
    """
    ranges: dict[str, Range] = {}
    for name, layer in prepared.module.named_modules():
        if isinstance(layer, FakeQuantLinear):
            low, high = (float(bound.detach()) for bound in layer.inputs.bounds())
            if not (math.isfinite(low) and math.isfinite(high)):
                raise ModelError(
                    f"The range of what {name} reads is {low:g} to {high:g}.",
                    "Call calibrated(module, rows, pad_id) first; where it was, train with a lower learning rate.",
                )
            ranges[name] = Range(min(low, 0.0), max(high, 0.0))
    return ranges


def plain(prepared: FakeQuantized) -> PreTrainedModel:
    """The classifier with the trained weights and no rounding, ready for export.

    Args:
        prepared: Left as it is.

    Returns:
        A module of the class that was prepared, on the CPU, in evaluation mode; it shares nothing with the other.
    """
    layers = (x for x in prepared.module.modules() if isinstance(x, FakeQuantLinear | FakeQuantEmbedding))
    copy = copy_module(prepared.module, _instead((layer, layer.plain()) for layer in layers))
    copy.cpu().eval()
    return copy


def _probe(module: PreTrainedModel, names: Collection[str]) -> list[_Call]:
    """Run a few tokens, and see which of some layers read what; in the order of their calls."""
    calls: list[_Call] = []
    alive: list[Tensor] = []  # so that no tensor takes the place of another in memory
    texts, length = _PROBE_SHAPE

    def see(name: str, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0]
        alive.append(values)
        tensor = (values.data_ptr(), values.shape, values.stride(), values._version)  # noqa: SLF001 - no other way
        calls.append(_Call(name, tensor, values.dim() == 2 and len(values) == texts))

    copy = sharing_copy(module).eval()
    for name in names:
        copy.get_submodule(name).register_forward_pre_hook(partial(see, name))
    ids = torch.full((texts, length), int(getattr(module.config, "pad_token_id", None) or 0), device=module.device)
    ids[:, 0] = 0
    with torch.no_grad():
        copy(input_ids=ids, attention_mask=torch.ones_like(ids))
    return calls


def _first_readers(calls: Iterable[_Call]) -> dict[tuple[object, ...], str]:
    """The layer that reads each tensor first."""
    first: dict[tuple[object, ...], str] = {}
    for call in calls:
        first.setdefault(call.tensor, call.name)
    return first


def _leaders(calls: Sequence[_Call]) -> dict[str, str]:
    """By layer, one of those that it shares its range with: it read the same tensor in some call, as did others."""
    first = _first_readers(calls)
    leaders = {call.name: call.name for call in calls}
    for call in calls:
        old, new = leaders[call.name], leaders[first[call.tensor]]
        leaders = {name: new if leader == old else leader for name, leader in leaders.items()}
    return leaders


def _is_table(layer: nn.Embedding) -> bool:
    return is_large(layer.weight.detach().cpu().numpy())


def _check_layers(layers: Mapping[str, nn.Linear | nn.Embedding], owners: Mapping[int, int]) -> None:
    """Refuse layers that would compute otherwise in the copy than they do, or whose range no name tells."""
    for name, layer in layers.items():
        if (reason := why_not_quantizable(layer)) is not None:
            raise ModelError(f"{name} cannot be trained with rounding: {reason}.", f"Keep it: keep: [{name}]")
        if owners[id(layer.weight)] > 1:
            raise ModelError(f"{name} shares its weights with another layer.", f"Keep it: keep: [{name}]")


def _instead(pairs: Iterable[tuple[nn.Module, nn.Module]]) -> dict[int, object]:
    """What stands for layers and their parameters in a copy."""
    found: dict[int, object] = {}
    for old, new in pairs:
        found[id(old)] = new
        new_parameters = dict(new.named_parameters(recurse=False))
        found |= {id(weight): new_parameters[name] for name, weight in old.named_parameters(recurse=False)}
    return found


def _quantizers(module: nn.Module) -> list[InputQuantizer]:
    return [part for part in module.modules() if isinstance(part, InputQuantizer)]


def _tensors(module: nn.Module) -> tuple[Tensor, ...]:
    return (*module.parameters(), *module.buffers())


def _with_values(histogram: Histogram, values: Tensor) -> Histogram:
    try:
        return histogram.with_values(values.float().cpu().numpy())
    except ValueError as error:
        raise ModelError(
            "The activations are NaN or infinite on a calibration text.",
            "The model itself fails there: check its weights and its answers.",
        ) from error


def _range(histogram: Histogram, calibration: Calibration) -> Range:
    match calibration.method:
        case "minmax":
            return minmax(histogram)
        case "percentile":
            return percentile(histogram, calibration.percentile)
        case "entropy":
            return entropy(histogram)
