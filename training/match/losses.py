"""Losses that patches are refined under, differentiable and for each patch its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from training.match.distances import DISTANCES, Features, mel_scales
from training.match.spectra import magnitudes

WINDOWS = (2048, 512, 128)  # samples; hops are a quarter
TRANSPORT_WEIGHT = 100.0  # dB for the whole width of the spectrum


def _magnitude_scales(audio: Tensor, sample_rate: int) -> Features:
    return tuple(magnitudes(audio, window, window // 4) / window**0.5 for window in WINDOWS)


def _compare_magnitudes(made: Features, meant: Features) -> Tensor:
    """Magnitudes and their logarithms in dB, each relative (Engel et al. 2020, DDSP)."""
    total = made[0].new_zeros(len(made[0]))
    for a, b in zip(made, meant, strict=True):
        scale = b.mean((1, 2)).clamp_min(1e-7)
        floor = 1e-3 * b.amax((1, 2), keepdim=True).clamp_min(1e-7)
        linear = (a - b).abs().mean((1, 2)) / scale
        log = (torch.log10(a + floor) - torch.log10(b + floor)).abs().mean((1, 2))
        total = total + linear + 2 * log
    return total / len(WINDOWS)


def _mixed(audio: Tensor, sample_rate: int) -> Features:
    transport = DISTANCES["spectral_optimal_transport"].describe(audio, sample_rate)
    return (*mel_scales(audio, sample_rate), *transport)


def _compare_mixed(made: Features, meant: Features) -> Tensor:
    mel = DISTANCES["multi_scale_spectral"].compare(made[:-1], meant[:-1])
    transport = DISTANCES["spectral_optimal_transport"].compare(made[-1:], meant[-1:])
    return mel + TRANSPORT_WEIGHT * transport


Loss = tuple[Callable[[Tensor, int], Features], Callable[[Features, Features], Tensor]]


def _distance(name: str) -> Loss:
    return DISTANCES[name].describe, DISTANCES[name].compare


LOSSES: dict[str, Loss] = {
    "mel": _distance("multi_scale_spectral"),
    "stft": (_magnitude_scales, _compare_magnitudes),
    "transport": _distance("spectral_optimal_transport"),
    "mel+transport": (_mixed, _compare_mixed),
}
# It serves all three voices best in a given time, see "How patches are refined" in docs/inverse.md.
DEFAULT_LOSS = "mel"
