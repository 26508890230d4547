"""Networks that can't learn, because units never move or are noise.

The outputs of each layer over time are judged, for a few sounds. A unit is still if it is the same
at all times (standard deviation under 0.001). It is noise if it is unrelated to each of its next
eight samples (correlation under 0.15): its phase turns so far from sample to sample that no
gradient leads from one to the next. A layer is saturated if more than half of its units are still,
or more than half are noise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from synth.models.inr import INR, CoordinateNetwork

STILL = 1e-3
LAGS = 8
RELATED = 0.15
SHARE = 0.5
SOUNDS = 4
POINTS = 1024


class LayerShares(NamedTuple):
    """The shares of a layer's units that are still and that are noise, each 0 … 1."""

    still: float
    noise: float


def layer_shares(model: INR) -> list[LayerShares]:
    """The shares of each layer before the output; none for a decoder without layers over time.

    Args:
        model: in eval mode.
    """
    network = model.decoder
    if not isinstance(network, CoordinateNetwork):
        return []
    size = model.config.audio_length
    near = torch.arange(min(POINTS, size)) + max(0, size - POINTS) // 4
    far = torch.arange(POINTS) * (size / POINTS)
    z = model.latents[:SOUNDS]
    t = model.coordinates(torch.cat([near.double(), far.double()]).to(z.device))
    outputs = _outputs(network, z, t.expand(len(z), -1))
    return [LayerShares(_still(x[:, len(near) :]), _noise(x[:, : len(near)])) for x in outputs]


def complaint(shares: list[LayerShares]) -> str:
    """A warning about the first saturated layer and what helps, or "" if there is none."""
    for number, layer in enumerate(shares, 1):
        where = f"warning: layer {number} of {len(shares)} is saturated,"
        if layer.noise > SHARE:
            return (
                f"{where} {100 * layer.noise:.0f} % of its units are noise from one sample to the"
                " next; smaller omegas (--first-omega-0, --hidden-omega-0) or --tune help"
            )
        if layer.still > SHARE:
            return (
                f"{where} {100 * layer.still:.0f} % of its units never move; other omegas or --tune"
                " help, or less weight_decay"
            )
    return ""


def _outputs(network: CoordinateNetwork, z: Tensor, t: Tensor) -> list[Tensor]:
    """Outputs of all layers but the last one, `[branches * batch, points, units]`.

    All gates are open, since a unit behind a shut gate is no fault.
    """
    found = []
    with torch.no_grad():
        times = (t[..., None] * network.config.coord_multi).repeat(network.config.branches, 1, 1)
        x = times
        folded = network.fold(network.modulate(z))
        for layer, part in zip(network.conditional[:-1], folded[:-1], strict=True):
            x = layer.run(x, part, times)
            found.append(x)
    return found


def _still(x: Tensor) -> float:
    """Share of units of `x` `[rows, points, units]` that are still."""
    return float((x.std(-2) < STILL).float().mean())


def _noise(x: Tensor) -> float:
    """Share of units of `x` `[rows, points, units]` that are noise."""
    centred = x - x.mean(-2, keepdim=True)
    power = centred.square().mean(-2).clamp(min=STILL**2)
    related = [
        (centred[..., lag:, :] * centred[..., :-lag, :]).mean(-2).abs() / power
        for lag in range(1, LAGS + 1)
    ]
    moves = x.std(-2) >= STILL
    return float(((torch.stack(related).amax(0) < RELATED) & moves).float().mean())
