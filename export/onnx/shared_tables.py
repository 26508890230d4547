"""Tables of weights that stand in a graph once, however many graphs inside it use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx


def share_tables(graph: Any) -> None:
    """Move tables that rows are gathered from out of the graphs inside `graph`, equal ones once.

    Weights of products stay where they are: the runtime packs them only there.

    Args:
        graph: an ONNX `GraphProto`, changed in place.
    """
    kept: dict[bytes, str] = {}
    _take_tables(graph, {}, kept, graph)


def _take_tables(
    graph: Any, outer: Mapping[str, str], kept: dict[bytes, str], outermost: Any
) -> None:
    names, looked_up = dict(outer), {n.input[0] for n in graph.node if n.op_type == "Gather"}
    for tensor in [t for t in graph.initializer if t.name in looked_up]:
        values = onnx.numpy_helper.to_array(tensor)  # however they are stored
        content = f"{tensor.data_type} {tensor.dims}".encode() + values.tobytes()
        if content not in kept:
            kept[content] = tensor.name
            if graph is not outermost:
                outermost.initializer.append(tensor)
        if graph is not outermost or kept[content] != tensor.name:
            graph.initializer.remove(tensor)
        names[tensor.name] = kept[content]
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _take_tables(attribute.g, names, kept, outermost)
