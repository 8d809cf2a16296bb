"""Products in integers whose activations have a scale per row, so that no row depends on those beside it in a batch."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

DOMAIN: Final = "com.microsoft"
_STEP: Final = "row_step"
_ZERO: Final = "row_zero"
_LEAST: Final = "row_least"


@dataclass(slots=True)
class RowProducts:
    """Writes them into one graph; values that several layers read are rounded once.

    ONNX Runtime's ``DynamicQuantizeMatMul`` takes one scale from the whole batch: a sentence's translation would change
    with its batch mates and their padding. Each row is divided by its largest magnitude first, so that the scale of all
    is the same constant; the product is multiplied by it again. That cost no time that could be measured.

    Attributes:
        rounded: Values that were rounded already.
    """

    rounded: set[str] = field(default_factory=set)

    def nodes(
        self, node: onnx.NodeProto, weight: tuple[str, str, str], bias: str | None, result: str
    ) -> list[onnx.NodeProto]:
        """The operators in place of a product.

        Args:
            node: The product in FP32.
            weight: Names of the matrix in integers, of its scales and of its zero points.
            bias: Name of what is added to the result.
            result: Name of the result.
        """
        values, name = node.input[0], node.name
        made = [] if values in self.rounded else self._rounding(values)
        self.rounded.add(values)
        product, scaled = f"{name}.integers", result if bias is None else f"{name}.scaled"
        inputs = [f"{values}.rounded", weight[0], _STEP, weight[1], _ZERO, weight[2]]
        made.append(helper.make_node("MatMulIntegerToFloat", inputs, [product], name, domain=DOMAIN))
        made.append(helper.make_node("Mul", [product, f"{values}.largest"], [scaled], f"{name}/Scale"))
        if bias is not None:
            made.append(helper.make_node("Add", [scaled, bias], [result], f"{name}/Bias"))
        return made

    def _rounding(self, values: str) -> list[onnx.NodeProto]:
        """From values to their rows' largest magnitudes and to integers from 1 to 255 around 128."""
        names = {part: f"{values}.{part}" for part in ("magnitudes", "peaks", "largest", "within", "rounded")}
        magnitudes, peaks, largest, within, rounded = names.values()
        return [
            helper.make_node("Abs", [values], [magnitudes], magnitudes),
            helper.make_node("ReduceMax", [magnitudes], [peaks], peaks, axes=[-1], keepdims=1),
            helper.make_node("Max", [peaks, _LEAST], [largest], largest),
            helper.make_node("Div", [values, largest], [within], within),
            helper.make_node("QuantizeLinear", [within, _STEP, _ZERO], [rounded], rounded),
        ]


def row_constants() -> dict[str, NDArray[Any]]:
    """The arrays that all of them use: the integers' step, their zero point, and the scale of a row of zeros."""
    return {
        _STEP: np.asarray(1 / 127, dtype=np.float32),
        _ZERO: np.asarray(128, dtype=np.uint8),
        _LEAST: np.asarray(1e-20, dtype=np.float32),
    }
