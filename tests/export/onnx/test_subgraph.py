"""Graphs with graphs inside: tables that rows are gathered from stand in them once."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.reference
import pytest
from onnx import TensorProto, helper

from export.onnx.shared_tables import share_tables
from export.onnx.subgraph import Body


def _branch(name: str, table: onnx.TensorProto) -> Body:
    table.name = f"{name}_table"
    return Body([helper.make_node("Gather", [table.name, "row"], [f"{name}_out"])], [table])


def _tensor(values: list[float], raw: bool) -> onnx.TensorProto:
    array = np.array(values, np.float32)
    if raw:
        return onnx.numpy_helper.from_array(array)
    return helper.make_tensor("t", TensorProto.FLOAT, array.shape, array.tolist())


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(("other", "tables"), [([1.0, 2.0], 1), ([1.0, 3.0], 2)])
def test_equal_tables_are_kept_once_and_others_are_not_mixed_up(
    raw: bool, other: list[float], tables: int
) -> None:
    """However values are stored: as bytes or as a list of numbers."""
    main = Body()
    branches = [_branch("a", _tensor([1.0, 2.0], raw)), _branch("b", _tensor(other, raw))]
    main.either(
        "which",
        (branches[0], ["a_out"]),
        (branches[1], ["b_out"]),
        {"out": TensorProto.FLOAT},
    )
    value = helper.make_tensor_value_info
    inputs = [value("which", TensorProto.BOOL, []), value("row", TensorProto.INT64, [])]
    outputs = [value("out", TensorProto.FLOAT, [])]
    graph = helper.make_graph(main.nodes, "g", inputs, outputs, main.weights)
    share_tables(graph)
    assert len(graph.initializer) == tables
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    runner = onnx.reference.ReferenceEvaluator(model)
    for which, wanted in ((True, 2.0), (False, other[1])):
        (found,) = runner.run(None, {"which": np.array(which), "row": np.array(1)})
        assert found == wanted
