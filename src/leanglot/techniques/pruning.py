"""The configs of the pruning techniques: single weights, and whole heads, neurons and layers."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from leanglot.techniques.drawing import Balance, Shares

Sparsity = Annotated[float, Field(ge=0, lt=1)]
Place = Annotated[int, Field(ge=0)]


def _pattern(value: str) -> str:
    match = re.fullmatch(r"(\d{1,3}):(\d{1,3})", value)
    if match is None or not 0 < int(match[1]) < int(match[2]):
        raise ValueError(f"{value!r} is no N:M pattern; write how many of how many weights stay, such as 2:4")
    return value


class MagnitudePruning(BaseModel):
    """Unstructured magnitude pruning: the smallest weights of all linear layers become zero (Han et al., 2015).

    Attributes:
        sparsity: Share of the linear layers' weights set to zero, in [0, 1); None where a pattern says it.
        scope: ``global`` ranks the weights of all layers together, ``layer`` each layer's own.
        pattern: N:M sparsity, such as ``2:4``: of each 4 weights in a row of a matrix the 2 largest stay (Mishra et
            al., 2021).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["magnitude"] = "magnitude"
    sparsity: Sparsity | None = None
    scope: Literal["global", "layer"] = "global"
    pattern: Annotated[str, AfterValidator(_pattern)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "MagnitudePruning":
        if (self.sparsity is None) == (self.pattern is None):
            raise ValueError("give either sparsity, such as 0.5, or pattern, such as 2:4")
        return self

    @property
    def kept_of(self) -> tuple[int, int] | None:
        """The pattern as numbers: how many of how many weights stay."""
        if self.pattern is None:
            return None
        stay, group = self.pattern.split(":")
        return int(stay), int(group)

    @property
    def target(self) -> float:
        """The share of weights that become zero."""
        if self.kept_of is not None:
            stay, group = self.kept_of
            return 1 - stay / group
        return self.sparsity or 0.0


class Importance(BaseModel):
    """How the importance of heads, neurons and layers is found, by language, and on which texts.

    Texts need no labels: what counts is how the model's own answers would change.

    Attributes:
        method: ``taylor`` takes activation times gradient (Molchanov et al., 2019; for heads the sensitivity to their
            mask of Michel et al., 2019), ``gradient`` the gradient's magnitude alone.
        combine: One importance from those of all languages: ``worst`` takes each unit's largest, so that what a single
            language needs stays; ``mean`` their mean; ``traffic`` the mean weighted by the traffic given.
        samples: Number of texts.
        balance: How they are shared out over the languages; see `Drawing`.
        temperature: For ``temperature``.
        traffic: Share of each language, for ``combine: traffic`` and for ``balance: traffic``.
        languages: Languages that count; None takes all.
        seed: Seed of the draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["taylor", "gradient"] = "taylor"
    combine: Literal["worst", "mean", "traffic"] = "worst"
    samples: int = Field(default=512, strict=True, ge=1, le=1_000_000)
    balance: Balance = "uniform"
    temperature: float = Field(default=3.0, ge=1, le=100)
    traffic: Shares | None = None
    languages: tuple[str, ...] | None = Field(default=None, min_length=1)
    seed: int = Field(default=0, strict=True, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _traffic_where_needed(self) -> "Importance":
        if ("traffic" in (self.combine, self.balance)) != (self.traffic is not None):
            raise ValueError("combine or balance: traffic and the shares under traffic need each other")
        return self


class HeadPruning(BaseModel):
    """Structured pruning: attention heads are cut out of the weights (Michel et al., 2019).

    Attributes:
        sparsity: Share of all heads to remove, in [0, 1); None where `remove` names them. Each layer keeps one.
        scope: ``global`` ranks the heads of all layers together, ``layer`` removes the same share of each.
        remove: Heads to remove, by layer, both counted from 0.
        compensate: Let the bias behind a layer's attention stand for what its removed heads give on average over the
            texts (An et al., 2024, do so for the channels of language models); not for heads that are named.
        importance: How heads are ranked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["heads"] = "heads"
    sparsity: Sparsity | None = None
    scope: Literal["global", "layer"] = "global"
    remove: dict[Place, tuple[Place, ...]] | None = Field(default=None, min_length=1)
    compensate: bool = True
    importance: Importance = Importance()

    @model_validator(mode="after")
    def _one_of_both(self) -> "HeadPruning":
        if (self.sparsity is None) == (self.remove is None):
            raise ValueError("give either sparsity, such as 0.25, or remove, such as {0: [1, 3]}")
        return self


class FfnPruning(BaseModel):
    """Structured pruning: neurons of the feed-forward blocks are cut out of the weights (Molchanov et al., 2019).

    Attributes:
        sparsity: Share of all neurons to remove, in [0, 1).
        scope: ``global`` ranks the neurons of all layers together, ``layer`` removes the same share of each.
        multiple: Each layer keeps a multiple of so many neurons, as far as it has them: widths that kernels like.
        compensate: Let the bias behind the block stand for what its removed neurons give on average over the texts.
        importance: How neurons are ranked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["ffn"] = "ffn"
    sparsity: Sparsity
    scope: Literal["global", "layer"] = "global"
    multiple: int = Field(default=32, strict=True, ge=1, le=1024)
    compensate: bool = True
    importance: Importance = Importance()


class LayerPruning(BaseModel):
    """Structured pruning: whole layers are left out (Sajjad et al., 2023).

    Attributes:
        sparsity: Share of the layers to remove, in [0, 1), rounded down; None where `remove` names them.
        remove: Layers to remove, counted from 0.
        importance: How layers are ranked. Each is tried out: a layer matters as much to a language as the answers in it
            change without the layer, and after each removal all others are tried again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["layers"] = "layers"
    sparsity: Sparsity | None = None
    remove: tuple[Place, ...] | None = Field(default=None, min_length=1)
    importance: Importance = Importance()

    @model_validator(mode="after")
    def _one_of_both(self) -> "LayerPruning":
        if (self.sparsity is None) == (self.remove is None):
            raise ValueError("give either sparsity, such as 0.5, or remove, such as [1, 3, 5]")
        return self
