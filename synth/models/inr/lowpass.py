"""Reading a function of time without aliases: points between the samples, and a low-pass over them.

A function can be evaluated anywhere, later than now too. So a filter that looks both ways costs
points and neither latency nor state.
"""

from __future__ import annotations

import torch
from torch import Tensor

from synth.models.inr.playhead import ONE, QUARTERS

REACH = 8  # output samples that the filter looks to either side
CUTOFF = 0.46  # of the output's sample rate
BETA = 6.0  # of the Kaiser window: what is stopped is 63 dB down
# What is read up to so much faster than it was sampled folds only into the top fifth of the band.
UNFILTERED = 2 ** (3 / 12)
BLEND = 0.1  # share of that rate over which the filter comes in


def kernel_table() -> Tensor:
    """The filter at four points per output sample, `[2 * 4 * REACH + 1]`, its sum 1."""
    at = torch.arange(-QUARTERS * REACH, QUARTERS * REACH + 1, dtype=torch.float64) / QUARTERS
    inside = (1 - (at / REACH).square()).clamp_min(0)
    window = torch.special.i0(BETA * inside.sqrt())
    table: Tensor = torch.sinc(2 * CUTOFF * at) * window
    return (table / table.sum()).float()


def points_per_sample(rate: Tensor) -> Tensor:
    """1, 2 or 4: what the fastest of `rate` (int64, in 1/2³⁸ sample of the sound) asks for.

    A scalar int64 tensor, so that a traced graph decides at run time.
    """
    fastest = rate.abs().max()
    twice = (fastest > int(UNFILTERED * ONE)).long()
    return 1 + twice + 2 * (fastest > int(2 * (1 + BLEND) * ONE)).long()


def kernels(rate: Tensor, points: Tensor, table: Tensor) -> Tensor:
    """The filter of each row, `[rows, taps]`: one tap for rows that need none.

    Args:
        rate: `[rows, 1]`; points: of `points_per_sample`; table: of `kernel_table`.
    """
    reach = halo(points)
    taps: Tensor = torch.arange(2 * reach + 1) - reach  # type: ignore[call-overload]
    stride = torch.div(QUARTERS, points, rounding_mode="floor")
    low_pass = table[taps * stride + QUARTERS * REACH]
    low_pass = low_pass / low_pass.sum()
    identity = (taps == 0).to(table.dtype)
    fast = rate.abs().double() / ONE / UNFILTERED
    share = ((fast - 1) / BLEND).clamp(0.0, 1.0).to(table.dtype)
    return identity + share * (low_pass - identity)


def halo(points: Tensor) -> Tensor:
    """How many points the filter needs on either side, scalar int64."""
    return (points > 1).long() * points * REACH


def decimate(signal: Tensor, kernel: Tensor, points: Tensor, samples: int) -> Tensor:
    """Filter `[rows, 2 * halo + samples * points]` down to `[rows, samples]`."""
    first: Tensor = torch.arange(samples)[:, None] * points
    taps: Tensor = torch.arange(kernel.shape[1])
    around = signal[:, (first + taps).flatten()].reshape(signal.shape[0], samples, -1)
    return (around * kernel[:, None]).sum(2)
