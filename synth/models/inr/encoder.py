"""`ConvEncoder`: from a sound to its latent."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from synth.models.inr.config import INRConfig

CHANNELS = (128, 128, 256, 512)
FIRST_KERNEL = 320
FIRST_STRIDE = 4
KERNEL = 3
POOLING = 4


class ConvEncoder(nn.Module):
    """Convolutions with ReLU and max pooling, the mean over the remaining time, a linear layer.

    Args:
        config: of the whole model; only `num_latent` matters here.
    """

    def __init__(self, config: INRConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv1d(1, CHANNELS[0], FIRST_KERNEL, stride=FIRST_STRIDE),
            nn.ReLU(),
            nn.MaxPool1d(POOLING),
        ]
        for a, b in itertools.pairwise(CHANNELS):
            layers += [nn.Conv1d(a, b, KERNEL), nn.ReLU(), nn.MaxPool1d(POOLING)]
        self.convolutions = nn.Sequential(*layers)
        self.output = nn.Linear(CHANNELS[-1], config.num_latent)

    def forward(self, audio: Tensor) -> Tensor:
        """Audio `[batch, samples]`, at least 2048 of them, to latents `[batch, num_latent]`."""
        out: Tensor = self.output(self.convolutions(audio[:, None]).mean(2))
        return out
