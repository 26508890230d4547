"""Reading a signal at a varying rate.

Positions are fixed-point integers of 1/2²⁴ sample, so that a block read in one go and the same
block read in pieces meet the very same positions: no drift, and streamed equals whole.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

FRACTION_BITS = 24
ONE = 1 << FRACTION_BITS
PHASE_BITS = 12
TAPS = 16
HALF = TAPS // 2


def interpolation_table() -> Tensor:
    """Kaiser-windowed sinc, `[4097, 16]`: row p interpolates at p/4096 after tap 7.

    β = 8 puts the window's side lobes 80 dB down; reading at the nearest of 4096 phases errs by at
    most 1/8192 sample, -74 dB at a quarter of the sample rate. Row 0 is exactly one tap: reading at
    whole positions changes nothing. Reading faster than one sample per sample aliases what lies
    above the new Nyquist frequency, as samplers do; the range of the transposition keeps it small.
    """
    phases = torch.arange((1 << PHASE_BITS) + 1, dtype=torch.float64) / (1 << PHASE_BITS)
    distance = torch.arange(-HALF + 1, HALF + 1, dtype=torch.float64) - phases[:, None]
    inside = (1 - (distance / HALF).square()).clamp_min(0)
    beta = torch.tensor(8.0, dtype=torch.float64)
    window = torch.special.i0(beta * inside.sqrt()) / torch.special.i0(beta)
    table = torch.sinc(distance) * window
    table = table / table.sum(1, keepdim=True)  # unity gain at 0 Hz at every phase
    return torch.where(table.abs() < 1e-15, 0.0, table).float()


def read_at(signal: Tensor, position: Tensor, table: Tensor) -> Tensor:
    """Read `signal` at fractional positions.

    Args:
        signal: `[batch, channels, samples]`.
        position: int64 `[batch, n]` in 1/2²⁴ sample; the 7 samples before and 8 after each must
            exist: 7 <= position / 2²⁴ < samples - 8.
        table: of `interpolation_table`.

    Returns:
        `[batch, channels, n]`.
    """
    whole = torch.div(position, ONE, rounding_mode="floor")
    step = 1 << (FRACTION_BITS - PHASE_BITS)
    phase = torch.div(position - whole * ONE + step // 2, step, rounding_mode="floor")
    weights = table[phase]  # [batch, n, taps]
    taps = torch.arange(-HALF + 1, HALF + 1, device=signal.device)
    index = (whole[:, :, None] + taps).flatten(1)[:, None]
    index = index + torch.zeros(int(signal.shape[1]), 1, dtype=torch.int64, device=index.device)
    picked = torch.gather(signal, 2, index)
    picked = picked.reshape(signal.shape[0], signal.shape[1], -1, TAPS)
    return (picked * weights[:, None]).sum(3)


def increment(semitones: Tensor) -> Tensor:
    """Step between read positions for a transposition, int64 in 1/2²⁴ sample.

    Args:
        semitones: of any shape, positive is higher.
    """
    return torch.round(torch.exp(semitones * (math.log(2.0) / 12)) * ONE).long()
