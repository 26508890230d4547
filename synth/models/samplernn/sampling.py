"""Drawing codes from logits, with one uniform number per sample.

The draw inverts the cumulative distribution, code 0 first, so whoever uses the same rule and the
same numbers (an exported graph, a compiled kernel) gets the same samples.

The rule is written twice. `draw` is that of takes: any temperature, top-k and top-p, exact at
temperature 0. `keep_top` and `pick` are that of an instrument, whose graph runs them at every
sample: normalised by the one operator that there is for it, and without what a control can't ask
for (top-p). With each the other would make other samples of the same numbers wherever one lies
within rounding of a border.
"""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST_UNIFORM = 1.0 - 2.0**-23  # times a total it stays below that total in float32
LARGEST_PICKED = 1.0 - 1e-6  # below the sum of all probabilities, rounding included
SHARPEST = (
    1e6  # stands for temperature 0: only codes within 1e-5 of the largest logit have a chance
)
OUT_OF_REACH = -1e9  # a logit that is never drawn


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
        logits: `[rows, levels]`.
        uniform: `[rows]`, 0 <= u < 1.
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
        kept = (top_k[:, None] == 0) | (weights >= _kth_largest(weights, top_k[:, None]))
        weights = torch.where(kept, weights, 0.0)
    if top_p is not None:
        weights = torch.where(weights >= _nucleus(weights, top_p), weights, 0.0)
    total = torch.cumsum(weights, 1)
    target = uniform.clamp(max=LARGEST_UNIFORM)[:, None] * total[:, -1:]
    drawn = (total <= target).sum(1)
    return torch.where(warm, drawn, logits.argmax(1))


def keep_top(logits: Tensor, top_k: Tensor) -> Tensor:
    """Logits with all but the most likely codes out of reach.

    Args:
        logits: `[rows, levels]`.
        top_k: int64 `[rows, 1]`, how many codes are kept (ties with the last one too); 0 is all.
    """
    out = (top_k > 0) & (logits < _kth_largest(logits, top_k))
    return logits.masked_fill(out, OUT_OF_REACH)


def pick(logits: Tensor, sharpness: Tensor, uniform: Tensor) -> Tensor:
    """Draw int64 `[rows, 1]`: the first code whose cumulative probability exceeds `uniform`.

    Args:
        logits: `[rows, levels]`.
        sharpness: `[rows, 1]`, one over the temperature, at most `SHARPEST`.
        uniform: `[rows, 1]`, 0 … `LARGEST_PICKED`.
    """
    total = torch.cumsum(torch.softmax(logits * sharpness, 1), 1)
    # Counted in float32: onnxruntime adds integers one by one.
    return (total <= uniform).float().sum(1, keepdim=True).long()


def _kth_largest(values: Tensor, k: Tensor) -> Tensor:
    """The value of rank `k` `[rows, 1]` of each row, `[rows, 1]`; of rank 1 where k is 0."""
    ranked = torch.sort(values, 1, descending=True).values
    return torch.gather(ranked, 1, (k - 1).clamp(0, values.shape[1] - 1))


def _nucleus(weights: Tensor, p: Tensor) -> Tensor:
    """The smallest weight to keep, `[rows, 1]`: the first with which the sum reaches p."""
    ranked = torch.sort(weights, 1, descending=True).values
    total = torch.cumsum(ranked, 1)
    before = total - ranked
    last = (before < p[:, None] * total[:, -1:]).sum(1, keepdim=True) - 1
    smallest = torch.gather(ranked, 1, last.clamp(min=0))
    return torch.where(p[:, None] < 1, smallest, 0.0)
