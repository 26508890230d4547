"""Reading a function of time without aliases: points between the samples, and a low-pass over them.

A function can be evaluated anywhere, even in the future. So a filter that looks both ways costs
points but neither latency nor state.
"""

from __future__ import annotations

import torch
from torch import Tensor

from synth.models.inr.live.playhead import ONE, QUARTERS

REACH = 8  # output samples that the filter looks to either side
CUTOFF = 0.46  # of the output's sample rate
BETA = 6.0  # of the Kaiser window: the stop band is 63 dB down
# Read up to this much faster than it was sampled, a sound folds only into the band's top quarter.
UNFILTERED = 2 ** (3.5 / 12)
BLEND = 0.1  # share of that rate over which the filter comes in


def kernel_table() -> Tensor:
    """Filters `[5, 2, taps]` by points per sample: the identity, and the low-pass less it.

    Rows 1, 2 and 4 are used; taps are on the left.
    """
    table = torch.zeros(QUARTERS + 1, 2, 2 * QUARTERS * REACH + 1, dtype=torch.float64)
    table[1, 0, 0] = 1.0
    for points in (2, QUARTERS):
        reach = points * REACH
        at = torch.arange(-reach, reach + 1, dtype=torch.float64) / points
        inside = (1 - (at / REACH).square()).clamp_min(0)
        kernel = torch.sinc(2 * CUTOFF * at) * torch.special.i0(BETA * inside.sqrt())
        table[points, 0, reach] = 1.0
        table[points, 1, : 2 * reach + 1] = kernel / kernel.sum()
        table[points, 1, reach] -= 1.0
    return table.float()


def points_per_sample(rate: Tensor) -> Tensor:
    """Points per output sample that each rate needs: 1, 2 or 4, int64 `[rows, 1]`.

    Args:
        rate: int64 `[rows, 1]`, in 1/2³⁸ sample per output sample.
    """
    fast = rate.abs()
    twice = (fast > int(UNFILTERED * ONE)).long()
    return 1 + twice + 2 * (fast > int(2 * (1 + BLEND) * ONE)).long()


def kernels(rate: Tensor, points: Tensor, table: Tensor) -> Tensor:
    """The filter of each row, `[rows, taps]`, with as many taps as the longest of them needs.

    Args:
        rate: as for `points_per_sample`.
        points: its result.
        table: of `kernel_table`.
    """
    chosen = table[points[:, 0]][:, :, : 2 * halo(points).max() + 1]
    fast = (rate.abs().double() * (1 / (UNFILTERED * ONE))).float()
    share = ((fast - 1) * (1 / BLEND)).clamp(0.0, 1.0)
    return chosen[:, 0] + share * chosen[:, 1]


def halo(points: Tensor) -> Tensor:
    """Points that the filter needs on either side, of the same shape as `points`."""
    return (points > 1).long() * points * REACH


def most_parts(samples: int) -> int:
    """Rows of `samples` points that the fastest head needs for so many output samples."""
    return -(-QUARTERS * (samples + 2 * REACH) // samples)


def decimate(signal: Tensor, kernel: Tensor, points: Tensor, samples: int) -> Tensor:
    """Filter points down to samples, `[rows, samples]`.

    Args:
        signal: `[rows, points]`, from a halo before the first sample on.
        kernel: of `kernels`.
        points: per sample, `[rows, 1]`.
        samples: to be made.
    """
    first = torch.arange(samples) * points
    taps: Tensor = torch.arange(kernel.shape[1])
    index = (first[:, :, None] + taps).flatten(1)
    around = torch.gather(signal, 1, index).reshape(signal.shape[0], samples, -1)
    return (around * kernel[:, None]).sum(2)
