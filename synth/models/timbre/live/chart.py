"""`Chart`: the axes of a space that a player moves along, and the places of its instruments.

A map shows three axes, and instruments differ along more. So a place on the map has coordinates
along the others, too: those of the instruments, by how near they are on the map. At the place of an
instrument that is the instrument itself.
"""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor, nn

from synth.contract import Place
from synth.models.latent_axes import LatentAxes
from synth.models.timbre.model import Timbre

SHOWN = 3  # axes of a map


class Chart(nn.Module):
    """Moves latents along axes, or to places.

    Args:
        model: trained, with anchors.
        axes: of the space, that a player moves along.

    Attributes:
        map: the place of every instrument, none where the space has fewer than two axes.
    """

    middles: Tensor
    places: Tensor
    near: Tensor
    mean: Tensor
    rows: Tensor

    def __init__(self, model: Timbre, axes: LatentAxes) -> None:
        super().__init__()
        for part in fields(axes):
            self.register_buffer(part.name, getattr(axes, part.name).clone())
        owner = torch.tensor(model.config.anchor_instruments)
        frames = model.anchors.shape[1]
        # The second half of a course is the sound that lasts.
        found = [
            model.anchors[owner == number, frames // 2 :].mean((0, 1))
            for number in range(len(model.config.instruments))
        ]
        middles = torch.stack(found).detach() - self.mean
        places = middles @ self.rows[:SHOWN].t()
        self.register_buffer("middles", middles)
        self.register_buffer("places", places)
        self.register_buffer("near", _nearness(places))
        shown = torch.nn.functional.pad(places, (0, SHOWN - places.shape[1])).tolist()
        named = zip(model.config.instruments, shown, strict=True)
        self.map = tuple(Place(name, (x, y, z)) for name, (x, y, z) in named)
        self.map = self.map if len(self.rows) > 1 else ()

    @property
    def axes(self) -> LatentAxes:
        """The axes that a player moves along."""
        return LatentAxes(*(getattr(self, part.name) for part in fields(LatentAxes)))

    def move(self, latent: Tensor, stand: Tensor, along: Tensor, place: Tensor) -> Tensor:
        """Latents `[voices, points, dims]` moved along the axes, or brought to a place.

        Args:
            latent: `[voices, points, dims]`; stand: where the sound stands, `[voices, 1, dims]`.
            along: coordinates on the axes, `[voices, 1, axes]`.
            place: 0, where they are offsets, to 1, where they are the place, `[voices, 1, 1]`.
        """
        moved = self.axes.move(latent, (1 - place) * along)
        shown = along[..., :SHOWN]
        distance = (shown.transpose(1, 2) - self.places.t()).square().sum(1, keepdim=True)
        # What the instruments have beside the axes that are shown.
        share = torch.softmax(-distance / self.near, -1)
        hidden = torch.matmul(share, self.middles - self.places @ self.rows[:SHOWN])
        there = self.mean + torch.matmul(along, self.rows) + hidden
        return moved + place * (there - stand)


def _nearness(places: Tensor) -> Tensor:
    """Square of the distance at which an instrument on the map counts for a third, a scalar."""
    apart = torch.cdist(places, places) + torch.diag(torch.full((len(places),), torch.inf))
    nearest = apart.amin(1)
    nearest = nearest[torch.isfinite(nearest) & (nearest > 0)]
    return (0.5 * nearest.median()).square() if len(nearest) else torch.tensor(1.0)
