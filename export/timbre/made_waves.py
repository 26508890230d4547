"""A graph in less room: waves that the runtime makes itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from export.onnx.edits import prepend, take_out


def make_waves(graph: Any, table: np.ndarray) -> None:
    """Replace a table of waves, sin(2 pi (n k / size + phase)) at places k, by what computes it.

    Runtimes compute it once, when they load the file.

    Args:
        graph: an ONNX model, changed in place.
        table: what is replaced, float32 `[waves, size]`.
    """
    name = take_out(graph, table)
    if name is None:
        raise AssertionError("the graph doesn't hold the table")
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
    prepend(graph.graph, nodes)
