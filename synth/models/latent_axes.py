"""Axes of a latent space: the directions in which latents, or classes of them, differ most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from synth.contract import Control

MAX_AXES = 8  # that can be moved by hand
NARROWEST = 1e-3  # end of a fader along an axis on which the latents hardly differ
PERCENTILES = (0.01, 0.99)
QUANTILE_ROWS = 100_000  # torch.quantile takes at most 16 million elements


@dataclass(frozen=True)
class LatentAxes:
    """Principal axes of some latents, largest variance first.

    Attributes:
        rows: `[axes, dim]`, orthonormal; the largest coordinate of each is positive.
        low, high: `[axes]`, 1st and 99th percentile of the latents along each, the mean removed.
        least, most: `[axes]`, where the outermost latents are; infinite where that isn't known.
        mean: `[dim]`, of the latents.
    """

    rows: Tensor
    low: Tensor
    high: Tensor
    least: Tensor
    most: Tensor
    mean: Tensor

    @classmethod
    def of_statistics(cls, latent: Mapping[str, Tensor], dim: int) -> LatentAxes:
        """All axes of a trained model.

        Args:
            latent: as in `synth.models.package.Package.latent`; an empty mapping gives the raw
                coordinates with a range of -1 … 1.
            dim: size of a latent.
        """
        ends = torch.full((dim,), torch.inf)
        if not latent:
            one = torch.ones(dim)
            return cls(torch.eye(dim), -one, one, -ends, ends, torch.zeros(dim))
        rows, low, high, mean = (latent[key].float() for key in ("axes", "low", "high", "mean"))
        return cls(rows, low, high, -ends, ends, mean)

    def statistics(self) -> dict[str, Tensor]:
        """What `synth.models.package.Package.latent` holds of them, if they are as many as `dim`.

        An axis without any variance still gets a range that a fader can have.
        """
        low, high = self.low.clamp(max=-1e-4), self.high.clamp(min=1e-4)
        return {"mean": self.mean, "axes": self.rows, "low": low, "high": high}

    def first(self, count: int) -> LatentAxes:
        """The axes of largest variance, at most `count` of them."""
        parts = (self.rows, self.low, self.high, self.least, self.most)
        return LatentAxes(*[*(part[:count].contiguous() for part in parts), self.mean])

    def ranges(self) -> list[tuple[float, float]]:
        """Ends of a fader along each axis, at least `NARROWEST` to either side of the mean."""
        low, high = self.low.clamp(max=-NARROWEST), self.high.clamp(min=NARROWEST)
        return list(zip(low.tolist(), high.tolist(), strict=True))

    def control(self, description: str, smoothing_ms: float) -> Control:
        """The vector control `latent`: an offset along each axis, in latent units.

        Args:
            description: one sentence for people.
            smoothing_ms: time in which a host glides to a new value.
        """
        low, high = zip(*self.ranges(), strict=True)
        return Control(
            "latent",
            len(self.rows),
            low,
            high,
            0.0,  # type: ignore[arg-type]
            description=description,
            smoothing_ms=smoothing_ms,
            role="latent",
        )

    def move(self, latent: Tensor, offset: Tensor) -> Tensor:
        """Offset latents along the axes, no further than the outermost ones lie on any of them.

        Beyond what it has learned, a network makes noise. A latent that lies further out by itself
        stays.

        Args:
            latent: `[rows, dim]`.
            offset: `[rows, axes]`, in latent units.
        """
        at = (latent - self.mean) @ self.rows.t()
        lowest, highest = torch.minimum(self.least, at), torch.maximum(self.most, at)
        moved = torch.minimum(torch.maximum(at + offset, lowest), highest)
        return latent + (moved - at) @ self.rows


def principal_axes(latents: Tensor, variance: float | None = None) -> LatentAxes:
    """Principal axes of latents: the eigenvectors of their covariance.

    Args:
        latents: `[count, dim]`, count >= 1.
        variance: share of the variance, above 0 and at most 1, that the axes must carry: there are
            as few as can, at most `MAX_AXES`, and none of latents that are all equal. None: all
            `dim` axes, those without variance last.
    """
    mean = latents.double().mean(0)
    centred = latents.double() - mean
    powers, rows = _directions(centred)
    if variance is not None:
        rows = rows[: _carrying(powers, variance)]
    return _ranged(rows, centred, mean)


def separating_axes(latents: Tensor, classes: Tensor) -> LatentAxes:
    """All axes of a space, first those that tell classes apart.

    First come the principal axes of the means of the classes, as many as these span, then those of
    what is left. Along the former, moving means to become another class.

    Args:
        latents: `[count, dim]`, count >= 1.
        classes: int64 `[count]`, of each.
    """
    mean = latents.double().mean(0)
    centred = latents.double() - mean
    middles = torch.stack([centred[classes == c].mean(0) for c in sorted(set(classes.tolist()))])
    powers, rows = _directions(middles - middles.mean(0))
    first = rows[: _carrying(powers, 1.0, len(rows))]
    others = rows[len(first) :]  # orthogonal to the first, in no order
    turned = _directions(centred @ others.t())[1] @ others
    return _ranged(torch.cat([first, turned]), centred, mean)


def _directions(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal rows of largest variance first, and the power along each."""
    powers, columns = torch.linalg.eigh(centred.t() @ centred)
    return powers.flip(0).clamp_min(0.0), columns.flip(1).t()


def _ranged(rows: Tensor, centred: Tensor, mean: Tensor) -> LatentAxes:
    """Axes with what latents reach along them."""
    if not len(rows):
        none = torch.zeros(0)
        return LatentAxes(rows.float(), none, none, none, none, mean.float())
    # An axis has no sign of its own: the largest of its coordinates is made positive.
    rows = rows * torch.sign(rows.gather(1, rows.abs().argmax(1, keepdim=True)))
    along = centred @ rows.t()
    thinned = along[:: max(1, -(-len(along) // QUANTILE_ROWS))]
    ends = torch.quantile(thinned, torch.tensor(PERCENTILES, dtype=torch.float64), dim=0)
    found = (rows, ends[0], ends[1], along.amin(0), along.amax(0), mean)
    return LatentAxes(*(tensor.float().contiguous() for tensor in found))


def _carrying(powers: Tensor, variance: float, most: int = MAX_AXES) -> int:
    """How many axes, at most `most`, carry a share of the variance, of which each has `powers`."""
    whole = powers.sum()
    carried = powers.cumsum(0) / whole.clamp_min(1e-300)
    count = min(int((carried < variance).sum()) + 1, most)
    # What is left of no variance at all is rounding, and no axis.
    return min(count, int((powers > 1e-12 * whole.clamp_min(1e-48)).sum()))
