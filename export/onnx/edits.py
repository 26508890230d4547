"""Changes of a graph that was traced."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import numpy_helper


def prepend(graph: Any, nodes: list[Any]) -> None:
    """Put nodes before all others of a graph (a `GraphProto`), which is changed in place."""
    old = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *old])


def take_out(graph: Any, values: np.ndarray) -> str | None:
    """Take a constant or weight out of a model's graph.

    Args:
        graph: an ONNX model, changed in place.
        values: that it holds.

    Returns:
        its name, for what computes it instead; None if the graph doesn't hold it.
    """
    for tensor in graph.graph.initializer:
        if np.array_equal(numpy_helper.to_array(tensor), values):
            graph.graph.initializer.remove(tensor)
            return str(tensor.name)
    for node in graph.graph.node:
        held = node.attribute[0].t if node.op_type == "Constant" else None
        if held is not None and np.array_equal(numpy_helper.to_array(held), values):
            graph.graph.node.remove(node)
            return str(node.output[0])
    return None
