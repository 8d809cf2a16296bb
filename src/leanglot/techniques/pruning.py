"""The configs of the pruning techniques."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class MagnitudePruning(BaseModel):
    """Unstructured magnitude pruning: the smallest weights of all linear layers become zero (Han et al., 2015).

    Attributes:
        sparsity: Share of the linear layers' weights set to zero, in [0, 1).
        scope: ``global`` ranks the weights of all layers together, ``layer`` each layer's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["magnitude"] = "magnitude"
    sparsity: float = Field(ge=0, lt=1)
    scope: Literal["global", "layer"] = "global"
