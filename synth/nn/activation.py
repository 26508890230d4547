"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Snake(nn.Module):
    """Snake, x + sin²(αx)/α, with one learned α per channel (Ziyin et al. 2020, eq. 3).

    Its periodic bias suits tones. Shape: `[batch, channels, samples]` in and out.

    Args:
        channels: at least 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        wave = torch.sin(self.alpha * x)
        return x + wave * wave * (1 / (self.alpha + 1e-6))


ACTIVATIONS: dict[str, Callable[[int], nn.Module]] = {
    "elu": lambda channels: nn.ELU(),
    "leaky_relu": lambda channels: nn.LeakyReLU(0.2),
    "snake": Snake,
}


def make_activation(name: str, channels: int) -> nn.Module:
    """The activation called `name`.

    Args:
        name: key of `ACTIVATIONS`.
        channels: of its input, at least 1.

    Raises:
        KeyError: there is no such activation.
    """
    return ACTIVATIONS[name](channels)
