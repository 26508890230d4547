"""VICReg: embeddings that agree, vary, and don't repeat each other, without negatives.

Source: Bardes, Ponce, LeCun 2022, VICReg: Variance-Invariance-Covariance Regularization for
Self-Supervised Learning (arXiv 2105.04906).
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from training.inverse.learning.gathering import gathered

EPSILON = 1e-4  # of variances


class VICReg(NamedTuple):
    """The terms of the loss, scalars.

    Attributes:
        invariance: mean squared difference of two views, a mean over pairs of views.
        variance: by how much standard deviations miss 1, a mean over views.
        covariance: squared covariances of different components, the sum of two views, a mean over
            pairs of views.
        spread: mean standard deviation of the components, of the view where it is least.
    """

    invariance: Tensor
    variance: Tensor
    covariance: Tensor
    spread: Tensor


def vicreg(views: list[Tensor]) -> VICReg:
    """The terms for some views of the same sounds.

    Variances and covariances are those of the batches of all processes together; the invariance is
    that of this one's, whose mean over the processes is the same.

    Args:
        views: two or more, `[sounds, dims]` each.
    """
    views = [view.float() for view in views]
    pairs = [(a - b).square().mean() for a, b in combinations(views, 2)]
    everyone = [gathered(view) for view in views]
    deviations = [(view.var(0) + EPSILON).sqrt() for view in everyone]
    return VICReg(
        torch.stack(pairs).mean(),
        torch.stack([torch.relu(1 - d).mean() for d in deviations]).mean(),
        2 * torch.stack([_covariance(view) for view in everyone]).mean(),
        torch.stack([d.detach().mean() for d in deviations]).min(),
    )


def _covariance(view: Tensor) -> Tensor:
    sounds, dims = view.shape
    centred = view - view.mean(0)
    covariance = centred.t() @ centred / (sounds - 1)
    off = covariance.square().sum() - covariance.diagonal().square().sum()
    return off / dims
