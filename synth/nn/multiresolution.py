"""Causal convolution at several resolutions: a long memory from short filters."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.nn.streaming import State, StreamingLayer, remember


class MultiresolutionConv(StreamingLayer):
    """A learned wavelet transform without decimation (Shi, Wang & Fox 2023, arXiv 2305.01638).

    Level by level the same low-pass smooths what is left and the same high-pass takes out details,
    with dilations 1, 2, 4 …; the output is a weighted sum of the details of all levels, of the
    smoothest remainder and of the input. Each channel has filters and weights of its own.

    Args:
        channels: in and out.
        kernel: taps of the two filters, at least 2.
        depth: number of levels; the receptive field is `(kernel - 1) * (2 ** depth - 1) + 1`.

    Raises:
        ValueError: a number is out of its range.

    Shape: `[batch, channels, samples]` to the same.
    """

    def __init__(self, channels: int, kernel: int = 4, depth: int = 6) -> None:
        super().__init__()
        if kernel < 2 or depth < 1:
            raise ValueError(f"kernel {kernel} and depth {depth}; at least 2 and 1 are needed")
        self.channels, self.kernel, self.depth = channels, kernel, depth
        filters = torch.empty(2, channels, 1, kernel).uniform_(-1, 1)
        self.filters = nn.Parameter(filters * (math.sqrt(2) / (2 * kernel)) ** 0.5)
        weights = torch.empty(channels, depth + 2).uniform_(-1, 1)
        self.weights = nn.Parameter(weights * math.sqrt(2 / (2 * depth + 4)))

    @property
    def receptive_field(self) -> int:
        """Samples that an output sample depends on."""
        return (self.kernel - 1) * ((1 << self.depth) - 1) + 1

    def init_state(self, batch: int) -> State:
        return {
            f"level_{i}": self.filters.new_zeros(batch, self.channels, (self.kernel - 1) << i)
            for i in range(self.depth)
        }

    def step(self, x: Tensor, state: State, advance: Tensor | None = None) -> tuple[Tensor, State]:
        weights = self.weights[:, :, None]
        left, new = x, {}
        total = weights[:, -1] * x
        for i in range(self.depth):
            buffer = torch.cat([state[f"level_{i}"], left], 2)
            new[f"level_{i}"] = remember(buffer, (self.kernel - 1) << i, advance)
            details = F.conv1d(buffer, self.filters[1], dilation=1 << i, groups=self.channels)
            left = F.conv1d(buffer, self.filters[0], dilation=1 << i, groups=self.channels)
            total = total + weights[:, i + 1] * details
        return total + weights[:, 0] * left, new
