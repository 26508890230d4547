"""Diagonal state-space layer: exponentials that die away as the memory of a channel."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.nn.streaming import State, StreamingLayer

SHORTEST, LONGEST = 1e-3, 1e-1  # turns per sample of the slowest oscillation, at the start
BLOCK = 64  # samples that are computed at once; longer blocks cost more, shorter ones more calls


class DiagonalStateSpace(StreamingLayer):
    """Each channel is filtered by a sum of damped oscillations (S4D-Lin, Gu et al. 2022).

    Args:
        channels: in and out.
        states: oscillations of each channel, at least 1.

    Raises:
        ValueError: a number is out of its range.

    Shape: `[batch, channels, samples]` to the same.
    """

    def __init__(self, channels: int, states: int = 16) -> None:
        super().__init__()
        if channels < 1 or states < 1:
            raise ValueError(f"{channels} channels of {states} states; at least 1 each is needed")
        self.channels, self.states = channels, states
        pace = torch.empty(channels, 1).uniform_(math.log(SHORTEST), math.log(LONGEST)).exp()
        # exp(-decay + i turn) per sample; at the start all states of a channel decay alike.
        self.log_decay = nn.Parameter((0.5 * pace).log().expand(-1, states).clone())
        self.turn = nn.Parameter(math.pi * pace * torch.arange(states))
        self.gains = nn.Parameter(torch.randn(2, channels, states) * (pace / states).sqrt())
        self.direct = nn.Parameter(torch.ones(channels))

    def init_state(self, batch: int) -> State:
        return {"state": self.direct.new_zeros(batch, 2, self.channels, self.states)}

    def step(self, x: Tensor, state: State, advance: Tensor | None = None) -> tuple[Tensor, State]:
        if advance is not None:
            raise ValueError("rows of a state-space layer can't advance by themselves")
        held, made = state["state"], []
        size = min(BLOCK, int(x.shape[2]))
        cosine, sine = self._powers(size)
        kernel = self._kernel(cosine, sine)
        for first in range(0, int(x.shape[2]), size):
            block = x[..., first : first + size]
            n = int(block.shape[2])
            real, imaginary = held[:, 0, :, :, None], held[:, 1, :, :, None]
            # What the states still sound like: their power after 1, 2 … n samples.
            c, s = cosine[..., 1 : n + 1], sine[..., 1 : n + 1]
            turned = real * c - imaginary * s, real * s + imaginary * c
            echo = (turned[0] * self.gains[0, ..., None]).sum(2)
            echo = echo - (turned[1] * self.gains[1, ..., None]).sum(2)
            padded = F.pad(block, (n - 1, 0))
            own = F.conv1d(padded, kernel[:, None, :n].flip(2), groups=self.channels)
            made.append(own + echo + self.direct[:, None] * block)
            backwards = block.flip(2)[:, :, None]
            held = torch.stack(
                [
                    turned[0][..., -1] + (backwards * cosine[..., :n]).sum(-1),
                    turned[1][..., -1] + (backwards * sine[..., :n]).sum(-1),
                ],
                1,
            )
        return torch.cat(made, 2), {"state": held}

    def _powers(self, samples: int) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of the states' factors to the powers 0 … samples."""
        power = torch.arange(samples + 1, device=self.turn.device, dtype=self.turn.dtype)
        size = torch.exp(-self.log_decay.exp()[..., None] * power)
        angle = self.turn[..., None] * power
        return size * angle.cos(), size * angle.sin()

    def _kernel(self, cosine: Tensor, sine: Tensor) -> Tensor:
        """Impulse response without the direct way, `[channels, samples]`."""
        real, imaginary = self.gains[..., None].unbind(0)
        return (real * cosine - imaginary * sine).sum(1)
