"""`FrameReader`: partials, and the noise between them, from the magnitudes of a frame.

A sinusoid's magnitudes in the bands next to it add up to its amplitude, because windows overlap by
half. So the amplitude of a partial is the sum over its cell, the bands nearest to it: that finds
partials that are a little out of place, too. Where there is hardly a band from one partial to the
next, each has a share of the power of its cell.

Near the model's floor, where its frames hover, what is heard fades: none at the floor, all of it at
twice the floor.

Between partials lies noise: the geometric mean of some bands in the middle of each gap, which stray
partials hardly move. Where gaps are too narrow to look into, noise keeps the ratio to the partials
that it has in the highest gaps. Below the first partial it is read in several places.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

APART = 4 / 3  # bands from one partial to the next, from which on magnitudes add up
READABLE = 2.6  # bands from one partial to the next, from which on the gap between them is seen
WIDEST = 2.0  # bands to either side of a partial that are its cell
TAPS = 6
GAP_TAPS = 4
GUARD = 2.0  # bands next to a partial that may hold something of it
OCTAVES_BELOW = (3.0, 2.0, 1.0)  # the first partial, where noise is read as well
AROUND = 6.0  # bands to either side of those places that are looked into
NEAREST, FURTHEST = 4.0, 20.0  # bands below the first partial that are looked into beside it
LOWER = len(OCTAVES_BELOW) + 1
EDGE = 8  # gaps from which the noise further up is guessed
HANN_POWER = 0.75  # sum of the squares of a sinusoid's magnitudes over its square, on average
MOST_PARTIALS = 128
BLURRED = 1.5  # the floor of a partial, which is a sum of bands, over that of a band
STRAY = 0.35  # nepers by which noise in a gap may exceed what is at the places next to it
STRAY_POWER = 4.0  # square of a partial over the mean square of its magnitudes in a gap
TINY = 1e-9


class Heard(NamedTuple):
    """Amplitudes of partials `[rows, partials]`; magnitudes of the noise at `FrameReader.places`,
    `[rows, places]`."""

    partials: Tensor
    noise: Tensor


class FrameReader(nn.Module):
    """Reads frames at whole keys.

    Args:
        frequencies: Hz, of the bands, `[bands]`.
        lowest, highest: MIDI keys.
        floor: magnitude at and below which nothing is heard.

    Attributes:
        partials: number of them.
        places: Hz, where noise is read at each key, rising, `[keys, places]`: below the first
            partial, close to it, and between partials.
    """

    places: Tensor
    taps: Tensor
    weights: Tensor
    summed: Tensor
    readable: Tensor
    edge: Tensor

    def __init__(self, frequencies: Tensor, lowest: int, highest: int, floor: float) -> None:
        super().__init__()
        known = frequencies.double().cpu().numpy()
        bands, top = len(known), float(known[-1])
        self.lowest, self.highest, self.bands, self.floor = lowest, highest, bands, floor
        self.partials = min(max(int(top / _hertz(lowest)), 1), MOST_PARTIALS)
        rows: list[tuple[np.ndarray, ...]] = []
        for key in range(lowest, highest + 1):
            partial = _hertz(key) * np.arange(1, self.partials + 2)
            place = np.interp(np.log(partial), np.log(known), np.arange(bands))
            spacing = np.maximum(np.diff(place), 1e-6)
            place, there = place[:-1], partial[:-1] <= top
            seen = (spacing >= READABLE) & there
            half = np.minimum(spacing / 2, WIDEST)
            offset = np.floor(place).astype(np.int64)[:, None] - 2 + np.arange(TAPS)
            weight = np.clip(half[:, None] + 0.5 - np.abs(offset - place[:, None]), 0, 1)
            weight *= there[:, None] & (offset >= 0) & (offset < bands)
            low, high = _looked_into(_hertz(key), known, spacing, place)
            gaps = np.rint(low[:, None] + np.linspace(0, 1, GAP_TAPS) * (high - low)[:, None])
            gaps = gaps.astype(np.int64)
            taps = np.clip(np.concatenate([offset.ravel(), gaps.ravel()]), 0, bands - 1)
            edge = _last(seen, not bool(np.all(seen[there])))
            middle = _hertz(key) * (np.arange(self.partials) + 1.5)
            below = np.interp(0.5 * (low + high)[:LOWER], np.arange(bands), known)
            places = np.concatenate([below, middle])
            rows.append((taps, weight, spacing >= APART, seen, edge, places))
        taps, weights, summed, seen, edge, places = (
            np.stack(part) for part in zip(*rows, strict=True)
        )
        self.register_buffer("taps", torch.from_numpy(taps.astype(np.int16)))
        self.register_buffer("weights", torch.from_numpy(weights).float())
        self.register_buffer("summed", torch.from_numpy(summed))
        self.register_buffer("readable", torch.from_numpy(seen))
        self.register_buffer("edge", torch.from_numpy(edge).float())
        self.register_buffer("places", torch.from_numpy(places), persistent=False)

    def forward(self, magnitude: Tensor, row: Tensor) -> Heard:
        """What is heard in frames.

        Args:
            magnitude: `[rows, bands]`.
            row: int64 `[rows]`, keys above `lowest`.
        """
        found = torch.gather(magnitude, 1, self.taps[row].long())
        sizes = [self.partials * TAPS, (self.partials + LOWER) * GAP_TAPS]
        cells, gaps = torch.split(found, sizes, 1)
        cells = cells.reshape(-1, self.partials, TAPS)
        gaps = gaps.reshape(-1, self.partials + LOWER, GAP_TAPS)
        weights = self.weights[row]
        weighted = weights * cells
        size = weights.sum(2).clamp_min(TINY)
        power = (weighted * cells).sum(2)
        level = 0.5 * (power / size).clamp_min(TINY**2).log()
        noise, stray = self._noise(gaps, level, row)
        between = 0.5 * (noise[:, LOWER - 1 : -1] + noise[:, LOWER:])
        sums = weighted.sum(2).square() - (between * size).square()
        shares = (power - size * between.square()) / HANN_POWER
        amplitude = (torch.where(self.summed[row], sums, shares).clamp_min(0) + stray).sqrt()
        return Heard(_faded(amplitude, BLURRED * self.floor), _faded(noise, self.floor))

    def _noise(self, gaps: Tensor, level: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        """Noise in all gaps, and the squares of partials that lie in the gap above their place.

        A string's partials are stretched: the higher ones stand between the places where they are
        looked for. What is louder in a gap than at the places is such a partial, not noise.
        """
        seen = gaps.clamp_min(TINY).log().mean(2)
        below, above = torch.split(seen, [LOWER, self.partials], 1)
        limited = torch.minimum(above, level + STRAY)
        found = (2 * above).exp() - (2 * limited).exp()
        stray = torch.where(self.readable[row], STRAY_POWER * found, 0.0)
        ratio = (self.edge[row] * (limited - level)).sum(1, keepdim=True).clamp_max(0)
        noise = torch.where(self.readable[row], limited, ratio + level)
        return torch.cat([below, noise], 1).exp(), stray


def _faded(size: Tensor, floor: float) -> Tensor:
    """Nothing at and below a floor, all from twice the floor on."""
    return size * (size / floor - 1).clamp(0, 1)


def hertz(key: Tensor) -> Tensor:
    """Frequencies of MIDI keys."""
    return 440.0 * torch.exp((key - 69.0) * (math.log(2.0) / 12))


def _hertz(key: int) -> float:
    return float(440.0 * 2.0 ** ((key - 69) / 12))


def _looked_into(
    fundamental: float, known: np.ndarray, spacing: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """First and last band that are looked into for noise, `[LOWER + partials]` each."""
    octaves = fundamental * 2.0 ** -np.array(OCTAVES_BELOW)
    below = np.interp(np.log(octaves), np.log(known), np.arange(len(known)))
    margin = np.minimum(np.maximum(GUARD, spacing / 4), spacing / 2)
    low = np.concatenate([below - AROUND, [place[0] - FURTHEST], place + margin])
    high = np.concatenate([below + AROUND, [place[0] - NEAREST], place + spacing - margin])
    return np.maximum(low, 0.0), np.maximum(high, 0.0)


def _last(clear: np.ndarray, wanted: bool) -> np.ndarray:
    """Shares of the last resolved partials in the guess of the noise above them."""
    made = np.zeros(len(clear))
    last = np.flatnonzero(clear)[-EDGE:]
    if wanted and len(last):
        made[last] = 1 / len(last)
    return made
