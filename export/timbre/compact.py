"""A graph in less room: weights in half precision, and waves that the runtime makes itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FEWEST = 256  # numbers of a tensor that is worth it


def halve_weights(graph: Any) -> None:
    """Store float32 weights in half precision where that changes none of them.

    Runtimes make float32 of them once, when they load the file.

    Args:
        graph: an ONNX model, changed in place.
    """
    nodes, kept = [], []
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < FEWEST:
            kept.append(tensor)
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            kept.append(tensor)
            continue
        stored = f"{tensor.name}_half"
        kept.append(numpy_helper.from_array(half, stored))
        nodes.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(kept)
    _prepend(graph, nodes)


def make_waves(graph: Any, table: np.ndarray) -> None:
    """Replace a table of waves, sin(2 pi (n k / size + phase)) at places k, by what computes it.

    Runtimes compute it once, when they load the file.

    Args:
        graph: an ONNX model, changed in place.
        table: what is replaced, float32 `[waves, size]`.
    """
    name = _taken(graph, table)
    spectrum = np.fft.rfft(table.astype(np.float64))
    number = np.abs(spectrum).argmax(1)[:, None]
    phase = np.angle(np.take_along_axis(spectrum, number, 1)) / (2 * math.pi) + 0.25
    size = table.shape[1]
    given = {
        "number": number,
        "place": np.arange(size)[None],
        "whole": np.array(size),
        "size": np.array(size, np.float32),
        "phase": phase.astype(np.float32),
        "turn": np.array(2 * math.pi, np.float32),
    }
    steps = [("Mul", "number", "place"), ("Mod", "whole"), ("Cast",), ("Div", "size"),
             ("Add", "phase"), ("Mul", "turn"), ("Sin",)]  # fmt: skip
    nodes: list[Any] = []
    last: list[str] = []
    for at, (kind, *inputs) in enumerate(steps):
        made = name if at == len(steps) - 1 else f"{name}_{at}"
        wanted = [*last, *(f"{name}_{i}" for i in inputs)]
        more: dict[str, Any] = {"to": TensorProto.FLOAT} if kind == "Cast" else {}
        nodes.append(helper.make_node(kind, wanted, [made], **more))
        last = [made]
    graph.graph.initializer.extend(
        numpy_helper.from_array(value, f"{name}_{what}") for what, value in given.items()
    )
    _prepend(graph, nodes)


def _taken(graph: Any, values: np.ndarray) -> str:
    """The name of the constant or weight that holds some values, which is taken out."""
    for tensor in graph.graph.initializer:
        if np.array_equal(numpy_helper.to_array(tensor), values):
            graph.graph.initializer.remove(tensor)
            return str(tensor.name)
    for node in graph.graph.node:
        held = node.attribute[0].t if node.op_type == "Constant" else None
        if held is not None and np.array_equal(numpy_helper.to_array(held), values):
            graph.graph.node.remove(node)
            return str(node.output[0])
    raise AssertionError("the graph doesn't hold the table")


def _prepend(graph: Any, nodes: list[Any]) -> None:
    old = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend([*nodes, *old])
