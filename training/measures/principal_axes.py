"""Principal axes of latent vectors and how far the vectors reach along them."""

from __future__ import annotations

import torch
from torch import Tensor


def principal_axes(vectors: Tensor) -> dict[str, Tensor]:
    """Mean, principal axes and ranges of vectors.

    Args:
        vectors: `[count, dim]`, count >= 1.

    Returns:
        `mean` `[dim]`; `axes` `[dim, dim]`, orthonormal rows, largest variance first, each with its
        largest element positive; `low`, `high` `[dim]`, 1st and 99th percentile along each axis.
    """
    data = vectors.double()
    mean = data.mean(0)
    centred = data - mean
    covariance = centred.t() @ centred / max(1, len(data) - 1)
    _, columns = torch.linalg.eigh(covariance)
    axes = columns.flip(1).t()
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    axes = axes * torch.where(largest < 0, -1.0, 1.0)
    ranges = torch.quantile(_thinned(centred @ axes.t()), torch.tensor([0.01, 0.99]).double(), 0)
    # An axis without any variance still gets a range that a fader can have.
    low, high = ranges[0].clamp(max=-1e-4), ranges[1].clamp(min=1e-4)
    return {
        "mean": mean.float(),
        "axes": axes.float().contiguous(),
        "low": low.float(),
        "high": high.float(),
    }


def _thinned(values: Tensor, most: int = 100_000) -> Tensor:
    # torch.quantile takes at most 16 million elements.
    return values[:: max(1, -(-len(values) // most))]
