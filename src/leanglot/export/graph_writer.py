"""Writes an ONNX graph operator by operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 17
_IR_VERSION: Final = 8  # the first with opset 17, so that older runtimes read it too
_INT64_MIN: Final = -(2**63) + 1

Shape = Sequence[int | str]


@dataclass(slots=True)
class GraphWriter:
    """A graph that grows; every method returns the name of what its operator answers.

    Attributes:
        name: Of the graph.
        weights: Arrays that it uses by name and does not hold.
    """

    name: str
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def input(self, name: str, kind: int, shape: Shape) -> str:
        """Declare an input."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(self, value: str, name: str, kind: int, shape: Shape) -> None:
        """Make a value an output, under another name: an operator that renamed it would copy it."""
        for node in self.nodes:
            for names in (node.input, node.output):
                for place, found in enumerate(names):
                    if found == value:
                        names[place] = name
        self.outputs.append(helper.make_tensor_value_info(name, kind, list(shape)))

    def weight(self, name: str, values: NDArray[Any]) -> str:
        """Use an array; one of the same name must be the same."""
        self.weights[name] = values
        return name

    def constant(self, values: NDArray[Any]) -> str:
        """A small array that the graph holds."""
        name = f"constant_{values.dtype}_{'x'.join(map(str, values.shape))}_{values.tobytes().hex()}"
        self.constants.setdefault(name, numpy_helper.from_array(values, name))
        return name

    def ints(self, *values: int) -> str:
        """A constant vector of INT64."""
        return self.constant(np.asarray(values, dtype=np.int64))

    def float(self, value: float) -> str:
        """A constant FP32 scalar."""
        return self.constant(np.asarray(value, dtype=np.float32))

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: object) -> str:
        """One operator with one output."""
        return self.ops(kind, 1, *inputs, name=name, **attributes)[0]

    def ops(self, kind: str, count: int, *inputs: str, name: str = "", **attributes: object) -> list[str]:
        """One operator with several outputs."""
        name = name or f"{kind}_{len(self.nodes)}"
        outputs = [f"{name}.{number}" for number in range(count)]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name, **_typed(attributes)))
        return outputs

    def dimension(self, value: str, axis: int) -> str:
        """One dimension of a value, as a vector of one."""
        shape = self.op("Shape", value)
        return self.op("Gather", shape, self.ints(axis), axis=0)

    def cut(self, value: str, start: str, end: str, axis: int) -> str:
        """A slice along an axis; `start` and `end` are vectors of one."""
        return self.op("Slice", value, start, end, self.ints(axis))

    def counting(self, start: str, end: str) -> str:
        """The numbers from one vector of one to another."""
        scalars = [self.op("Squeeze", bound, self.ints(0)) for bound in (start, end)]
        return self.op("Range", *scalars, self.constant(np.asarray(1, dtype=np.int64)))

    def model(self, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """The finished graph, without its weights."""
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, [*self.constants.values()])
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="leanglot", ir_version=_IR_VERSION
        )
        helper.set_model_props(model, dict(metadata))
        return model


def _typed(attributes: dict[str, object]) -> dict[str, Any]:
    return attributes


FLOAT: Final = TensorProto.FLOAT
INT64: Final = TensorProto.INT64
BOOL: Final = TensorProto.BOOL
