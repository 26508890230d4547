"""Squared error with little memory: points forwards and backwards piece by piece.

Points don't depend on each other. Where their squared error is all that is asked for, a piece can
go back as soon as it is there, while all layers of it are still in the cache; what a whole batch
would keep, two numbers per unit, layer and point, is never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from synth.models.inr import INR, CoordinateNetwork, Folded

PIECE = 4096  # points: as many as weights are multiplied with efficiently


def squared_error(model: INR, z: Tensor, t: Tensor, target: Tensor) -> Tensor:
    """The mean over the batch of the sum over points of (model(z, t) - target)².

    Differentiable once, by latents and weights.

    Args:
        model: of an architecture that time is an input of.
        z: `[batch, num_latent]`; t, target: `[batch, points]`.
    """
    network = cast(CoordinateNetwork, model.decoder)
    folded = network.fold(network.modulate(z))
    tensors = [tensor for part in folded for tensor in part if tensor is not None]
    return _squared_error(network, t, target, *tensors)


class _SquaredError(torch.autograd.Function):
    """The error of folded layers, whose gradients are found on the way."""

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
    """Items and points of each piece."""
    batch, points = t.shape
    together = max(1, PIECE // points)
    for item in range(0, batch, together):
        for point in range(0, points, PIECE):
            yield slice(item, item + together), slice(point, point + PIECE)


def _layers(network: CoordinateNetwork, tensors: Sequence[Tensor]) -> list[Folded]:
    """Folded layers out of their tensors."""
    rest = iter(tensors)
    return [
        Folded(next(rest), next(rest), next(rest) if layer.config.time else None)
        for layer in network.conditional
    ]
