"""Drawing codes from logits, with one uniform number per sample.

The draw inverts the cumulative distribution, code 0 first, so whoever uses the same rule and the
same numbers (an exported graph, a compiled kernel) gets the same samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST_UNIFORM = 1.0 - 2.0**-23  # times a total it stays below that total in float32


def draw(
    logits: Tensor,
    uniform: Tensor,
    temperature: Tensor,
    top_k: Tensor | None = None,
    top_p: Tensor | None = None,
) -> Tensor:
    """One code per row.

    The logits are divided by the temperature, then all but the `top_k` most likely codes are left
    out, then all but the fewest that together have the probability `top_p`; codes as likely as the
    last one kept are kept too. Of the weights that remain, the first code whose cumulative sum
    exceeds `uniform` times their total is taken.

    Args:
        logits: `[rows, levels]`; uniform: `[rows]`, 0 <= u < 1.
        temperature: `[rows]`, >= 0; 0 takes the most likely code.
        top_k: int64 `[rows]`, 0 is off; None is off for all.
        top_p: `[rows]`, 0 … 1, 1 is off; None is off for all.

    Returns:
        int64 `[rows]`.
    """
    warm = temperature > 0
    divisor = torch.where(warm, temperature, 1.0)[:, None]
    weights = torch.exp((logits - logits.amax(1, keepdim=True)) / divisor)
    if top_k is not None:
        weights = torch.where(weights >= _kth_largest(weights, top_k), weights, 0.0)
    if top_p is not None:
        weights = torch.where(weights >= _nucleus(weights, top_p), weights, 0.0)
    total = torch.cumsum(weights, 1)
    target = uniform.clamp(max=LARGEST_UNIFORM)[:, None] * total[:, -1:]
    drawn = (total <= target).sum(1)
    return torch.where(warm, drawn, logits.argmax(1))


def _kth_largest(weights: Tensor, k: Tensor) -> Tensor:
    """The smallest weight to keep, `[rows, 1]`: that of rank k, or 0 where k is 0."""
    ranked = torch.sort(weights, 1, descending=True).values
    index = (k - 1).clamp(0, weights.shape[1] - 1)[:, None]
    return torch.where(k[:, None] > 0, torch.gather(ranked, 1, index), 0.0)


def _nucleus(weights: Tensor, p: Tensor) -> Tensor:
    """The smallest weight to keep, `[rows, 1]`: the first with which the sum reaches p."""
    ranked = torch.sort(weights, 1, descending=True).values
    total = torch.cumsum(ranked, 1)
    before = total - ranked
    last = (before < p[:, None] * total[:, -1:]).sum(1, keepdim=True) - 1
    smallest = torch.gather(ranked, 1, last.clamp(min=0))
    return torch.where(p[:, None] < 1, smallest, 0.0)
