"""Layers that compute with inputs and weights rounded as in a graph of static INT8, and that still can be trained."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from leanglot.compress.fake_quant_rounding import clipped, rounded, row_scales, weight_scales
from leanglot.techniques.qat import QuantizationAware

# Of the moving average, per step. Jacob et al. 2018 (arXiv 1712.05877), section 3.1, ask for one close to 1.
MOMENTUM: Final = 0.99


@dataclass(slots=True, eq=False)
class Pass:
    """What the layers of one module share during a forward pass.

    Attributes:
        mask: Shape (batch, length); 1 for tokens, 0 for padding. None takes all as tokens.
        record: Told the inputs of a quantizer; nothing is rounded then. None rounds.
    """

    mask: Tensor | None = None
    record: "Callable[[InputQuantizer, Tensor], None] | None" = None


class TwoBounds(nn.Module):
    """A learned range of two bounds, which are trained apart.

    Attributes:
        low: The lower bound, a scalar.
        high: The upper bound, a scalar.
    """

    low: nn.Parameter
    high: nn.Parameter

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Parameter(torch.tensor(torch.nan))
        self.high = nn.Parameter(torch.tensor(torch.nan))

    def forward(self) -> tuple[Tensor, Tensor]:
        """Both bounds."""
        return self.low, self.high

    @torch.no_grad()
    def start(self, low: float, high: float) -> None:
        """Begin with a range."""
        self.low.fill_(low)
        self.high.fill_(high)


class OneBound(nn.Module):
    """A learned range of one bound: from its negative to itself, or from 0 where no value is below 0.

    Attributes:
        alpha: The bound, a scalar; its name is the paper's.
        signed: 1 where the range goes below 0, else 0; a scalar.
    """

    alpha: nn.Parameter
    signed: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(torch.nan))
        self.register_buffer("signed", torch.tensor(1.0))

    def forward(self) -> tuple[Tensor, Tensor]:
        """The lower and the upper bound."""
        return -self.alpha * self.signed, self.alpha

    @torch.no_grad()
    def start(self, low: float, high: float) -> None:
        """Begin with the narrowest range around another."""
        self.alpha.fill_(max(-low, high))
        self.signed.fill_(float(low < 0))


class MovingBounds(nn.Module):
    """A range that follows the values it sees in training.

    Attributes:
        low: Moving average of the smallest values, a scalar.
        high: Moving average of the largest values, a scalar.
    """

    low: Tensor
    high: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(torch.nan))
        self.register_buffer("high", torch.tensor(torch.nan))

    def forward(self) -> tuple[Tensor, Tensor]:
        """Both bounds as they are now; the next step does not change these."""
        return self.low.clone(), self.high.clone()

    def start(self, low: float, high: float) -> None:
        """Begin with a range."""
        self.low.fill_(low)
        self.high.fill_(high)

    @torch.no_grad()
    def follow(self, values: Tensor) -> None:
        """Move towards the extremes of a batch."""
        low, high = torch.aminmax(values)
        self.low.lerp_(low.to(self.low.dtype), 1 - MOMENTUM)
        self.high.lerp_(high.to(self.high.dtype), 1 - MOMENTUM)


Bounds = TwoBounds | OneBound | MovingBounds


class InputQuantizer(nn.Module):
    """Rounds one activation tensor; the layers that read it share this.

    Attributes:
        bounds: Its range.
        shared: What it shares with the other layers of its module.
    """

    def __init__(self, config: QuantizationAware, shared: Pass) -> None:
        super().__init__()
        self.bounds: Bounds
        if config.ranges == "observed":
            self.bounds = MovingBounds()
        else:
            self.bounds = OneBound() if config.clipping == "pact" else TwoBounds()
        self.shared = shared

    def forward(self, values: Tensor, *, first: bool) -> Tensor:
        """The values, rounded and clipped; of the same shape.

        Args:
            values: Shape (batch, length, width), or (batch * length, width).
            first: Whether the layer that asks is the first to read them, so that each tensor is seen once.
        """
        if self.shared.record is not None:
            if first:
                self.shared.record(self, self.tokens(values))
            return values
        if first and self.training and isinstance(self.bounds, MovingBounds):
            self.bounds.follow(self.tokens(values))
        return clipped(values, *self.bounds())

    def tokens(self, values: Tensor) -> Tensor:
        """The values without those of padding, shape (tokens, width), where they have one row per token."""
        mask, detached = self.shared.mask, values.detach()
        if mask is None:
            return detached
        if detached.shape[: mask.dim()] == mask.shape:
            return detached[mask.bool()]
        if detached.dim() == 2 and len(detached) == mask.numel():
            return detached[mask.flatten().bool()]
        return detached


class FakeQuantLinear(nn.Module):
    """A linear layer as an integer product computes it.

    Attributes:
        weight: Shape (outputs, inputs), in full precision: what is trained.
        bias: Shape (outputs,), never rounded; None where there is none.
        inputs: Rounds what it reads.
        first: Whether it is the first layer to read it.
        per_channel: Whether each output has a weight scale of its own.
        reduced: Whether weights have 7 bits.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, layer: nn.Linear, inputs: InputQuantizer, config: QuantizationAware, *, first: bool) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = own(layer.weight), None if layer.bias is None else own(layer.bias)
        self.inputs = inputs
        self.first = first
        self.per_channel = config.per_channel
        self.reduced = bool(config.reduce_range)

    def forward(self, values: Tensor) -> Tensor:
        """Shape (..., inputs) to (..., outputs)."""
        inputs: Tensor = self.inputs(values, first=self.first)
        weight = self.weight if self.inputs.shared.record is not None else self.rounded_weight()
        return functional.linear(inputs, weight, self.bias)

    def rounded_weight(self) -> Tensor:
        """The weight that the graph multiplies with: symmetric around 0, shape (outputs, inputs)."""
        scales = weight_scales(self.weight, per_channel=self.per_channel, reduced=self.reduced)
        return rounded(self.weight, scales)

    def plain(self) -> nn.Linear:
        """A layer of PyTorch's own with the trained weights, which are its own."""
        layer = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        layer.weight = own(self.weight)
        if self.bias is not None:
            layer.bias = own(self.bias)
        return layer


class FakeQuantEmbedding(nn.Module):
    """An embedding table whose rows are rounded when they are looked up, each with a scale of its own.

    Attributes:
        weight: Shape (rows, width), in full precision: what is trained.
        padding_idx: The row that is never trained; None where there is none.
    """

    weight: nn.Parameter

    def __init__(self, layer: nn.Embedding, shared: Pass) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = layer.num_embeddings, layer.embedding_dim
        self.padding_idx = layer.padding_idx
        self.weight = own(layer.weight)
        self.shared = shared

    def forward(self, ids: Tensor) -> Tensor:
        """Shape (...) to (..., width)."""
        rows = functional.embedding(ids, self.weight, self.padding_idx)
        return rows if self.shared.record is not None else rounded(rows, row_scales(rows))

    def plain(self) -> nn.Embedding:
        """A layer of PyTorch's own with the trained table, which is its own."""
        layer = nn.Embedding(self.num_embeddings, self.embedding_dim, self.padding_idx, device="meta")
        layer.weight = own(self.weight)
        return layer


def own(weight: Tensor) -> nn.Parameter:
    """A parameter with the same values, which can be changed apart."""
    return nn.Parameter(weight.detach().clone(), requires_grad=weight.requires_grad)
