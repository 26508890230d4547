"""`WaveGANDecoder`: transposed convolution by upsampling, from a latent to a second of sound."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from synth.contract import ConfigError
from synth.models.inr.config import WAVEGAN_LENGTH, INRConfig

CHANNELS = (128, 64, 32, 16, 8, 1)
FRAMES = 16
FACTOR = 4
KERNEL = 25
TAPS = 512
GRID_ERROR = 1e-5  # of a time; neighbours lie 1.25e-4 apart


class WaveGANDecoder(nn.Module):
    """The generator of WaveGAN (Donahue et al. 2019) as a decoder, with its filter at the end.

    It makes all 16000 samples at once: time is not an input and is only checked.

    Args:
        config: of the whole model; only `num_latent` and `weight_norm` matter here.
    """

    def __init__(self, config: INRConfig) -> None:
        super().__init__()
        self.entry = nn.Linear(config.num_latent, CHANNELS[0] * FRAMES)
        self.stages = nn.ModuleList(
            nn.Conv1d(a, b, KERNEL, padding=KERNEL // 2) for a, b in itertools.pairwise(CHANNELS)
        )
        self.filter = nn.Conv1d(1, 1, TAPS)
        if config.weight_norm:
            for layer in (self.entry, *self.stages, self.filter):
                weight_norm(layer)

    def modulate(self, z: Tensor) -> tuple[Tensor, ...]:
        """The latent `[batch, num_latent]` itself."""
        return (z,)

    def evaluate(self, t: Tensor, modulation: tuple[Tensor, ...]) -> Tensor:
        """All samples, `[batch, 16000]`.

        Args:
            t: the times of all samples, `[batch, 16000]`.
            modulation: as `modulate` returned it.

        Raises:
            ConfigError: other times.
        """
        if not _is_grid(t):
            raise ConfigError(
                f"wavegan was asked for {t.shape[-1]} points of a sound; it makes all"
                f" {WAVEGAN_LENGTH} samples at their own times and nothing between them: ask for"
                " those, or choose an architecture that takes time as an input"
            )
        x: Tensor = F.relu(self.entry(modulation[0])).reshape(-1, CHANNELS[0], FRAMES)
        for i, stage in enumerate(self.stages):
            x = stage(F.interpolate(x, scale_factor=FACTOR, mode="nearest"))
            x = torch.tanh(x) if i == len(self.stages) - 1 else F.relu(x)
        x = self.filter(F.pad(x, (TAPS // 2 - 1, TAPS // 2)))
        return x[:, 0, :WAVEGAN_LENGTH]


def _is_grid(t: Tensor) -> bool:
    if t.shape[-1] != WAVEGAN_LENGTH:
        return False
    positions = torch.arange(WAVEGAN_LENGTH, device=t.device, dtype=t.dtype)
    grid = positions * (2 / WAVEGAN_LENGTH) - 1
    return bool(((t - grid).abs() < GRID_ERROR).all())
