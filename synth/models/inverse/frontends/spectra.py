"""Powers in bands of frequency over time, from fixed or learned filters."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.contract import ConfigError, require_within
from synth.dsp.spectrum import frames_of, log_edges, mel_edges, power_spectrum, triangles

LOWEST_MEL_HZ, LOWEST_LOG_HZ = 20.0, 30.0
SCALES = ("mel", "log")
RESOLUTIONS = 5
OVERLAP = 4  # frames of a short window that a sample lies in, at least


class BandPower(nn.Module):
    """Power in triangular bands; a full-scale sine has 1.

    Args:
        sample_rate: Hz, 8000 or more.
        bands: number of bands.
        window: samples of a frame, under a Hann window.
        hop: samples from frame to frame.
        scale: "mel", from 20 Hz, or "log", from 30 Hz, evenly spaced up to the Nyquist frequency.

    Raises:
        ConfigError: a value is out of its range.

    Shape: `[batch, samples]` to `[batch, 1, bands, samples // hop + 1]`.
    """

    def __init__(
        self, sample_rate: int, bands: int, window: int, hop: int, scale: str = "mel"
    ) -> None:
        super().__init__()
        self.window, self.hop = window, hop
        self.hann: Tensor
        self.filters: Tensor
        self.register_buffer("hann", _window(window), persistent=False)
        filters = _filters(sample_rate, bands, window, hop, scale)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        frames = frames_of(audio, self.window, self.hop)
        # One sound after the other: what belongs to one fits into the cache, twice as fast.
        powers = [power_spectrum(f * self.hann) @ self.filters for f in torch.split(frames, 1)]
        return torch.cat(powers).transpose(1, 2)[:, None]


class TrainedBandPower(nn.Module):
    """`BandPower` whose windowed Fourier transform and bands are weights.

    Args:
        sample_rate, bands, window, hop, scale: as for `BandPower`, which it starts as.

    Shape: as `BandPower`.
    """

    def __init__(
        self, sample_rate: int, bands: int, window: int, hop: int, scale: str = "mel"
    ) -> None:
        super().__init__()
        self.window, self.hop = window, hop
        self.filters = nn.Parameter(_filters(sample_rate, bands, window, hop, scale))
        time, frequency = np.arange(window), np.arange(window // 2 + 1)
        angle = np.outer(time, frequency) % window * (2 * math.pi / window)
        waves = torch.from_numpy(np.stack([np.cos(angle), np.sin(angle)])).float()
        self.waves = nn.Parameter(waves * _window(window)[:, None])

    def forward(self, audio: Tensor) -> Tensor:
        frames = frames_of(audio, self.window, self.hop)
        power = (frames @ self.waves[0]).square() + (frames @ self.waves[1]).square()
        # Learned filters may subtract; a power can't be negative.
        return F.relu(power @ self.filters).transpose(1, 2)[:, None]


class MultiBandPower(nn.Module):
    """`BandPower` at several resolutions of time and frequency, one channel each.

    Each window is half as long as the one before. Short windows have short hops, so that they miss
    nothing; their powers are averaged over a hop.

    Args:
        sample_rate, bands, hop, scale: as for `BandPower`.
        window: samples of the second longest window.
        resolutions: number of windows.

    Shape: `[batch, samples]` to `[batch, resolutions, bands, samples // hop + 1]`.
    """

    def __init__(
        self,
        sample_rate: int,
        bands: int,
        window: int,
        hop: int,
        scale: str = "log",
        resolutions: int = RESOLUTIONS,
    ) -> None:
        super().__init__()
        require_within("resolutions", resolutions, 1, 16)
        windows = [2 * window >> i for i in range(resolutions)]
        self.averaged = [_divisor(hop, max(length // OVERLAP, 1)) for length in windows]
        self.powers = nn.ModuleList(
            BandPower(sample_rate, bands, length, hop // count, scale)
            for length, count in zip(windows, self.averaged, strict=True)
        )

    def forward(self, audio: Tensor) -> Tensor:
        made = [
            _averaged(power(audio), count)
            for power, count in zip(self.powers, self.averaged, strict=True)
        ]
        return torch.cat(made, 1)


class Logarithm(nn.Module):
    """Powers as logarithms of about 0 … 5, where 0 is silence.

    Args:
        floor: power that disappears; that of a full-scale sine is 1.

    Shape: any.
    """

    def __init__(self, floor: float = 1e-8) -> None:
        super().__init__()
        self.floor = floor

    def forward(self, power: Tensor) -> Tensor:
        # Not log(power + floor): an exporter takes so small a number for zero and leaves it out.
        return torch.log1p(power / self.floor) / 4


class ThreeViews(nn.Module):
    """Powers beside their logarithms above a low and a high floor, each normalised by its batch.

    Args:
        channels: of the powers.

    Shape: `[batch, channels, height, width]` to `[batch, 3 * channels, height, width]`.
    """

    LOW, HIGH = 1e-6, 1e-2

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3 * channels)

    def forward(self, power: Tensor) -> Tensor:
        views = [power, torch.log1p(power / self.LOW), torch.log1p(power / self.HIGH)]
        return self.norm(torch.cat(views, 1))  # type: ignore[no-any-return]


def _filters(sample_rate: int, bands: int, window: int, hop: int, scale: str) -> Tensor:
    require_within("sample_rate", sample_rate, 8_000, 192_000)
    require_within("bands", bands, 1, 2_048)
    require_within("window", window, 16, 65_536)
    require_within("hop", hop, 1, 65_536)
    if scale not in SCALES:
        raise ConfigError(f"scale {scale!r} is unknown; known are {', '.join(SCALES)}")
    if scale == "mel":
        return triangles(mel_edges(bands, LOWEST_MEL_HZ, sample_rate / 2), sample_rate, window)
    return triangles(log_edges(bands, LOWEST_LOG_HZ, sample_rate / 2), sample_rate, window)


def _window(window: int) -> Tensor:
    """Hann's, scaled so that a full-scale sine has the power 1."""
    hann = torch.hann_window(window)
    return hann * (2 / hann.sum())


def _divisor(number: int, most: int) -> int:
    """The least count of equal parts of a number that are no longer than `most`."""
    counts = range(1, number + 1)
    return next(c for c in counts if number % c == 0 and number // c <= most)


def _averaged(power: Tensor, count: int) -> Tensor:
    """Means of `count` frames each, silence after the last."""
    if count == 1:
        return power
    missing = -int(power.shape[-1]) % count
    padded = F.pad(power, (0, missing))
    return padded.reshape(*padded.shape[:-1], -1, count).mean(-1)
