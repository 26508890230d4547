"""Torch functions become ONNX graphs."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import torch
from torch import Tensor, nn

OPSET = 18


def trace_graph(
    module: nn.Module,
    example: Sequence[Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> Any:
    """Trace a module that takes and returns tensors.

    Args:
        module: traced as it is, in one run.
        example: one tensor for each of `inputs`; the sizes of its free axes don't matter.
        inputs, outputs: names of the graph's tensors, in the module's order.
        axes: for tensors of free size, the names of those axes by their index.

    Returns:
        the ONNX model.
    """
    target = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        # The tracer is what can express a number of frames that depends on the data; it is marked
        # deprecated, and it warns of every branch on a traced value, none of which is taken here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(example),
            target,  # type: ignore[arg-type]  # files are taken too, with dynamo=False
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(free) for name, free in axes.items()},
            do_constant_folding=True,
        )
    return onnx.load_from_string(target.getvalue())
