"""Super-resolution: a sound between the samples that it was learned from.

A network is read at r times as many points as the sound has samples. Up to the old Nyquist
frequency they should be the sound; above it nothing is known, and anything there is invented. So
there are two figures, both against the band-limited interpolation of the sound, which is exact
below that frequency and silent above it:

- the error in band, which is the same at every r for a network that is right between the samples;
- the log-spectral distance above the band: how many dB the invented part lies over silence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

WINDOW = 512  # samples at the old rate, so that the bins are the same at every ratio
FLOOR_DB = -100.0  # below a full-scale sine: anything softer counts as silence


@dataclass(frozen=True)
class Resolution:
    """Means over sounds.

    Attributes:
        in_band: sum of squared errors of a sound up to the old Nyquist frequency, per point at the
            old rate: at r = 1 the sum over its samples.
        above_db: log-spectral distance above that frequency in dB; 0 at r = 1.
    """

    in_band: float
    above_db: float


def super_resolution(made: Tensor, meant: Tensor, ratio: int) -> Resolution:
    """Judge sounds at `ratio` times their rate.

    Args:
        made, meant: `[sounds, samples * ratio]`; `meant` is the band-limited interpolation of the
            sounds or, to judge the invented part, a recording at the higher rate.
        ratio: of the rates, at least 1.
    """
    made, meant = made.cpu().double(), meant.cpu().double()
    points = made.shape[-1]
    power = torch.fft.rfft(made - meant).abs().square() / points
    edge = points // (2 * ratio)  # bin of the old Nyquist frequency
    in_band = 2 * power[:, : edge + 1].sum(1) - power[:, 0]
    if points % 2 == 0 and ratio == 1:
        in_band = in_band - power[:, edge]  # the last bin of all has no mirror image
    above = _above_db(made, meant, ratio) if ratio > 1 else 0.0
    return Resolution(float(in_band.mean()) / ratio, above)


def _above_db(made: Tensor, meant: Tensor, ratio: int) -> float:
    """Mean over frames of the root mean square over bins of the difference of levels."""
    difference = _levels_db(made, ratio) - _levels_db(meant, ratio)
    return float(difference.square().mean(-1).sqrt().mean())


def _levels_db(audio: Tensor, ratio: int) -> Tensor:
    """Levels of the bins above the old Nyquist frequency, `[sounds, frames, bins]`."""
    size = WINDOW * ratio
    if audio.shape[-1] < size:
        audio = torch.nn.functional.pad(audio, (0, size - audio.shape[-1]))
    taper = torch.hann_window(size, dtype=audio.dtype, device=audio.device)
    frames = audio.unfold(-1, size, size // 4) * (2 * taper / taper.sum())
    # A window's main lobe is two bins wide: the first bin above is filled from below.
    magnitude = torch.fft.rfft(frames).abs()[..., WINDOW // 2 + 2 :]
    return 20 * torch.log10(magnitude.clamp(min=10 ** (FLOOR_DB / 20)))
