"""Figures of reconstructions: mel distance and signal-to-distortion ratio, both in dB."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.measures.mel import FLOOR, MultiScaleMel

METRIC_WINDOWS = (32, 64, 128, 256, 512, 1024, 2048)
METRIC_BANDS = 64


def mel_distance_db(made: list[Tensor], meant: list[Tensor]) -> float:
    """Mean absolute difference of mel levels over windows, frames and bands, in dB (>= 0).

    Levels under -100 dB count as -100 dB.

    Args:
        made, meant: mel magnitudes of the reconstruction and of its original, as `MultiScaleMel`
            gives them.
    """
    db = 20 / math.log(10)
    parts = [
        (torch.log(a.clamp(min=FLOOR)) - torch.log(b.clamp(min=FLOOR))).abs().mean()
        for a, b in zip(made, meant, strict=True)
    ]
    return float(torch.stack(parts).mean()) * db


def si_sdr_db(made: Tensor, meant: Tensor) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019), mean over rows.

    Args:
        made, meant: `[..., samples]`, the reconstruction and its original; rows whose original is
            silent are left out (NaN if all are).

    Returns:
        dB, from -200 for an unrelated copy to 200 for a perfect one.
    """
    estimate = made.double().reshape(-1, made.shape[-1])
    target = meant.double().reshape(-1, meant.shape[-1])
    energy = target.square().sum(-1)
    heard = energy > 0
    estimate, target, energy = estimate[heard], target[heard], energy[heard]
    scaled = ((estimate * target).sum(-1) / energy)[:, None] * target
    ratio = scaled.square().sum(-1) / (estimate - scaled).square().sum(-1)
    # A silent copy (0/0) counts as unrelated.
    ratio = torch.nan_to_num(ratio, nan=0.0).clamp(1e-20, 1e20)
    return float(10 * torch.log10(ratio).mean())


def make_metric_mel(sample_rate: int) -> MultiScaleMel:
    """The spectrograms that `mel_distance_db` is quoted for, whatever the loss uses.

    Args:
        sample_rate: Hz.
    """
    return MultiScaleMel(sample_rate, METRIC_WINDOWS, METRIC_BANDS)
