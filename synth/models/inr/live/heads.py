"""`HeadReader`: rows of points become hops of sound.

A head is one hop of a voice: a line of times that one latent and one window condition. All heads
are rows of one evaluation of the network.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from synth.models.inr.live import playhead
from synth.models.inr.live.lowpass import (
    decimate,
    halo,
    kernel_table,
    kernels,
    most_parts,
    points_per_sample,
)
from synth.models.inr.live.network import LiveNetwork
from synth.models.inr.live.playhead import ONE, Window


class Heads(NamedTuple):
    """Rows of points to come.

    Attributes:
        at: int64 `[heads, 1]`, the position at which the hop begins, in 1/2³⁸ sample.
        rate: int64 `[heads, 1]`, positions per output sample.
        window: `[heads, 4]`, the columns of a `Window`.
        slide: int64 `[heads, 1]`, how far the window moves per output sample.
        voice: int64 `[heads]`, the row of the latents that each reads.
    """

    at: Tensor
    rate: Tensor
    window: Tensor
    slide: Tensor
    voice: Tensor


class HeadReader(nn.Module):
    """Evaluates heads.

    Args:
        network: the one that is read.
        hop: samples of a head.
        length: samples of a sound.
        sample_rate: its rate in Hz.
    """

    table: Tensor

    def __init__(self, network: LiveNetwork, hop: int, length: int, sample_rate: int) -> None:
        super().__init__()
        self.network, self.hop, self.parts = network, hop, most_parts(hop)
        self.length, self.sound_rate = length, sample_rate
        self.register_buffer("table", kernel_table())

    def read(self, latent: Tensor, place: Tensor) -> Tensor:
        """Each latent's sound `[rows, points]` at given places, silent beyond its ends.

        Args:
            latent: `[rows, num_latent]`.
            place: int64 `[rows, points]`, in 1/2³⁸ sample.
        """
        inside = place.clamp(0, self.length * ONE)
        t = inside.double() * (2.0 / (self.length * ONE)) - 1.0
        made: Tensor = self.network(latent, t, t[:, :1])
        return made * playhead.edge_gain(place, self.length, self.sound_rate)

    def render(self, heads: Heads, latents: Tensor) -> Tensor:
        """The sound of every head, `[heads, hop]`.

        Points come in rows of one hop. A head has one row, or several where it is read so fast that
        it needs more points; so a fast head costs the others nothing.

        Args:
            heads: those to render.
            latents: `[any, num_latent]`, from which `heads.voice` chooses.
        """
        points = points_per_sample(heads.rate)
        reach = halo(points)
        parts = torch.arange(self.parts)[None] * self.hop < self.hop * points + 2 * reach
        head, part = torch.nonzero(parts).unbind(1)
        index = (part * self.hop)[:, None] - reach[head] + torch.arange(self.hop)
        stride = torch.div(heads.rate, points, rounding_mode="trunc")  # exact: see `QUARTERS`
        at = heads.at[head] + index * stride[head]
        slide = torch.div(heads.slide, points, rounding_mode="trunc")[head]
        window = Window(*torch.split(heads.window[head], 1, 1))
        window = playhead.moved_window(window, index * slide, self.length)
        at = playhead.wrapped(at, window, heads.rate[head] < 0)
        made = self._looped(at, window, latents, heads.voice[head])
        grid = spread(made, parts.reshape(-1, 1)).reshape(heads.at.shape[0], -1)
        return decimate(grid, kernels(heads.rate, points, self.table), points, self.hop)

    def _looped(self, at: Tensor, window: Window, latents: Tensor, voice: Tensor) -> Tensor:
        """The sound at wrapped positions `[rows, points]`, seams blended."""
        share = playhead.seam_share(at, window)
        seams = share.amax(1, keepdim=True) > 0
        rows = torch.nonzero(seams[:, 0])[:, 0]
        place = torch.cat([playhead.unfolded(at, window), (at - window.size)[rows]])
        made = self.read(latents[torch.cat([voice, voice[rows]])], place)
        first = share.shape[0]
        return made[:first] + share * (spread(made[first:], seams) - made[:first])


def spread(part: Tensor, chosen: Tensor) -> Tensor:
    """Scatter rows to where `chosen` is true, zeros elsewhere: `[rows, n]`.

    Args:
        part: `[number of chosen rows, n]`.
        chosen: bool `[rows, 1]`.
    """
    place = torch.cumsum(chosen.long(), 0) * chosen.long()
    padded = torch.cat([part.new_zeros(1, part.shape[1]), part])
    return padded[place[:, 0]]
