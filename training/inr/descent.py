"""Latents by descent: an autodecoder has no encoder, it walks downhill from where a sound was.

The k-th of the steps goes `rate / k` down the slope of the loss. What the network then learns from
is the loss before the last step, so that one backward pass gives both that step and the slope of
the weights.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Losses = tuple[Tensor, dict[str, Tensor]]


def descend(
    objective: Callable[[Tensor], Losses],
    start: Tensor,
    *,
    steps: int,
    rate: float,
    second_order: bool,
) -> tuple[Tensor, Losses]:
    """All steps but the last one.

    Args:
        objective: latents -> loss and its terms.
        start: latents `[rows, num_latent]`.
        steps: at least 1; rate: of the first.
        second_order: how earlier steps depend on the weights counts too, for which their graphs
            are kept; with one step there is no difference.

    Returns:
        The latents, whose `grad` will be there after a backward pass, and the losses at them.
    """
    z = start.detach().clone().requires_grad_()
    for k in range(1, steps):
        total, _ = objective(z)
        (slope,) = torch.autograd.grad(total, z, create_graph=second_order)
        z = z - rate / k * slope
        if not second_order:
            z = z.detach().requires_grad_()
    z.retain_grad()
    return z, objective(z)


def last_step(z: Tensor, *, steps: int, rate: float) -> Tensor:
    """The latents after the last step, when the loss that `descend` gave has been gone back."""
    if z.grad is None:
        raise ValueError("the loss has not been differentiated yet")
    return z.detach() - rate / steps * z.grad
