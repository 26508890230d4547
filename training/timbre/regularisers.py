"""What pulls the distances of a latent space towards ratings.

The four of Esling, Chemla-Romeu-Santos, Bitton 2018 (arXiv 1805.08501) and of its authors' code:

- `l2`: distances of latents are to be the ratings' means;
- `gaussian`: draws from the normal distribution of a pair's ratings, another at each call;
- `student`: the neighbourhoods of a latent are to be those of its instrument among positions that
  the ratings scale to;
- `prior`: an instrument's position and spread are its prior.

Everything goes by the order of the ratings' names, which are the classes. The largest mean becomes
1. A pair weighs by its number of ratings, 1 on average over the rated pairs, and two latents of one
instrument, which are to be together, weigh 1. Instruments without ratings are left free.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.contract import ConfigError
from training.timbre.measures import neighbourhood_divergence
from training.timbre.ratings import Ratings
from training.timbre.scaling import smacof

Prior = tuple[Tensor, Tensor]
PRIOR_FLOOR, PRIOR_SCALE = 0.01, 2.0  # how variances of ratings become those of priors


def scaled_positions(ratings: Ratings, dims: int) -> NDArray[np.float64]:
    """Positions of the instruments, `[n, dims]`, the largest mean rating being 1.

    Args:
        ratings: of the classes; instruments without ratings get NaN.
        dims: at least 1.
    """
    rated = np.ix_(ratings.rated, ratings.rated)
    positions = np.full((len(ratings.names), dims), np.nan)
    positions[ratings.rated] = smacof(
        ratings.mean[rated] / np.nanmax(ratings.mean), ratings.count[rated], dims
    )
    return positions


class Regulariser(nn.Module):
    """Common to the four: which pairs are rated, and which latent axes are looked at.

    Args:
        ratings: matched to the classes, see `Ratings.matched`.
        latent_dims: size of a latent.
        mds_dims: dimensions of the positions that the ratings scale to.
        axes: numbers of the latent axes that are regularised, at least 1; None: all.

    Raises:
        ConfigError: an axis doesn't exist, or `mds_dims` is more than there are axes.
    """

    rated: Tensor

    def __init__(
        self,
        ratings: Ratings,
        latent_dims: int,
        mds_dims: int,
        axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.latent_dims = latent_dims
        self.axes = list(range(latent_dims) if axes is None else axes)
        if not self.axes or not set(self.axes) <= set(range(latent_dims)):
            raise ConfigError(f"axes is {self.axes}; 0 … {latent_dims - 1} are latent axes")
        if not 1 <= mds_dims <= len(self.axes):
            raise ConfigError(
                f"mds_dims is {mds_dims}; 1 … {len(self.axes)}, the regularised axes, are allowed"
            )
        self.register_buffer("rated", torch.from_numpy(ratings.rated))
        self.prepare(ratings, mds_dims)

    def prepare(self, ratings: Ratings, mds_dims: int) -> None:
        """Register what a regulariser needs of the ratings; arguments as of the class."""
        raise NotImplementedError

    def chosen(self, latents: Tensor) -> Tensor:
        """The regularised axes of latents `[rows, latent_dims]`."""
        return latents if len(self.axes) == self.latent_dims else latents[:, self.axes]

    def forward(
        self, latents: Tensor, classes: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """The pull, a scalar of at least 0.

        Args:
            latents: `[rows, latent_dims]`.
            classes: int64 `[rows]`, numbers of the ratings' names.
            generator: of the draws, where there are any; None: torch's own.
        """
        raise NotImplementedError

    def prior(self, classes: Tensor) -> Prior | None:
        """Mean and standard deviation of each row's prior, `[rows, latent_dims]`; None: 0 and 1."""
        return None


