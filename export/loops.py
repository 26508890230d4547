"""Graphs with loops: pure functions of named tensors are traced one by one and put together.

The tracer of torch unrolls a loop; here each part is traced once and becomes the body of an ONNX
`Loop`, so that a weight stands in the file, and in the cache of the processor, once.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

OPSET = 18
Function = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
_TYPES = {
    torch.float32: TensorProto.FLOAT,
    torch.int64: TensorProto.INT64,
    torch.bool: TensorProto.BOOL,
}


@dataclass
class Body:
    """A graph in the making: nodes in order, and the weights they use."""

    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)

    def add(
        self, op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> None:
        """Append a node."""
        self.nodes.append(helper.make_node(op, list(inputs), list(outputs), **attributes))

    def constant(self, name: str, value: Any) -> str:
        """A weight with the given value; returns its name."""
        self.weights.append(onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def include(self, other: Body) -> None:
        """Append what another body does."""
        self.nodes += other.nodes
        self.weights += other.weights

    def loop(
        self,
        name: str,
        count: str,
        body: Body,
        carried: Mapping[str, tuple[str, str, str]],
        types: Mapping[str, Any],
        scanned: tuple[str, str],
    ) -> None:
        """Append a loop.

        Args:
            name: `name_i` is the counter, an int64 scalar, inside `body`; count: how often.
            carried: per tensor its name before the loop, its name at the start of a round, its
                name at the end of a round; after the loop it has the name `<key>` of the mapping.
            types: element type per key.
            scanned: name inside the body, and name outside, of what the rounds make, stacked along
                a new first axis.
        """
        body.add("Identity", [f"{name}_on"], [f"{name}_still_on"])
        value = helper.make_tensor_value_info
        inputs = [
            value(f"{name}_i", TensorProto.INT64, []),
            value(f"{name}_on", TensorProto.BOOL, []),
        ]
        inputs += [value(start, types[key], None) for key, (_, start, _) in carried.items()]
        outputs = [value(f"{name}_still_on", TensorProto.BOOL, [])]
        outputs += [value(end, types[key], None) for key, (_, _, end) in carried.items()]
        outputs.append(value(scanned[0], TensorProto.INT64, None))
        graph = helper.make_graph(body.nodes, name, inputs, outputs, body.weights)
        given = [count, "", *(before for before, _, _ in carried.values())]
        self.nodes.append(helper.make_node("Loop", given, [*carried, scanned[1]], body=graph))

    def either(self, condition: str, then: Body, otherwise: Body, output: str, kind: Any) -> None:
        """Append a choice between two bodies, which both make `output` under the names
        `then_<output>` and `else_<output>`."""
        value = helper.make_tensor_value_info
        graphs = [
            helper.make_graph(b.nodes, p, [], [value(f"{p}_{output}", kind, None)], b.weights)
            for p, b in (("then", then), ("else", otherwise))
        ]
        self.nodes.append(
            helper.make_node(
                "If", [condition], [output], then_branch=graphs[0], else_branch=graphs[1]
            )
        )


class _Named(nn.Module):
    def __init__(self, function: Function, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        super().__init__()
        self.function, self.inputs, self.outputs = function, inputs, outputs

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        made = self.function(dict(zip(self.inputs, tensors, strict=True)))
        return tuple(made[name] for name in self.outputs)


def part(
    prefix: str,
    function: Function,
    example: Mapping[str, Tensor],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    axes: Mapping[str, Mapping[int, str]],
) -> Body:
    """Trace a function.

    Args:
        prefix: of the names of all tensors inside; example: its inputs, by key.
        inputs, outputs: name in the graph of every key that is taken and given.
        axes: per key of an input, the axes that are free; of others it is the first.

    Returns:
        the nodes and weights.
    """
    target = io.BytesIO()
    tensors = tuple(example[key] for key in inputs)
    free = {key: dict(axes.get(key, {0: "voices"})) for key, t in example.items() if t.dim()}
    with warnings.catch_warnings(), torch.inference_mode():
        # As in `export.graph`: the tracer is marked deprecated, and warns of branches not taken.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Named(function, list(inputs), list(outputs)),
            tensors,
            target,  # type: ignore[arg-type]  # files are taken too, with dynamo=False
            dynamo=False,
            opset_version=OPSET,
            input_names=[f"in_{key}" for key in inputs],
            output_names=[f"out_{key}" for key in outputs],
            dynamic_axes={f"in_{key}": free[key] for key in inputs if key in free},
            do_constant_folding=True,
        )
    graph = onnx.load_from_string(target.getvalue()).graph
    names = {f"in_{key}": name for key, name in inputs.items()}
    names |= {f"out_{key}": name for key, name in outputs.items()}
    _rename(graph, prefix, names)
    body = Body([], list(graph.initializer))
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = node.attribute[0].t
            tensor.name = node.output[0]
            body.weights.append(tensor)
        else:
            body.nodes.append(node)
    return body


def element_type(tensor: Tensor) -> Any:
    """ONNX's element type of a tensor."""
    return _TYPES[tensor.dtype]


def _rename(graph: Any, prefix: str, names: Mapping[str, str]) -> None:
    def new(name: str) -> str:
        return names.get(name, f"{prefix}{name}") if name else name

    for tensor in graph.initializer:
        tensor.name = new(tensor.name)
    for node in graph.node:
        node.name = ""  # names of nodes need not be there, but may not come twice
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
