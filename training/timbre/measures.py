"""How far a latent space agrees with ratings and reconstructs frames, and how its axes are used."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.timbre.ratings import Ratings

IMPOSSIBLE = -1e30  # logarithm of a probability that is 0, finite so that 0 times it is 0


def neighbourhood_divergence(
    latents: Tensor, positions: Tensor, known: Tensor | None = None
) -> Tensor:
    """Divergence of the neighbourhoods of latents from those of their positions, a scalar.

    Σᵢ KL(Qᵢ ‖ Pᵢ) in nats, where for j ≠ i

    - Qᵢ(j) ∝ exp(-‖zᵢ - zⱼ‖² / 2σ²) with σ = 1/√2, of latents z;
    - Pᵢ(j) ∝ 1 / (1 + ‖tᵢ - tⱼ‖²), of positions t.

    It is the sum over rows, so that figures compare only where the number of rows is the same.

    Args:
        latents: `[rows, dims]`; positions: `[rows, other dims]`.
        known: bool `[rows]`, which rows take part; None: all.

    Source: Esling, Chemla-Romeu-Santos, Bitton 2018 (arXiv 1805.08501), its regularisation term.
    """
    others = ~torch.eye(len(latents), dtype=torch.bool, device=latents.device)
    if known is not None:
        others = others & known & known[:, None]
    near = -_squared_distances(latents)
    rated = -torch.log1p(_squared_distances(positions))
    log_q = torch.where(others, near, IMPOSSIBLE).log_softmax(1)
    log_p = torch.where(others, rated, IMPOSSIBLE).log_softmax(1)
    divergence = torch.where(others, log_q.exp() * (log_q - log_p), 0.0)
    return divergence.sum()


def rating_divergence(latents: Tensor, classes: Tensor, positions: Tensor) -> Tensor:
    """Divergence of a latent space from ratings: `neighbourhood_divergence`, summed over rows.

    Args:
        latents: `[rows, dims]`, posterior means on the axes that are compared.
        classes: int64 `[rows]`.
        positions: of the classes, `[n, other dims]`, as `scaled_positions` gives them; rows of
            classes with NaN are left out.
    """
    known = ~positions.isnan().any(1)
    told = positions.nan_to_num().to(latents)[classes]
    return neighbourhood_divergence(latents, told, known.to(latents.device)[classes])


def centroids(latents: Tensor, classes: Tensor, count: int) -> Tensor:
    """Mean latent of each class, `[count, dims]`; NaN for a class without rows.

    Args:
        latents: `[rows, dims]`; classes: int64 `[rows]`, 0 … count - 1.
    """
    sums = latents.new_zeros(count, latents.shape[1]).index_add(0, classes, latents)
    return sums / torch.bincount(classes, minlength=count)[:, None]


def rank_correlation(latents: Tensor, classes: Tensor, ratings: Ratings) -> float:
    """Spearman's correlation of the distances between classes' mean latents with mean ratings.

    Args:
        latents: `[rows, dims]`; classes: int64 `[rows]`.
        ratings: of the classes; pairs without ratings, or without rows, are left out.

    Returns:
        -1 … 1; NaN where fewer than two pairs are left, or all are alike.
    """
    means = centroids(latents.detach().double().cpu(), classes.cpu(), len(ratings.names)).numpy()
    apart = np.linalg.norm(means[:, None] - means, axis=2)
    pairs = np.triu(ratings.count > 0, 1) & ~np.isnan(apart)
    return _correlation(_ranks(apart[pairs]), _ranks(ratings.mean[pairs]))


def reconstruction_error(frames: Tensor, made: Tensor) -> Tensor:
    """Squared error of scaled frames, summed over their bands, mean over frames: a scalar.

    Args:
        frames, made: `[rows, bands]`.

    Source: Esling, Chemla-Romeu-Santos, Bitton 2018 (arXiv 1805.08501), Table 1.
    """
    return (frames - made).square().sum(1).mean()


class AxisStatistics(NamedTuple):
    """How each latent axis is used, `[dims]` each.

    Attributes:
        mean, variance: of the posterior means over rows.
        spread: mean of the posteriors' variances, near 1 on an axis that isn't used.
        divergence: mean Kullback-Leibler divergence from the standard normal prior, nats.
        between: share of `variance` that lies between the classes, 0 … 1; 0 where there is none.
    """

    mean: Tensor
    variance: Tensor
    spread: Tensor
    divergence: Tensor
    between: Tensor


def axis_statistics(mean: Tensor, std: Tensor, classes: Tensor) -> AxisStatistics:
    """Statistics of the latent axes.

    Args:
        mean, std: of posteriors, `[rows, dims]`; classes: int64 `[rows]`.
    """
    centre, variance = mean.mean(0), mean.var(0, correction=0)
    sizes = torch.bincount(classes)
    away = (centroids(mean, classes, len(sizes)).nan_to_num() - centre).square()
    between = (away * sizes[:, None]).sum(0) / len(mean)
    divergence = (0.5 * (mean.square() + std.square() - 1) - std.log()).mean(0)
    share = torch.where(variance > 0, between / variance, 0.0)
    return AxisStatistics(centre, variance, std.square().mean(0), divergence, share)


def _squared_distances(points: Tensor) -> Tensor:
    """`[rows, rows]`; through a matrix product, those of near points would be inaccurate."""
    apart: Tensor = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    return apart.square()


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0, those that are equal sharing their mean."""
    _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(sizes) - (sizes + 1) / 2)[place])


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean() if len(a) else a, b - b.mean() if len(b) else b
    spread = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / spread) if spread > 0 else float("nan")
