"""Limits of phase modulation, so that the sidebands end below half the sample rate.

A modulation of index I by a tone of frequency f has sidebands at multiples of f around the carrier,
with the Bessel functions of I as amplitudes (Chowning 1973). The formulas here are fitted to the
largest index whose sidebands beyond the n-th stay below -60 dB. A modulator that is modulated
itself counts as a tone at the end of its own band: that is what all its partials stay below.
"""

from __future__ import annotations

import torch
from torch import Tensor

NYQUIST = 0.5  # turns per sample
LOWEST = 1e-6


def fitting(index: Tensor, bands: Tensor, frequency: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of one operator, as large as fits, and the end of its band then.

    Args:
        index: of its modulators, radians, `[batch, modulators, n]`.
        bands: where those end, turns per sample, `[batch, modulators, n]`.
        frequency: of the operator, turns per sample, `[batch, n]`.

    Returns:
        indices `[batch, modulators, n]`, all smaller by the same factor, and the end of the
        operator's band, turns per sample, `[batch, n]`.
    """
    total = index.sum(1)
    # Modulators that do little don't count for much.
    weight = index / (index + 5e-4)
    band = (bands * weight).amax(1).clamp_min(LOWEST)
    orders = (NYQUIST - frequency).clamp_min(0) / band
    beyond = (orders - 1).clamp_min(0)
    most = beyond * beyond / (beyond + 12)
    share = most / (most + (total - most).clamp_min(0) + LOWEST)
    total = total * share
    needed = (total + torch.sqrt(total * total + 48 * total + LOWEST)) / 2
    return index * share[:, None], frequency + band * needed


def fitting_feedback(feedback: Tensor, frequency: Tensor) -> Tensor:
    """A feedback, as large as fits at a frequency in turns per sample, of the same shape."""
    harmonics = NYQUIST / frequency.clamp_min(LOWEST)
    most = ((harmonics - 3) / (harmonics + 3.6)).clamp_min(0)
    return torch.minimum(feedback, most)


def feedback_band(feedback: Tensor, frequency: Tensor) -> Tensor:
    """Where the band of an operator that modulates itself ends, turns per sample."""
    harmonics = (3 + 3.6 * feedback) / (1 - feedback)
    return frequency * (1 + (harmonics - 1) * (20 * feedback).clamp_max(1.0))
