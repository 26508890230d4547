"""Latents by descent: an autodecoder has no encoder; it improves the latent that a sound has.

The k-th step goes down the gradient of the loss with the rate `rate / k`. The network learns from
the loss before the last step, so that one backward pass gives both that step and the gradient of
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
        objective: from latents to the loss and its terms.
        start: latents `[rows, num_latent]`.
        steps: number of steps, at least 1.
        rate: of the first step.
        second_order: whether the gradient of the weights goes through the earlier steps, whose
            graphs are kept for that; with one step there is no difference.

    Returns:
        The latents, which have their `grad` after a backward pass, and the losses at them.
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
    """The latents after the last step, which follows the backward pass of the loss.

    Args:
        z: the latents from `descend`, with their `grad`.
        steps, rate: as in `descend`.

    Raises:
        ValueError: there was no backward pass.
    """
    if z.grad is None:
        raise ValueError("the loss has not been differentiated yet")
    return z.detach() - rate / steps * z.grad
