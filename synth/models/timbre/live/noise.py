"""Noise of a given spectrum: overlapping windows of random spectra.

Neighbouring windows are independent and their squares add up to 1, so that the noise is even in
time while its spectrum goes over from one to the next.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from synth.models.timbre.live.oscillators import waves_of

# The decoder predicts the mean of the logarithm, which for noise lies below its power.
LOG_MEAN_POWER = math.exp(0.5772156649)
HANN_NOISE = 0.75  # square of the magnitude of noise in a band, over its power per Hz and its width


class Noise(nn.Module):
    """White noise, shaped.

    Args:
        frequencies: Hz, of the bands of the transform, `[bands]`.
        sample_rate: Hz, of the sound.
        hop: samples, half a window.
        places: Hz, where the noise of each key is known, rising, `[keys, places]`.

    Attributes:
        draws: random numbers for a hop; waves: cosines, then sines of the bins, `[draws, 2 * hop]`.
    """

    waves: Tensor
    window: Tensor
    index: Tensor
    share: Tensor
    density: Tensor

    def __init__(self, frequencies: Tensor, sample_rate: int, hop: int, places: Tensor) -> None:
        super().__init__()
        self.hop = hop
        size = 2 * hop
        bins = torch.arange(1, hop) * (sample_rate / size)
        known = frequencies.double()
        audible = (bins >= known[0]) & (bins <= known[-1])
        self.count = int(audible.nonzero().max()) + 1
        self.draws = 2 * self.count
        bins = bins[: self.count].double()
        above = torch.searchsorted(known, bins).clamp(1, len(known) - 1)
        width = 2 * (known[above] - known[above - 1])
        power = LOG_MEAN_POWER / HANN_NOISE / width * (sample_rate / size)
        number = torch.arange(1, self.count + 1).repeat(2)[:, None]
        phase = torch.tensor([0.25, 0.0]).repeat_interleave(self.count)[:, None]
        self.register_buffer("waves", waves_of(number, phase, size), persistent=False)
        window = torch.sin((torch.arange(size) + 0.5) * (math.pi / size))
        self.register_buffer("window", window, persistent=False)
        known, wanted = places.double().log().contiguous(), bins.log().expand(len(places), -1)
        index = torch.searchsorted(known, wanted.contiguous()).clamp(1, places.shape[1] - 1)
        low, high = known.gather(1, index - 1), known.gather(1, index)
        share = ((wanted - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
        self.register_buffer("index", (index - 1).to(torch.int16))
        self.register_buffer("share", share.float())
        self.register_buffer("density", (power.sqrt() * audible[: self.count]).float())

    def spectrum(self, found: Tensor, row: Tensor) -> Tensor:
        """Amplitudes of the bins of a window, `[rows, count]`.

        Args:
            found: magnitudes of the noise at the places of a key, `[rows, places]`.
            row: int64 `[rows]`, the keys.
        """
        index = self.index[row].long()
        low, high = torch.gather(found, 1, index), torch.gather(found, 1, index + 1)
        return (low + self.share[row] * (high - low)) * self.density

    def render(self, spectra: Tensor, draws: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Noise `[voices, points * hop]` and the half window that reaches beyond it.

        Args:
            spectra: amplitudes `[voices * points, count]`.
            draws: standard normal numbers, `[voices, points, draws]`.
            tail: what the last window left, `[voices, hop]`.
        """
        shaped = draws.reshape(-1, self.draws) * torch.cat([spectra, spectra], 1)
        made = torch.matmul(shaped, self.waves) * self.window
        made = made.reshape(tail.shape[0], -1, 2 * self.hop)
        rising, falling = torch.split(made, self.hop, 2)
        falling = torch.cat([tail[:, None], falling], 1)
        return (rising + falling[:, :-1]).flatten(1), falling[:, -1]
