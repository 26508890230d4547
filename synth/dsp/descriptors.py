"""Descriptors of a spectrum: how loud, bright, wide and noisy the sound of a frame is.

Each of them is that of the sound and not of the bands, so that scales of frequencies can be
compared. The magnitude of a band is the amplitude of a sinusoid at its frequency, as `NSGT` scales
it, hence

- the square of a band's magnitude is power: that of a partial in it, or of the part of a noise that
  falls into it, which grows with the band's width. Centroid, bandwidth and rolloff weigh by it.
- a sinusoid between two bands has magnitudes in them that add up to its amplitude, as windows
  overlap by half. Loudness takes neighbours together so; noise then counts 3 dB too much.
- flatness compares magnitudes per root of the band's width in Hz, which are even in white noise.

All is differentiable, made of operations that ONNX has, and, but for loudness, free of gain.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from synth.contract import ConfigError

SILENCE_DB = -120.0  # of frames of at most that loudness nothing else can be told
ROLLOFF = 0.85
DEEPEST = (
    1e-5  # times the mean; for flatness a quieter band counts as that, as zeros would hide all
)
TINY = 1e-30


class Descriptors(NamedTuple):
    """Descriptors of frames, each `[*]`.

    Attributes:
        loudness: dB of full scale, RMS, at least -120: a sine of amplitude 1 has -3.01.
        centroid: Hz, mean frequency of the power.
        bandwidth: Hz, standard deviation of the frequency of the power.
        flatness: 0 … 1, geometric over arithmetic mean of the magnitude along Hz: near 0 for a
            sine and 1 for an even spectrum. In one frame of white noise magnitudes scatter, which
            leaves 0.85.
        rolloff: Hz, below it lies a share of the power.
    """

    loudness: Tensor
    centroid: Tensor
    bandwidth: Tensor
    flatness: Tensor
    rolloff: Tensor


NAMES = Descriptors._fields


def describe(magnitude: Tensor, frequencies: Tensor, share: float = ROLLOFF) -> Descriptors:
    """Descriptors of frames; a silent one has a loudness of -120 dB and 0 in all the rest.

    Args:
        magnitude: at least 0, full scale is 1, `[*, bands]`.
        frequencies: Hz, of the bands, ascending, `[bands]`; at least two.
        share: of the power, that lies below the rolloff, above 0 and below 1.

    Raises:
        ConfigError: frequencies don't go with the bands, or a share out of range.

    Source: Peeters 2004, A large set of audio features for sound description, section 6.
    """
    if frequencies.ndim != 1 or magnitude.shape[-1] != len(frequencies) or len(frequencies) < 2:
        raise ConfigError(
            f"frequencies {list(frequencies.shape)} don't go with magnitudes"
            f" {list(magnitude.shape)}; give one for each band, of at least two"
        )
    if not 0 < share < 1:
        raise ConfigError(f"share is {share:g}; above 0 and below 1 is allowed")
    frequencies = frequencies.to(magnitude)
    edges = band_edges(frequencies)
    power = magnitude**2
    total = power.sum(-1)
    sounding = _mean_power(magnitude, power) > 10 ** (SILENCE_DB / 10)
    some = total.clamp_min(TINY)
    centroid = (power @ frequencies) / some
    spread = (power * (frequencies - centroid[..., None]) ** 2).sum(-1) / some
    values = {
        "centroid": centroid,
        "bandwidth": spread.clamp_min(TINY).sqrt(),
        "flatness": _flatness(magnitude, edges),
        "rolloff": _rolloff(power, edges, share),
    }
    silent = torch.zeros_like(total)
    told = {name: torch.where(sounding, value, silent) for name, value in values.items()}
    return Descriptors(loudness_db(magnitude), **told)


def loudness_db(magnitude: Tensor) -> Tensor:
    """RMS level in dB of full scale, at least -120, `[*]`, of magnitudes `[*, bands]`."""
    lowest = 10 ** (SILENCE_DB / 10)
    power = _mean_power(magnitude, magnitude**2).clamp_min(lowest)
    return power.log() * (10 / math.log(10))


def band_edges(frequencies: Tensor) -> Tensor:
    """Hz, `[bands + 1]`: half-way between two bands, and as far beyond the first and the last."""
    middles = (frequencies[1:] + frequencies[:-1]) / 2
    first, last = 2 * frequencies[:1] - middles[:1], 2 * frequencies[-1:] - middles[-1:]
    return torch.cat([first, middles, last])


def _mean_power(magnitude: Tensor, power: Tensor) -> Tensor:
    # (a + b)^2 / 2 for the two neighbours of magnitudes a and b that a sinusoid excites.
    neighbours = (magnitude[..., 1:] * magnitude[..., :-1]).sum(-1)
    return power.sum(-1) / 2 + neighbours


def _flatness(magnitude: Tensor, edges: Tensor) -> Tensor:
    width = edges[1:] - edges[:-1]
    share = width / width.sum()
    density = magnitude / width.sqrt()
    relative = density / (density @ share)[..., None].clamp_min(TINY)
    return (relative.clamp_min(DEEPEST).log() @ share).exp()


def _rolloff(power: Tensor, edges: Tensor, share: float) -> Tensor:
    """Power is spread evenly over each band; whole bands below the rolloff and a part of one."""
    before = power.cumsum(-1) - power
    wanted = share * power.sum(-1, keepdim=True)
    reached = ((wanted - before) / power.clamp_min(TINY)).clamp(0, 1)
    return edges[0] + reached @ (edges[1:] - edges[:-1])
