"""Squared error with little memory: forward and backward pass of the points piece by piece.

Points don't depend on each other. If their squared error is the whole loss, a piece can go through
its backward pass at once, while all of its layers are still in the cache; the two numbers per unit,
layer and point that a whole batch would keep are never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from synth.models.inr import INR, CoordinateNetwork, Folded

PIECE = 4096  # points: enough for efficient products with the weights


def squared_error(model: INR, z: Tensor, t: Tensor, target: Tensor) -> Tensor:
    """The mean over the batch of the sum over points of (model(z, t) - target)².

    It can be differentiated once, by latents and weights.

    Args:
        model: of an architecture with time as an input.
        z: latents, `[batch, num_latent]`.
        t: coordinates, `[batch, points]`; target: amplitudes there.
    """
    network = cast(CoordinateNetwork, model.decoder)
    folded = network.fold(network.modulate(z))
    tensors = [tensor for part in folded for tensor in part if tensor is not None]
    return _squared_error(network, t, target, *tensors)


class _SquaredError(torch.autograd.Function):
    """The error of folded layers, whose gradients are computed in the forward pass."""

    @staticmethod
    def forward(
        ctx: Any, network: CoordinateNetwork, t: Tensor, target: Tensor, *tensors: Tensor
    ) -> Tensor:
        branches = network.config.branches
        by_item = [x.view(branches, -1, *x.shape[1:]) for x in tensors]
        slopes = [torch.zeros_like(x) for x in by_item]
        total = torch.zeros((), dtype=target.dtype, device=target.device)
        for items, points in _pieces(t):
            leaves = [x[:, items].flatten(0, 1).detach().requires_grad_() for x in by_item]
            with torch.enable_grad():
                made = network.run(t[items, points], _layers(network, leaves))
            error = made.detach().to(target.dtype) - target[items, points]
            total += error.square().sum() / len(t)
            found = torch.autograd.grad(made, leaves, (error * (2 / len(t))).to(made.dtype))
            for slope, part in zip(slopes, found, strict=True):
                slope[:, items] += part.view(branches, -1, *part.shape[1:])
        ctx.save_for_backward(*(slope.flatten(0, 1) for slope in slopes))
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, *(slope * found for found in ctx.saved_tensors)


_squared_error = cast(Callable[..., Tensor], _SquaredError.apply)


def _pieces(t: Tensor) -> Iterator[tuple[slice, slice]]:
    """The items and the points of each piece."""
    batch, points = t.shape
    together = max(1, PIECE // points)
    for item in range(0, batch, together):
        for point in range(0, points, PIECE):
            yield slice(item, item + together), slice(point, point + PIECE)


def _layers(network: CoordinateNetwork, tensors: Sequence[Tensor]) -> list[Folded]:
    """The folded layers, made of their tensors."""
    rest = iter(tensors)
    return [
        Folded(next(rest), next(rest), next(rest) if layer.config.time else None)
        for layer in network.conditional
    ]
