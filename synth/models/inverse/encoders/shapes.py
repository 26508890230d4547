"""Shapes found by a dry run."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def dry_run(module: nn.Module, shape: Sequence[int]) -> tuple[int, ...]:
    """The shape that a module makes of one input, without computing anything.

    Args:
        module: its weights and statistics aren't touched.
        shape: of the input, without the batch.

    Returns:
        of the output, without the batch.
    """
    trained = module.training
    held = dict(module.named_parameters()) | dict(module.named_buffers())
    weights = {name: tensor.to("meta") for name, tensor in held.items()}
    try:
        example = torch.empty(1, *shape, device="meta")
        made = torch.func.functional_call(module.eval(), weights, (example,))
    finally:
        module.train(trained)
    return tuple(made.shape[1:])
