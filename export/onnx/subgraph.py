"""Graphs with loops: pure functions of named tensors are traced one by one and put together.

The tracer of torch unrolls loops. Here each part is traced once and becomes the body of an ONNX
`Loop` or `Scan`, so that a weight stands in the file, and in the cache of the processor, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from export.onnx.tracing import trace_graph

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
        """Append a node.

        Args:
            op: ONNX operator.
            inputs, outputs: names of tensors.
            attributes: of the node.
        """
        self.nodes.append(helper.make_node(op, list(inputs), list(outputs), **attributes))

    def constant(self, name: str, value: Any) -> str:
        """Add a weight.

        Args:
            name: of the tensor, unique in the graph.
            value: array or number.

        Returns:
            the name.
        """
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
        scanned: tuple[str, str] | None = None,
    ) -> None:
        """Append a loop.

        Args:
            name: of the loop; `name_i`, an int64 scalar, counts the rounds inside `body`.
            count: name of an int64 scalar, the number of rounds.
            body: the nodes of a round.
            carried: per tensor its name before the loop, its name at the start of a round, its
                name at the end of a round; after the loop it has the name `<key>` of the mapping.
            types: element type per key.
            scanned: name inside the body, and name outside, of what the rounds make, stacked along
                a new first axis; None: nothing is kept.
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
        if scanned is not None:
            outputs.append(value(scanned[0], TensorProto.INT64, None))
        graph = helper.make_graph(body.nodes, name, inputs, outputs, body.weights)
        given = [count, "", *(before for before, _, _ in carried.values())]
        made = [*carried, *([scanned[1]] if scanned is not None else [])]
        self.nodes.append(helper.make_node("Loop", given, made, body=graph))

    def scan(
        self,
        body: Body,
        state: tuple[str, str, str, str],
        taken: Sequence[tuple[str, str, int]],
        made: tuple[str, str],
        sizes: tuple[int, int],
    ) -> None:
        """Append a loop over slices, which costs less per round than `loop`: slices are cut and
        stacked by the runtime, not by nodes.

        Args:
            body: the nodes of a round.
            state: name of the one tensor carried along, int64 `[voices, size]`, before the loop, at
                the start of a round, at its end, and after the loop.
            taken: per float32 tensor its name, that of its slice inside, and the axis it is cut
                along.
            made: name inside the body, and name outside, of what the rounds make, int64
                `[voices, size]`, stacked along a new first axis.
            sizes: of `state` and of what is made.
        """
        value = helper.make_tensor_value_info
        before, start, end, after = state
        shapes: list[list[str | int | None]] = [["voices", size] for size in sizes]
        inputs = [value(start, TensorProto.INT64, shapes[0])]
        inputs += [value(inside, TensorProto.FLOAT, None) for _, inside, _ in taken]
        outputs = [
            value(name, TensorProto.INT64, shape)
            for name, shape in zip((end, made[0]), shapes, strict=True)
        ]
        self.nodes.append(
            helper.make_node(
                "Scan",
                [before, *(outside for outside, _, _ in taken)],
                [after, made[1]],
                body=helper.make_graph(body.nodes, after, inputs, outputs, body.weights),
                num_scan_inputs=len(taken),
                scan_input_axes=[axis for _, _, axis in taken],
            )
        )

    def either(
        self,
        condition: str,
        then: tuple[Body, Sequence[str]],
        otherwise: tuple[Body, Sequence[str]],
        outputs: Mapping[str, Any],
    ) -> None:
        """Append a choice between two bodies.

        Args:
            condition: name of a bool scalar.
            then, otherwise: a body and the names of what it makes, in the order of `outputs`.
            outputs: element type of each result, by its name outside.
        """
        value = helper.make_tensor_value_info
        graphs = [
            helper.make_graph(
                body.nodes,
                branch,
                [],
                [value(n, kind, None) for n, kind in zip(made, outputs.values(), strict=True)],
                body.weights,
            )
            for branch, (body, made) in (("then", then), ("else", otherwise))
        ]
        self.nodes.append(
            helper.make_node(
                "If", [condition], list(outputs), then_branch=graphs[0], else_branch=graphs[1]
            )
        )

    def share_weights(self) -> None:
        """Keep weights that are equal only once. A graph whose functions use one twice has two."""
        names: dict[str, str] = {}
        kept: dict[bytes, Any] = {}
        for weight in self.weights:
            values = onnx.numpy_helper.to_array(weight)
            content = f"{weight.data_type} {values.shape}".encode() + values.tobytes()
            names[weight.name] = kept.setdefault(content, weight).name
        self.weights = list(kept.values())
        for node in self.nodes:
            node.input[:] = [names.get(name, name) for name in node.input]


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
        prefix: of the names of all tensors inside.
        function: from tensors to tensors by key; keeps nothing between two calls.
        example: its inputs, by key.
        inputs, outputs: name in the graph of every key that is taken and given.
        axes: per key of an input, the axes that are free; of others it is the first.

    Returns:
        the nodes and weights.
    """
    free = {f"in_{key}": axes.get(key, {0: "voices"}) for key in inputs if example[key].dim()}
    traced = trace_graph(
        _Named(function, list(inputs), list(outputs)),
        [example[key] for key in inputs],
        [f"in_{key}" for key in inputs],
        [f"out_{key}" for key in outputs],
        free,
    )
    graph = traced.graph
    names = {f"in_{key}": name for key, name in inputs.items()}
    names |= {f"out_{key}": name for key, name in outputs.items()}
    _rename(graph, prefix, names)
    return Body(*_constants_as_weights(graph))


def _constants_as_weights(graph: Any) -> tuple[list[Any], list[Any]]:
    """Nodes and weights of a graph, in which no node is a constant."""
    nodes, weights = [], list(graph.initializer)
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = node.attribute[0].t
            tensor.name = node.output[0]
            weights.append(tensor)
        else:
            nodes.append(node)
    return nodes, weights


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
