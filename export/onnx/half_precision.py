"""Weights of a graph in half precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from export.onnx.edits import prepend

FEWEST = 256  # numbers of a tensor that is worth it


def halve_weights(graph: Any, *, rounded: bool = False) -> None:
    """Store float32 weights in half precision where that changes none of them.

    Runtimes make float32 of them once, when they load the file.

    Args:
        graph: an ONNX model, changed in place.
        rounded: whether weights that it does change are rounded, as long as they stay finite.
    """
    _halve(graph.graph, rounded)


def _halve(graph: Any, rounded: bool) -> None:
    """The same in a graph and those inside it: runtimes pack weights only where they are used."""
    nodes, kept = [], []
    for tensor in graph.initializer:
        half = _halved(numpy_helper.to_array(tensor), rounded)
        if half is None:
            kept.append(tensor)
            continue
        stored = f"{tensor.name}_half"
        kept.append(numpy_helper.from_array(half, stored))
        nodes.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    prepend(graph, nodes)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _halve(attribute.g, rounded)


def _halved(values: np.ndarray, rounded: bool) -> np.ndarray | None:
    """Weights in half precision, or None if they stay as they are."""
    if values.dtype != np.float32 or values.size < FEWEST:
        return None
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    same = np.array_equal(half.astype(np.float32), values)
    return half if same or (rounded and np.isfinite(half).all()) else None
