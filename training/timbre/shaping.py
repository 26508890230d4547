"""What pulls a space towards ratings: the regulariser of a plan, and the latent axes it acts on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.contract import DataError
from synth.models.timbre import TimbreConfig
from training.timbre.config import AUTO, TimbrePlan, TimbreTrainConfig
from training.timbre.ratings import Ratings, bundled_ratings, read_ratings, some
from training.timbre.regularisers import REGULARISERS, Regulariser, scaled_positions

FEW_DIMS = 3
BEST = "l2"  # agrees best with the ratings of held-out notes


def ratings_of(settings: TimbreTrainConfig, instruments: Sequence[str]) -> Ratings:
    """The ratings of a run, in the order of its instruments.

    Raises:
        DataError, ConfigError: they can't be read, or none of the instruments is rated.
    """
    found = read_ratings(settings.ratings) if settings.ratings else bundled_ratings()
    return found.matched(instruments)


def settle(
    settings: TimbreTrainConfig, instruments: Sequence[str]
) -> tuple[TimbreTrainConfig, tuple[str, ...]]:
    """Settings in which `regularization` isn't "auto", and lines about what ratings leave free.

    Where nobody asked for ratings, neither with a table nor with a model to go on from, a run on
    instruments without any does without.

    Args:
        settings: of the run; instruments: names of the classes.

    Raises:
        DataError, ConfigError: see `ratings_of`.
    """
    if settings.regularization == AUTO:
        if not (settings.ratings or settings.load or _rated(settings, instruments)):
            said = (
                f"regularization is none: no two of {some(instruments)} have ratings; name a CSV"
                " of yours with --ratings to shape the space"
            )
            return replace(settings, regularization="none"), (said,)
        settings = replace(settings, regularization=BEST)
    return settings, _left_free(settings, instruments)


def _rated(settings: TimbreTrainConfig, instruments: Sequence[str]) -> bool:
    try:
        ratings_of(settings, instruments)
    except DataError:
        return False
    return True


def _left_free(settings: TimbreTrainConfig, instruments: Sequence[str]) -> tuple[str, ...]:
    """Lines about the instruments that no rating pulls anywhere."""
    if settings.regularization == "none":
        return ()
    alone = ratings_of(settings, instruments).unrated()
    return (f"no ratings of {', '.join(alone)}: left free",) if alone else ()


def rated_dims(settings: TimbreTrainConfig, latent_dims: int) -> int:
    """Number of dimensions that the ratings are scaled to."""
    usual = latent_dims if settings.target_dims == "all" else FEW_DIMS
    return min(settings.mds_dims or usual, latent_dims)


def target_axes(
    settings: TimbreTrainConfig, model: TimbreConfig, variances: Callable[[], Tensor]
) -> tuple[int, ...]:
    """The latent axes that are regularised.

    Args:
        settings, model: of the run and of the model.
        variances: gives the variance of the posterior means on each axis; asked only where it
            matters.
    """
    dims = model.latent_dims
    if settings.target_dims == "all":
        return tuple(range(dims))
    count = rated_dims(settings, dims)
    if settings.target_dims == "first":
        return tuple(range(count))
    order = torch.argsort(variances(), descending=settings.target_dims == "maxvar", stable=True)
    return tuple(sorted(order[:count].tolist()))


def make_shaping(plan: TimbrePlan) -> Callable[[tuple[int, ...]], Regulariser] | None:
    """What makes the regulariser of some latent axes; None where the run has none."""
    settings, dims = plan.training, plan.model.latent_dims
    if settings.regularization == "none":
        return None
    ratings = ratings_of(settings, plan.model.instruments)
    scaled = rated_dims(settings, dims)
    kind = REGULARISERS[settings.regularization]
    return lambda axes: kind(ratings, dims, scaled, axes)


def perception(plan: TimbrePlan) -> dict[str, Any]:
    """The ratings of a run's instruments and the positions that they scale to, JSON-ready: lists
    with None for what isn't known. Empty where a run without regularisation has no ratings."""
    found = known_ratings(plan)
    if found is None:
        return {}
    dims = rated_dims(plan.training, plan.model.latent_dims)
    return {
        "ratings": {
            "names": list(found.names),
            "mean": _plain(found.mean),
            "std": _plain(found.std),
            "count": _plain(found.count),
        },
        "positions": _plain(scaled_positions(found, dims)),
    }


def known_ratings(plan: TimbrePlan) -> Ratings | None:
    """The ratings of a plan's instruments; None where they don't cover any and none are needed."""
    try:
        return ratings_of(plan.training, plan.model.instruments)
    except DataError:
        if plan.training.regularization != "none":
            raise
        return None


def _plain(values: NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if np.isnan(v) else float(v) for v in row] for row in values]
