"""Spectra that distances between sounds are taken of: short-time, mel and cepstral.

Mel bands are those of Slaney's Auditory Toolbox (1998): linear below 1 kHz, logarithmic above, each
triangle of equal area.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor, nn

LINEAR_HZ, BREAK_HZ = 200 / 3, 1000.0
LOG_STEP = math.log(6.4) / 27
FLOOR = 1e-10  # of a power
RANGE_DB = 80.0  # below the loudest, where a sound counts as silent


def powers(audio: Tensor, window: int, hop: int) -> Tensor:
    """Powers of short-time spectra, `[batch, frames, bins]`.

    Frames have a Hann window and are centred on multiples of the hop; beyond its ends the sound is
    silent. The transform is longer than the window where that makes it faster.

    Args:
        audio: `[batch, samples]`.
        window: samples, 2 on.
        hop: samples, 1 on.
    """
    missing = max(0, window - window // 2 * 2 - audio.shape[-1])
    padded = nn.functional.pad(audio, (window // 2, window // 2 + missing))
    taper = torch.hann_window(window, dtype=audio.dtype, device=audio.device)
    frames = padded.unfold(-1, window, hop) * taper
    spectrum = torch.fft.rfft(frames, n=transform_size(window))
    power: Tensor = spectrum.real.square() + spectrum.imag.square()
    return power


def magnitudes(audio: Tensor, window: int, hop: int) -> Tensor:
    """Magnitudes of short-time spectra, `[batch, frames, bins]`, as `powers`."""
    return (powers(audio, window, hop) + 1e-16).sqrt()  # its slope at 0 is finite


def mel_power(audio: Tensor, sample_rate: int, window: int, hop: int, bands: int) -> Tensor:
    """Power in mel bands, `[batch, frames, bands]`.

    Args:
        audio: `[batch, samples]`.
        sample_rate: Hz.
        window, hop: samples.
        bands: up to half the rate.
    """
    filters = mel_filters(sample_rate, transform_size(window), bands).to(audio)
    return powers(audio, window, hop) @ filters


@functools.cache
def transform_size(window: int) -> int:
    """The least multiple of 32 from `window` on that has no prime factor above 7."""
    size = -(-window // 32) * 32
    while _has_large_factor(size):
        size += 32
    return size


def _has_large_factor(number: int) -> bool:
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number > 1


def decibels(power: Tensor) -> Tensor:
    """Powers `[batch, frames, bands]` in dB, at least 80 dB below each sound's loudest."""
    db = 10 * torch.log10(power.clamp_min(FLOOR))
    return torch.maximum(db, db.amax((1, 2), keepdim=True) - RANGE_DB)


@functools.lru_cache(maxsize=32)
@torch.inference_mode(False)  # first asked for by an evaluation, they serve gradients afterwards
def mel_filters(sample_rate: int, size: int, bands: int) -> Tensor:
    """Triangles `[size // 2 + 1, bands]`, of equal area."""
    top = float(_mel(torch.tensor(sample_rate / 2, dtype=torch.float64)))
    edges = _hz(torch.linspace(0, top, bands + 2, dtype=torch.float64))
    bins = torch.arange(size // 2 + 1, dtype=torch.float64) * (sample_rate / size)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - low) / (centre - low)
    falling = (high - bins[:, None]) / (high - centre)
    return (torch.minimum(rising, falling).clamp_min(0) * (2 / (high - low))).float()


@functools.lru_cache(maxsize=8)
def cosines(bands: int, count: int) -> Tensor:
    """The first `count` cosines of the orthonormal DCT-II, `[bands, count]`."""
    place = (torch.arange(bands, dtype=torch.float64) + 0.5) / bands
    order = torch.arange(count, dtype=torch.float64)
    table = torch.cos(math.pi * place[:, None] * order) * math.sqrt(2 / bands)
    table[:, 0] /= math.sqrt(2)
    return table.float()


def _mel(hz: Tensor) -> Tensor:
    """Slaney's mel of frequencies in Hz."""
    above = BREAK_HZ / LINEAR_HZ + torch.log(hz.clamp_min(BREAK_HZ) / BREAK_HZ) / LOG_STEP
    return torch.where(hz < BREAK_HZ, hz / LINEAR_HZ, above)


def _hz(mel: Tensor) -> Tensor:
    start = BREAK_HZ / LINEAR_HZ
    above = BREAK_HZ * torch.exp(LOG_STEP * (mel - start).clamp_min(0))
    return torch.where(mel < start, mel * LINEAR_HZ, above)
