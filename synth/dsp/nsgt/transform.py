"""The transform of whole signals."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from synth.dsp.nsgt.scales import Scale

NARROWEST = 4  # bins of the spectrum under a window


class NSGT(nn.Module):
    """Nonstationary Gabor transform in matrix form: as many frames in every band.

    Coefficients are scaled so that a sinusoid of amplitude A at the frequency of a band has the
    magnitude A in it.

    Args:
        scale: frequencies of the bands, all below half the sample rate.
        sample_rate: Hz; length: of the signals, in samples.

    Attributes:
        frequencies: Hz, float64 `[bands]`.
        frames: in every band; frame_rate: of them, in Hz. Frame i is centred on i / frame_rate.
    """

    frequencies: Tensor

    def __init__(self, scale: Scale, sample_rate: int, length: int) -> None:
        super().__init__()
        self.sample_rate, self.length = sample_rate, length
        frequencies = np.asarray(scale.frequencies)
        edges = np.concatenate([[0.0], frequencies, [sample_rate / 2]]) * length / sample_rate
        widths = np.maximum(np.rint(edges[2:] - edges[:-2]).astype(int), NARROWEST)
        centres = np.rint(edges[1:-1]).astype(int)
        self.frames = int(widths.max())
        self.frame_rate = self.frames * sample_rate / length
        place = np.zeros((len(centres), self.frames), np.int64)
        window = np.zeros((len(centres), self.frames))
        for band, (centre, width) in enumerate(zip(centres, widths, strict=True)):
            offset = np.arange(width) - width // 2
            place[band, offset % self.frames] = centre + offset
            window[band, offset % self.frames] = 0.5 + 0.5 * np.cos(2 * math.pi * offset / width)
        size = length // 2 + 1
        inside = (place >= 0) & (place < size)
        window = np.where(inside, window, 0.0)
        self.register_buffer("frequencies", torch.from_numpy(frequencies))
        self.register_buffer("place", torch.from_numpy(np.where(inside, place, 0)))
        self.register_buffer("window", torch.from_numpy(window).float())

    def forward(self, audio: Tensor) -> Tensor:
        """Coefficients, complex `[*, bands, frames]`, of audio `[*, length]`."""
        spectrum = torch.fft.rfft(audio)
        place, window = self.get_buffer("place"), self.get_buffer("window")
        bands = spectrum[..., place] * window
        return torch.fft.ifft(bands) * (2 * self.frames / self.length)
