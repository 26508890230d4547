"""Partials of a voice as one period in a table, read at the pace of its pitch.

A table is the sum of all partials, so that reading costs the same for any number of them. From hop
to hop the old table fades into the new one: every partial's amplitude moves in a straight line. The
phase is counted in whole numbers, so that it neither drifts nor depends on how a passage is cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

TURN = 1 << 40  # of the phase
GOLDEN = (math.sqrt(5) - 1) / 2  # whose multiples fill a turn evenly
SCATTER = 0.16  # turns
FADE = (0.42, 0.46)  # share of the sample rate between which partials fade out, against aliases


class Oscillators(nn.Module):
    """Sums of harmonic partials.

    Args:
        partials: number of them.
        hop: samples from one table to the next.
        size: of a table, a power of 2 that is at least 8 times `partials`.
        phases: of the partials, in turns, `[partials]`.

    Attributes:
        waves: a period of every partial, `[partials, size]`.
    """

    waves: Tensor

    def __init__(self, partials: int, hop: int, size: int, phases: Tensor) -> None:
        super().__init__()
        self.partials, self.hop, self.size = partials, hop, size
        number = torch.arange(1, partials + 1)[:, None]
        self.register_buffer("waves", waves_of(number, phases[:, None], size), persistent=False)

    def tables(self, amplitudes: Tensor, frequency: Tensor) -> Tensor:
        """A period of each row, `[rows, size]`.

        Args:
            amplitudes: `[rows, partials]`.
            frequency: of the first partial, in turns per sample, `[rows, 1]`.
        """
        number = torch.arange(1, self.partials + 1) / (FADE[1] - FADE[0])
        height = FADE[1] / (FADE[1] - FADE[0]) - number * frequency
        return torch.matmul(amplitudes * height.clamp(0, 1), self.waves)

    def read(
        self, tables: Tensor, phase: Tensor, before: Tensor, after: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sound `[voices, points * hop]` and the phase after it, int64 `[voices, 1]`.

        Args:
            tables: the one before and those at the end of each hop, `[voices, 1 + points, size]`.
            phase: int64 `[voices, 1]`, in 1/`TURN` of a turn.
            before, after: frequencies in turns per sample, `[voices, 1]`; the first hop glides
                from one to the other, all others have the second.
        """
        points = torch.arange(tables.shape[1] - 1)[None]
        change = (points == 0).to(before.dtype) * (after - before)
        whole = torch.round((after - 0.5 * change).double() * (self.hop * TURN)).long()
        ends = phase + torch.cumsum(whole, 1)
        start = (torch.remainder(ends - whole, TURN).double() * (1 / TURN)).float()
        count = torch.arange(self.hop).float()
        bend = change[..., None] * (count.square() / (2 * self.hop) - count)
        turns = start[..., None] + after[..., None] * count + bend
        at = (turns - torch.floor(turns)) * self.size
        index = torch.floor(at)
        # A table goes on beyond both its ends, for the points next to a place.
        tables = torch.cat([tables[..., -1:], tables, tables[..., :3]], 2)
        beside = torch.arange(4).repeat_interleave(self.hop)
        taps = torch.cat([index, index, index, index], 2).long() + beside
        old, new = (torch.gather(part, 2, taps) for part in (tables[:, :-1], tables[:, 1:]))
        faded = ((count + 1.0) / self.hop).repeat(4)
        sound = _cubic(torch.split(old + faded * (new - old), self.hop, 2), at - index)
        return sound.flatten(1), torch.remainder(ends[:, -1:], TURN)


def _cubic(taps: Sequence[Tensor], share: Tensor) -> Tensor:
    """Lagrange's cubic through four points one apart, at shares between the second and third."""
    a, b, c, d = taps
    last = (d - a) * (1 / 6) + (b - c) * 0.5
    square = (a + c) * 0.5 - b
    first = c - b - square - last
    return b + share * (first + share * (square + share * last))


def waves_of(number: Tensor, phase: Tensor, size: int) -> Tensor:
    """Sines with whole numbers of periods, `[n, size]`.

    Args:
        number: of periods, int64 `[n, 1]`; phase: in turns, `[n, 1]`.
        size: points.
    """
    # Whole numbers before the sine: as exact for the last as for the first.
    turn = torch.remainder(number * torch.arange(size), size)
    return torch.sin(2 * math.pi * (turn.float() / size + phase))


def table_size(partials: int) -> int:
    """Points of a table: at least eight in a period of the highest partial."""
    return max(1 << math.ceil(math.log2(8 * partials)), 512)


def scattered_phases(partials: int) -> Tensor:
    """Phases in turns of partials, all sines but for a fixed scatter.

    Spectra of instruments fall, and sines in phase then add up to a wave with the lowest crest; the
    scatter keeps two notes from adding up like one.

    Args:
        partials: how many.
    """
    number = torch.arange(1, partials + 1, dtype=torch.float64)
    return ((torch.remainder(number * GOLDEN, 1.0) - 0.5) * SCATTER).float()
