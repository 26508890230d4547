"""Densities and divergences of normal distributions without correlations, in closed form.

A spread is a standard deviation everywhere.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


def negative_log_density(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Nats `[rows]` of rows under normal distributions, summed over their elements.

    Args:
        x, mean: `[rows, size]`; std: `[rows, size]`, above 0.
    """
    miss = (x - mean) / std
    return (0.5 * miss.square() + std.log() + HALF_LOG_TAU).sum(1)


def divergence(mean: Tensor, std: Tensor, prior: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Kullback-Leibler divergence `[rows]` in nats of a posterior from its prior, summed over axes.

    Args:
        mean, std: of the posterior, `[rows, dims]`.
        prior: mean and standard deviation, `[rows, dims]` each; None: 0 and 1.
    """
    if prior is None:
        return (0.5 * (mean.square() + std.square() - 1) - std.log()).sum(1)
    away, ratio = (mean - prior[0]) / prior[1], std / prior[1]
    return (0.5 * (away.square() + ratio.square() - 1) - ratio.log()).sum(1)


def sampled(mean: Tensor, std: Tensor) -> Tensor:
    """A draw from each posterior, through which gradients flow."""
    return mean + std * torch.randn_like(std)
