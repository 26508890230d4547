"""`Flow`: draws patches that could have made a sound, by a rectified flow.

Many patches make one sound: modules can change places, phases and unused envelopes don't matter. A
regression answers with the mean of them, which makes another sound. A flow learns which way to go
from noise to a patch (Lipman et al. 2023, Liu et al. 2023), so that each draw is one of them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from synth.contract import ConfigError
from synth.models.inverse.velocity import PlainNetwork, TokenNetwork

NETWORKS = ("tokens", "plain")
TIMES = 32  # frequencies by which the network is told the time


class Flow(nn.Module):
    """A conditional rectified flow over the positions of a voice's knobs.

    Args:
        n: number of parameters.
        dim: size of the sound's embedding.
        told: how many numbers about the sound come beside the embedding.
        network: "tokens" (a transformer) or "plain" (a perceptron).
        width, depth: of the network.
        tokens, heads: of the transformer.

    Raises:
        ConfigError: an unknown network, or a width that the heads don't divide.
    """

    def __init__(
        self,
        n: int,
        dim: int,
        told: int = 3,
        *,
        network: str = "tokens",
        width: int = 128,
        depth: int = 4,
        tokens: int = 32,
        heads: int = 4,
    ) -> None:
        super().__init__()
        if network not in NETWORKS:
            raise ConfigError(f"network {network!r} is unknown; known are {', '.join(NETWORKS)}")
        if width % heads:
            raise ConfigError(f"{heads} heads don't divide a width of {width}")
        self.n = n
        self.norm = nn.LayerNorm(dim)
        self.condition = nn.Sequential(
            nn.Linear(dim + told + 2 * TIMES, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.network: nn.Module = (
            TokenNetwork(n, width, depth, tokens, heads)
            if network == "tokens"
            else PlainNetwork(n, width, depth)
        )

    def forward(self, x: Tensor, time: Tensor, embedding: Tensor, told: Tensor) -> Tensor:
        """The velocity of patches in the making.

        Args:
            x: `[batch, n]`, noise at time 0, a patch (see `data`) at time 1.
            time: 0 … 1, `[batch, 1]`.
            embedding: of the sounds, `[batch, dim]`.
            told: numbers about the sounds, each about 0 … 1, `[batch, told]`.

        Returns:
            `[batch, n]`.
        """
        angle = time * (math.pi * torch.arange(TIMES, device=x.device, dtype=x.dtype))
        known = [self.norm(embedding), told, angle.cos(), angle.sin()]
        return self.network(x, self.condition(torch.cat(known, -1)))  # type: ignore[no-any-return]

    def sample(self, embedding: Tensor, told: Tensor, noise: Tensor, steps: int) -> Tensor:
        """Draw a patch for each row.

        Args:
            embedding: `[batch, dim]`.
            told: `[batch, told]`.
            noise: standard normal, `[batch, n]`.
            steps: of the midpoint rule, each of which asks the network twice; at least 1. Four are
                as good as sixteen (`bench/inverse_networks.py`); time is better spent on draws.

        Returns:
            knob positions, 0 … 1, `[batch, n]`.
        """
        x, step = noise, 1 / steps
        for i in range(steps):
            x = self.advance(x, torch.full_like(x[:, :1], i * step), step, embedding, told)
        return units_of(x)

    def advance(
        self, x: Tensor, time: Tensor, step: float, embedding: Tensor, told: Tensor
    ) -> Tensor:
        """The next place on the way, by one step of the midpoint rule.

        Args: as of `forward`, and

            step: how much time passes.
        """
        middle = x + step / 2 * self(x, time, embedding, told)
        after: Tensor = x + step * self(middle, time + step / 2, embedding, told)
        return after


def data(units: Tensor) -> Tensor:
    """Where the flow ends for knob positions 0 … 1, of any shape."""
    return 2 * units - 1


def units_of(x: Tensor) -> Tensor:
    """Knob positions, 0 … 1, at the end of the flow; the inverse of `data`."""
    return ((x + 1) / 2).clamp(0, 1)


def path(noise: Tensor, end: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """A place on the straight way from noise to a patch, and the velocity there.

    The flow's loss is the mean squared error between its velocity and this one, `time` uniform.

    Args:
        noise: standard normal, `[batch, n]`.
        end: `data` of a patch, `[batch, n]`.
        time: 0 … 1, `[batch, 1]`.

    Returns:
        two of `[batch, n]`.
    """
    return (1 - time) * noise + time * end, end - noise
