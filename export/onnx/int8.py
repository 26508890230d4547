"""Weights of a graph as int8, where the model says that a product is one of integers.

Such a product is a `MatMul` whose left side is rounded (`QuantizeLinear`, `DequantizeLinear`). Its
weights, already rounded to 255 steps per column, become integers with a scale per column. The
graph means the same as before; runtimes that know integer products use them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

STEPS = 127


def integer_weights(nodes: list[Any], weights: list[Any]) -> tuple[list[Any], list[Any]]:
    """Turn weights into integers where the graph says that a product is one of integers.

    Args:
        nodes, weights: of one graph; inputs of the nodes are renamed in place.

    Returns:
        the new nodes and weights.
    """
    values = {tensor.name: tensor for tensor in weights}
    rounded = {o for n in nodes if n.op_type == "DequantizeLinear" for o in n.output}
    changed: list[Any] = []
    for node in nodes:
        if node.op_type == "MatMul" and node.input[0] in rounded and node.input[1] in values:
            name = node.input[1]
            for tensor in _as_int8(numpy_helper.to_array(values.pop(name)), name):
                values[tensor.name] = tensor
            given = [f"{name}_{what}" for what in ("integers", "scale", "zero")]
            changed.append(helper.make_node("DequantizeLinear", given, [f"{name}_real"], axis=1))
            node.input[1] = f"{name}_real"
        changed.append(node)
    return changed, list(values.values())


def _as_int8(matrix: np.ndarray, name: str) -> list[Any]:
    scale = (np.maximum(np.abs(matrix).max(0), 1e-12) / STEPS).astype(np.float32)
    integers = np.round(matrix / scale).astype(np.int8)
    zero = np.zeros(len(scale), np.int8)
    return [
        numpy_helper.from_array(value, f"{name}_{what}")
        for what, value in (("integers", integers), ("scale", scale), ("zero", zero))
    ]
