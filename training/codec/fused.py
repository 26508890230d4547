"""Activations with few passes through memory, together with the silence before a convolution.

ELU and leaky ReLU are written behind the silence at once, and need no input for their gradient.
Snake, a dozen passes in eager torch, is one kernel each way, which torch.compile makes at the first
call (some seconds, cached on disk).
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.nn import Snake


@functools.cache
def has_compiler() -> bool:
    """Whether there is a C++ compiler, which torch.compile needs on a CPU."""
    return any(shutil.which(name) for name in ("c++", "g++", "clang++"))


def can_fuse(module: nn.Module) -> bool:
    """Whether `activate` can compute this activation on this machine."""
    if isinstance(module, Snake):
        return has_compiler()
    return isinstance(module, nn.LeakyReLU) or (isinstance(module, nn.ELU) and module.alpha == 1)


def activate(module: nn.Module, x: Tensor, silence: int) -> Tensor:
    """An activation with silence in front of each clip.

    Args:
        module: an activation that `can_fuse` accepts.
        x: `[batch, samples, channels]`.
        silence: number of zeros in front of each clip, at least 0.

    Returns:
        `[batch, silence + samples, channels]`.
    """
    if isinstance(module, Snake):
        y = _fused_snake(x, module.alpha[:, 0])
        return F.pad(y, (0, 0, silence, 0)) if silence else y
    below = module.negative_slope if isinstance(module, nn.LeakyReLU) else None
    return _padded_bend(x, below, silence)


def snake_value(x: Tensor, alpha: Tensor) -> Tensor:
    """y = x + sin²(αx)/α; x `[batch, samples, channels]`, alpha `[channels]`."""
    wave = torch.sin(alpha * x)
    return x + wave * wave * (1 / (alpha + 1e-6))


def snake_slopes(x: Tensor, y: Tensor, alpha: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients by x and by alpha, given that by y (`slope`).

    dy/dx = 1 + sin(2αx); dy/dα = (x sin(2αx) - sin²(αx)/α)/α, where sin²(αx)/α is y - x: one sine.
    """
    inverse = 1 / (alpha + 1e-6)
    wave = torch.sin(2 * alpha * x)
    by_alpha = (slope * (x * wave - (y - x))).sum((0, 1)) * inverse
    return slope + slope * wave * (alpha * inverse), by_alpha


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(function, dynamic=True)


class FusedSnake(torch.autograd.Function):
    """`snake_value` with `snake_slopes` as its gradient, both compiled."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: Tensor) -> Tensor:
        # Detached: of a view the compiler would inspect the base at each call.
        x, alpha = x.detach(), alpha.detach()
        y = cast(Tensor, _compiled(snake_value)(x, alpha))
        ctx.save_for_backward(x, y, alpha)
        return y

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor]:
        x, y, alpha = ctx.saved_tensors
        slope = slopes[0].detach().contiguous()
        return cast(tuple[Tensor, Tensor], _compiled(snake_slopes)(x, y.detach(), alpha, slope))


class PaddedBend(torch.autograd.Function):
    """ELU (`below` None) or leaky ReLU of slope `below`, written behind its silence at once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, below: float | None, silence: int) -> Tensor:
        batch, samples, channels = x.shape
        y = x.new_empty(batch, silence + samples, channels)
        y[:, :silence] = 0
        if below is None:
            torch.ops.aten.elu.out(x, out=y[:, silence:])
        else:
            torch.ops.aten.leaky_relu.out(x, below, out=y[:, silence:])
        ctx.save_for_backward(y)
        ctx.below, ctx.silence = below, silence
        return y

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        # The slope of both curves follows from their value, so x is not needed.
        y, slope = ctx.saved_tensors[0][:, ctx.silence :], slopes[0][:, ctx.silence :]
        if ctx.below is None:
            by_x = torch.ops.aten.elu_backward(slope, 1.0, 1.0, 1.0, True, y)
        else:
            by_x = torch.ops.aten.leaky_relu_backward(slope, y, ctx.below, True)
        return by_x, None, None


_fused_snake = cast(Callable[[Tensor, Tensor], Tensor], FusedSnake.apply)
_padded_bend = cast(Callable[[Tensor, float | None, int], Tensor], PaddedBend.apply)