class Distances(Regulariser):
    """`l2`: the Frobenius norm of the differences between distances and ratings, weighted."""

    means: Tensor
    roots: Tensor

    def prepare(self, ratings: Ratings, mds_dims: int) -> None:
        weights = ratings.count / ratings.count[ratings.count > 0].mean()
        weights[np.diag_indices(len(weights))] = ratings.rated
        self.register_buffer("means", _filled(ratings.mean / np.nanmax(ratings.mean)))
        self.register_buffer("roots", _filled(np.sqrt(weights)))

    def forward(
        self, latents: Tensor, classes: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        chosen = self.chosen(latents)
        # Through a matrix product, distances of near points would be inaccurate.
        apart = torch.cdist(chosen, chosen, compute_mode="donot_use_mm_for_euclid_dist")
        targets = self.targets(classes, generator).to(apart.dtype)
        roots = _of_pairs(self.roots, classes).to(apart.dtype)
        norm: Tensor = torch.linalg.vector_norm(roots * (apart - targets))
        return norm

    def targets(self, classes: Tensor, generator: torch.Generator | None) -> Tensor:
        """The distance that each pair of rows is to have, `[rows, rows]`."""
        return _of_pairs(self.means, classes)


class DrawnDistances(Distances):
    """`gaussian`: like `l2`, each pair of rows with a draw from its ratings' distribution."""

    stds: Tensor

    def prepare(self, ratings: Ratings, mds_dims: int) -> None:
        super().prepare(ratings, mds_dims)
        self.register_buffer("stds", _filled(ratings.std / np.nanmax(ratings.mean)))

    def targets(self, classes: Tensor, generator: torch.Generator | None) -> Tensor:
        means, stds = _of_pairs(self.means, classes), _of_pairs(self.stds, classes)
        draws = torch.randn(
            means.shape, generator=generator, dtype=means.dtype, device=means.device
        ).triu(1)
        return (means + stds * (draws + draws.T)).clamp_min(0)


class Neighbourhoods(Regulariser):
    """`student`: see `neighbourhood_divergence`."""

    positions: Tensor

    def prepare(self, ratings: Ratings, mds_dims: int) -> None:
        self.register_buffer("positions", _filled(scaled_positions(ratings, mds_dims)))

    def forward(
        self, latents: Tensor, classes: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        positions = self.positions[classes].to(latents.dtype)
        return neighbourhood_divergence(self.chosen(latents), positions, self.rated[classes])


class InstrumentPriors(Regulariser):
    """`prior`: no pull, but a normal prior for each instrument.

    Its mean is the instrument's position, on as many of the regularised axes as positions have
    dimensions. Its variance there is (v - the smallest v + 0.01) / (the largest v) · 2, where v is
    the mean standard deviation of the instrument's ratings, weighted by their number. Other axes
    and other instruments have the standard normal prior.
    """

    means: Tensor
    stds: Tensor

    def prepare(self, ratings: Ratings, mds_dims: int) -> None:
        means = torch.zeros(len(ratings.names), self.latent_dims)
        stds = torch.ones(len(ratings.names), self.latent_dims)
        rated, used = self.rated, self.axes[:mds_dims]
        means[:, used] = _filled(scaled_positions(ratings, mds_dims))
        stds[:, used] = torch.where(rated, _spreads(ratings), 1.0)[:, None]
        self.register_buffer("means", means)
        self.register_buffer("stds", stds)

    def forward(
        self, latents: Tensor, classes: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        return latents.new_zeros(())

    def prior(self, classes: Tensor) -> Prior:
        return self.means[classes], self.stds[classes]


REGULARISERS: dict[str, type[Regulariser]] = {
    "prior": InstrumentPriors,
    "l2": Distances,
    "gaussian": DrawnDistances,
    "student": Neighbourhoods,
}


def _spreads(ratings: Ratings) -> Tensor:
    """Standard deviation of each rated instrument's prior, `[n]`; 1 where ratings tell none."""
    counts = ratings.count
    mean = np.nansum(counts * np.nan_to_num(ratings.std), 1) / np.maximum(counts.sum(1), 1e-300)
    known = mean[ratings.rated]
    if known.max() == 0:
        return torch.ones(len(mean))
    variances = (mean - known.min() + PRIOR_FLOOR) / known.max() * PRIOR_SCALE
    return torch.from_numpy(np.sqrt(np.maximum(variances, 0.0))).float()


def _of_pairs(values: Tensor, classes: Tensor) -> Tensor:
    """Values of pairs of classes, `[n, n]`, for pairs of rows, `[rows, rows]`."""
    return values[classes[:, None], classes]


def _filled(values: NDArray[np.float64]) -> Tensor:
    """Without the NaN of unrated instruments, whose weights are 0."""
    return torch.from_numpy(np.nan_to_num(values)).float()
