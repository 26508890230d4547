"""The windows of the bands over the spectrum.

Every band sees the spectrum through a Hann window whose two halves reach to the centres of its
neighbours, so that the windows of adjacent bands add up to 1. The sum of their squares then lies
between 1/2 and 1, whatever the scale, and that makes a well-conditioned frame. A half is at least 2
bins wide: where a signal is so short that its bands lie closer than that, the windows overlap more
and the sum grows, but it never shrinks.

What lies below the lowest and above the highest band belongs to two rest bands, which are flat and
symmetric around 0 Hz and the Nyquist frequency. All other bands see positive frequencies only.

Source of the idea: Velasco et al. 2011, Constructing an invertible constant-Q transform with
nonstationary Gabor frames; there the windows are symmetric.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.contract import ConfigError
from synth.dsp.nsgt.scales import Scale

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NARROWEST = 2.0  # bins, the least half width of a window


@dataclass(frozen=True)
class Entries:
    """The bins of the spectrum under the windows of all bands, one entry each, band after band.

    Attributes:
        band: its index; 0 and the last one are the rest bands in the full form.
        bin: of the half spectrum, 0 … length // 2.
        mirrored: whether the entry takes the conjugate of the bin, as the negative frequencies of
            a real signal are.
        offset: of the entry from the centre of its band, bins.
        window: 0 … 1.
        weight: the window, scaled so that a sinusoid has its amplitude in the band.
    """

    band: Ints
    bin: Ints
    mirrored: NDArray[np.bool_]
    offset: Ints
    window: Floats
    weight: Floats


@dataclass(frozen=True)
class Bands:
    """Where the bands lie in the spectrum of a signal of a given length.

    Attributes:
        length: samples; frequencies: Hz, of all bands.
        centres: of the bands, rounded to bins: coefficients are moved down by that frequency.
        widths: bins from the first to the last one under each window.
        entries: the windows.
    """

    length: int
    frequencies: Floats
    centres: Ints
    widths: Ints
    entries: Entries


def lay_bands(scale: Scale, sample_rate: int, length: int, reduced: bool) -> Bands:
    """The windows of all bands.

    Args:
        scale: frequencies below half the sample rate.
        sample_rate: Hz; length: samples.
        reduced: without the two rest bands.

    Raises:
        ConfigError: a band at or above the Nyquist frequency, or a signal shorter than one period
            of the lowest band.
    """
    frequencies = np.asarray(scale.frequencies)
    _check(frequencies, sample_rate, length)
    parts = list(_windows(frequencies * length / sample_rate, length))
    nyquist = sample_rate / 2
    hertz = np.concatenate([[0.0], frequencies, [nyquist]])
    if reduced:
        parts, hertz = parts[1:-1], hertz[1:-1]
    centres = np.rint(hertz * length / sample_rate).astype(np.int64)
    sizes = np.array([len(places) for places, _ in parts])
    band = np.repeat(np.arange(len(parts)), sizes)
    place = np.concatenate([places for places, _ in parts])
    window = np.concatenate([window for _, window in parts])
    # A band of positive frequencies alone holds half of a sinusoid, a rest band both halves.
    rest = (hertz == 0) | (hertz == nyquist)
    weight = window * np.where(rest, 1.0, 2.0)[band] / length
    mirrored = (place < 0) | (2 * place > length)
    folded = np.where(mirrored, np.where(place < 0, -place, length - place), place)
    entries = Entries(band, folded, mirrored, place - centres[band], window, weight)
    return Bands(length, hertz, centres, sizes, entries)


def filled(scale: Scale, sample_rate: int, length: int) -> tuple[Scale, slice]:
    """A scale with bands in the rest below and above it, too, as far apart as its own at most.

    Args:
        scale: to fill up.
        sample_rate: Hz; length: samples.

    Returns:
        the filled scale, and which of its bands are those of `scale`.

    Raises:
        ConfigError: as for `lay_bands`.
    """
    own, nyquist = np.asarray(scale.frequencies), sample_rate / 2
    _check(own, sample_rate, length)
    widest = np.diff(own).max() if len(own) > 1 else nyquist
    widest = max(float(widest), NARROWEST * sample_rate / length)
    steps = math.ceil(own[0] / widest), math.ceil((nyquist - own[-1]) / widest)
    below = np.linspace(0, own[0], steps[0] + 1)[1:-1]
    above = np.linspace(own[-1], nyquist, steps[1] + 1)[1:-1]
    frequencies = tuple(float(f) for f in np.concatenate([below, own, above]))
    return Scale(scale.name, frequencies), slice(len(below), len(below) + len(own))


def _windows(centres: Floats, length: int) -> Iterator[tuple[Ints, Floats]]:
    """Bins (below 0 and above length / 2 too) and weights of every band, rest bands outside."""
    nyquist = length / 2
    gaps = np.diff(centres)
    lower = min(gaps[0] if len(gaps) else centres[0], centres[0])
    upper = min(gaps[-1] if len(gaps) else nyquist - centres[-1], nyquist - centres[-1])
    below = np.concatenate([[lower], gaps])
    above = np.concatenate([gaps, [upper]])
    yield _rest(0.0, centres[0], max(lower, min(NARROWEST, centres[0])))
    for centre, left, right in zip(
        centres, np.maximum(below, NARROWEST), np.maximum(above, NARROWEST), strict=True
    ):
        first = max(int(np.floor(centre - left)) + 1, 0)
        last = min(int(np.ceil(centre + right)) - 1, length // 2)
        place = np.arange(first, last + 1)
        away = place - centre
        yield place, _slope(1 - np.where(away < 0, -away / left, away / right))
    room = nyquist - centres[-1]
    yield _rest(nyquist, room, max(upper, min(NARROWEST, room)))


def _rest(centre: float, reach: float, slope: float) -> tuple[Ints, Floats]:
    """A band that is flat around `centre` and falls to 0 over the last `slope` of its `reach`."""
    first, last = int(np.floor(centre - reach)) + 1, int(np.ceil(centre + reach)) - 1
    place = np.arange(first, last + 1)
    return place, _slope((reach - np.abs(place - centre)) / slope)


def _slope(share: Floats) -> Floats:
    """A raised cosine from 0 to 1 as `share` goes from 0 to 1, constant outside."""
    slope: Floats = np.sin(np.pi / 2 * share.clip(0, 1)) ** 2
    return slope


def _check(frequencies: Floats, sample_rate: int, length: int) -> None:
    nyquist = sample_rate / 2
    if frequencies[-1] >= nyquist:
        first = int(np.argmax(frequencies >= nyquist))
        raise ConfigError(
            f"band {first + 1} of {len(frequencies)} lies at {frequencies[first]:.6g} Hz, and a"
            f" sample rate of {sample_rate} Hz holds frequencies below {nyquist:g} Hz; lower the"
            " top of the scale or raise the sample rate"
        )
    shortest = int(np.ceil(sample_rate / frequencies[0]))
    if length < shortest:
        raise ConfigError(
            f"a signal of {length} samples is shorter than one period of the lowest band"
            f" ({frequencies[0]:.6g} Hz); give at least {shortest} samples, or a scale that begins"
            f" above {sample_rate / max(length, 1):.6g} Hz"
        )
