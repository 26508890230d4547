"""The sound itself, and its bands folded into a picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.dsp.pqmf import pqmf_filters
from synth.nn import AnalysisBank


class Waveform(nn.Module):
    """The sound itself.

    Shape: `[batch, samples]` to `[batch, 1, samples]`.
    """

    def forward(self, audio: Tensor) -> Tensor:
        return audio[:, None]


class PQMFPicture(nn.Module):
    """Bands of a pseudo quadrature mirror filter, one channel each, line under line.

    Lines are so long that the picture is about a square; silence fills the last one.

    Args:
        bands: channels, 2 … 31.

    Shape: `[batch, samples]` to `[batch, bands, height, width]`.
    """

    def __init__(self, bands: int = 3) -> None:
        super().__init__()
        self.analysis = AnalysisBank(torch.from_numpy(pqmf_filters(bands)[0]).float())

    def forward(self, audio: Tensor) -> Tensor:
        bands = self.analysis.bands
        split = self.analysis(F.pad(audio, (0, -int(audio.shape[-1]) % bands))[:, None])
        length = int(split.shape[-1])
        width = math.isqrt(max(length - 1, 0)) + 1
        height = -(-length // width)
        return F.pad(split, (0, height * width - length)).reshape(-1, bands, height, width)


class Statistics(nn.Module):
    """A few numbers about a sound: levels over time, and how its spectrum is spread.

    Args:
        parts: stretches of equal length that levels are measured in.

    Shape: `[batch, samples]` to `[batch, 3 * parts]`: per stretch the level, the level of the
    slope beside it (brightness) and the peak beside it, as logarithms of about -1 … 1.
    """

    FLOOR = 1e-4

    def __init__(self, parts: int = 16) -> None:
        super().__init__()
        self.parts = parts

    def forward(self, audio: Tensor) -> Tensor:
        parts = F.pad(audio, (0, -int(audio.shape[-1]) % self.parts))
        parts = parts.reshape(len(audio), self.parts, -1)
        level = parts.square().mean(-1).sqrt() + self.FLOOR
        slope = (parts[..., 1:] - parts[..., :-1]).square().mean(-1).sqrt() + self.FLOOR
        peak = parts.abs().amax(-1) + self.FLOOR
        found = [level.log() / 8 + 0.5, (slope / level).log() / 4, (peak / level).log() / 2]
        return torch.cat(found, -1)
