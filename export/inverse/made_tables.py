"""The matrices of hearing, which are tables of cosines: the runtime makes them when it loads the
file, which is a third as large without them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.onnx.edits import prepend, take_out
from synth.models.inverse.hearing import Hearing

CLOSE = 1e-5  # of a made number to the one that it replaces


def make_tables(graph: Any, hearing: Hearing) -> None:
    """Replace the matrices of hearing by what computes them.

    A matrix that is another table than this module knows stays as it is.

    Args:
        graph: an ONNX model, changed in place.
        hearing: whose matrices it holds.
    """
    transform, inverse = hearing.transform.numpy(), hearing.inverse.numpy()
    bins = transform.shape[1] // 2
    size = 2 * (bins - 1)
    rows, ends = np.arange(len(transform)), np.full(bins, 2.0)
    waves = _Table(rows, np.arange(bins), size, np.ones(len(rows)), np.ones(bins))
    if np.allclose(transform, np.concatenate([waves.cosines, waves.sines], 1), atol=CLOSE):
        waves.put(graph, transform, ("Cos", "Sin"))
    ends[0] = ends[-1] = 1.0
    back = _Table(np.arange(bins), np.arange(inverse.shape[1]), 2 * size, ends, inverse[0])
    if np.allclose(inverse, back.cosines, atol=CLOSE * float(np.abs(inverse).max())):
        back.put(graph, inverse, ("Cos",))


class _Table:
    """Cosines and sines of 2 pi row column / size, times a factor per row and one per column."""

    def __init__(
        self,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        size: int,
        by_row: NDArray[Any],
        by_column: NDArray[Any],
    ) -> None:
        self._rows, self._columns, self._size = rows[:, None], columns[None], size
        self._by_row = by_row[:, None].astype(np.float32)
        self._by_column = by_column[None].astype(np.float32)
        angle = self._rows * self._columns % size * (2 * math.pi / size)
        factor = self._by_row * self._by_column
        self.cosines, self.sines = factor * np.cos(angle), factor * np.sin(angle)

    def put(self, graph: Any, table: NDArray[Any], waves: tuple[str, ...]) -> None:
        """Compute a table, the waves side by side, in place of the one that the graph holds."""
        name = take_out(graph, table)
        if name is None:
            return
        given = {
            "rows": self._rows,
            "columns": self._columns,
            "size": np.array(self._size),
            "turn": np.array(2 * math.pi / self._size, np.float32),
            "by_row": self._by_row,
            "by_column": self._by_column,
        }
        graph.graph.initializer.extend(
            numpy_helper.from_array(value, f"{name}_{what}") for what, value in given.items()
        )
        steps = [
            ("Mul", ("rows", "columns"), "products"),
            ("Mod", ("products", "size"), "places"),
            ("Cast", ("places",), "floats"),
            ("Mul", ("floats", "turn"), "angles"),
            *((wave, ("angles",), wave) for wave in waves),
            ("Concat", waves, "waves"),
            ("Mul", ("waves", "by_row"), "weighed"),
            ("Mul", ("weighed", "by_column"), "table"),
        ]
        if len(waves) > 1:
            steps = steps[:-1]  # the columns of two waves side by side have no factor
        more: dict[str, dict[str, Any]] = {"Cast": {"to": TensorProto.FLOAT}, "Concat": {"axis": 1}}
        nodes = [
            helper.make_node(
                kind, [f"{name}_{i}" for i in inputs], [f"{name}_{made}"], **more.get(kind, {})
            )
            for kind, inputs, made in steps
        ]
        nodes[-1].output[0] = name
        prepend(graph.graph, nodes)
