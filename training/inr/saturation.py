"""Networks that have nothing to learn with: units that never move, or that are noise.

Judged is what each layer gives over time, for a few sounds. A unit is still when it is the same at
all times (standard deviation under 0.001). It is noise when none of its next eight samples has
anything to do with it (correlation under 0.15): its phase turns by so much from sample to sample
that no slope leads from one to the other. A layer is saturated when more than half of its units are
still, or noise.
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
    """Of a layer's units, the share of `still` ones and of those that are `noise`, 0 … 1."""

    still: float
    noise: float


def layer_shares(model: INR) -> list[LayerShares]:
    """The shares of each layer before the output; none for a decoder that isn't made of them."""
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
    """What is wrong with the first saturated layer, and what helps; "" where nothing is."""
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
    """What each layer but the last one gives, `[branches * batch, points, units]`, all gates open:
    what is shut is nothing to complain of."""
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
    """x `[rows, points, units]`."""
    return float((x.std(-2) < STILL).float().mean())


def _noise(x: Tensor) -> float:
    centred = x - x.mean(-2, keepdim=True)
    power = centred.square().mean(-2).clamp(min=STILL**2)
    related = [
        (centred[..., lag:, :] * centred[..., :-lag, :]).mean(-2).abs() / power
        for lag in range(1, LAGS + 1)
    ]
    moves = x.std(-2) >= STILL
    return float(((torch.stack(related).amax(0) < RELATED) & moves).float().mean())
