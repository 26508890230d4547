"""`Targets`: descriptors that are asked for become moves in the latent space.

The space was described on a grid along its first principal axes. A move is the mean of the cells
that have what is asked for, near to where the sound is, minus the mean of those that have what it
has already: so it is zero where nothing is asked, and goes smoothly with everything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from synth.dsp.descriptors import Descriptors
from synth.models.timbre.live.reader import hertz
from synth.models.timbre.model import Timbre
from synth.models.timbre.topology import grid_of

STEPS = 7  # of the grid
KEYS_APART = 6
LOUDNESS_DB = 12.0  # by which `loudness` moves the level, and with it the sound to what is as loud
EXACT = 0.15  # of its reach: how far a descriptor may be from what is asked
NEAR = 0.25  # of half the box: how far a cell may be from a sound to tell its descriptors
FAR = 0.8  # of half the box: how far a move goes gladly
IDLE = 0.1  # weight of a descriptor that nobody asks for, as it should rather stay
QUICKLY = 10.0  # the weight is whole from 1 / QUICKLY on
AUDIBLE_DB = 60.0  # below the loudest cell, cells don't count


class Targets(nn.Module):
    """Solves for descriptors.

    Args:
        model: trained; statistics: of its latents.
        lowest, highest: MIDI keys; the grid is made at some keys between them.
    """

    mean: Tensor
    axes: Tensor
    middle: Tensor
    half_box: Tensor
    cells: Tensor
    squares: Tensor
    points: Tensor
    values: Tensor
    silent: Tensor

    def __init__(
        self, model: Timbre, statistics: Mapping[str, Tensor], lowest: int, highest: int
    ) -> None:
        super().__init__()
        count = max(1, round((highest - lowest) / KEYS_APART) + 1)
        keys = torch.linspace(lowest, highest, count)
        middle = torch.full((1,), 0.5 * (max(len(model.config.dynamics), 1) - 1))
        values, silent = [], []
        for key in torch.round(keys):
            told = model.conditioning.row(key[None], middle)
            grid = grid_of(model, statistics, told, STEPS)
            found = Descriptors(*grid.values.unbind(1))
            silent.append(found.loudness < found.loudness.max() - AUDIBLE_DB)
            values.append(_scaled(found, hertz(key)))
        half = 0.5 * (grid.high - grid.low)
        cells = (
            grid.places(torch.arange(STEPS ** len(half))) - 0.5 * (grid.high + grid.low)
        ) / half
        stacked = torch.stack(values)
        spread = stacked.flatten(0, 1)[~torch.stack(silent).flatten()]
        low, high = torch.quantile(spread, torch.tensor([0.1, 0.9]), dim=0)
        reach = (0.5 * (high - low)).clamp_min(1e-3)
        reach[-1] = LOUDNESS_DB
        self.lowest, self.apart = float(keys[0]), float(keys[1] - keys[0]) if count > 1 else 1.0
        self.register_buffer("axes", grid.axes.clone())
        self.register_buffer("mean", grid.mean.clone())
        self.register_buffer("half_box", half)
        self.register_buffer("middle", 0.5 * (grid.high + grid.low))
        self.register_buffer("cells", cells.t().contiguous())
        self.register_buffer("squares", 0.5 * cells.square().sum(1))
        self.register_buffer("points", (cells * half) @ grid.axes)
        self.register_buffer("values", (stacked / reach).transpose(1, 2).contiguous())
        self.register_buffer("silent", torch.stack(silent).float() * 1e3)

    def solve(self, latent: Tensor, pitch: Tensor, asked: Tensor) -> Tensor:
        """The move to what is asked for, `[voices, points, dims]`.

        Args:
            latent: where the sound is, `[voices, points, dims]`.
            pitch: MIDI key, `[voices, 1]`.
            asked: brightness, bandwidth, noisiness, loudness, -1 … 1 each, `[voices, 4]`.
        """
        row = torch.round((pitch[:, 0] - self.lowest) / self.apart).long()
        row = row.clamp(0, self.values.shape[0] - 1)
        values, silent = self.values[row], self.silent[row][:, None]
        place = torch.matmul(latent - self.mean, self.axes.t()) - self.middle
        place = (place / self.half_box).clamp(-1, 1)
        # Squared distances to the cells, but for what is equal for all cells, as below.
        apart = self.squares - torch.matmul(place, self.cells)
        here = torch.softmax(apart / -(NEAR**2) - silent, 2)
        present = torch.matmul(here, values.transpose(1, 2))
        weight = (IDLE + (1 - IDLE) * (QUICKLY * asked.abs()).clamp_max(1.0)) / EXACT**2
        weight = weight[:, None]
        misfit = torch.matmul(0.5 * weight, values.square()) - torch.matmul(
            present * weight, values
        )
        stays = apart / -(FAR**2) - silent - misfit
        goes = stays + torch.matmul(asked[:, None] * weight, values)
        return torch.matmul(torch.softmax(goes, 2) - torch.softmax(stays, 2), self.points)


def _scaled(found: Descriptors, fundamental: Tensor) -> Tensor:
    """Brightness and bandwidth in octaves, noisiness in nepers, loudness in dB: `[cells, 4]`."""
    return torch.stack(
        [
            torch.log2(found.centroid.clamp_min(float(fundamental) / 4)),
            torch.log2(found.bandwidth.clamp_min(float(fundamental) / 16)),
            found.flatness.clamp_min(math.exp(-12)).log(),
            found.loudness,
        ],
        1,
    )
