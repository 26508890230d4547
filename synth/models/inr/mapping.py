"""`MappingNetwork`: from a latent to the conditioning of a network."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from synth.models.inr.architectures import MAPPING_WIDTH

LEAK = 0.2


class MappingNetwork(nn.Module):
    """`depth` linear layers with leaky ReLU, and a linear one.

    He's initialisation where there are hidden layers, torch's where there are none.

    Args:
        inputs, outputs: sizes of the latent and of the conditioning.
        depth: number of hidden layers, from 0 on.
        gain: factor on the initial weights of the last layer. FiLM starts with a quarter, close to
            a network without it.
    """

    def __init__(self, inputs: int, outputs: int, depth: int, gain: float = 1.0) -> None:
        super().__init__()
        sizes = [inputs] + [MAPPING_WIDTH] * depth
        hidden = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
        self.hidden = nn.ModuleList(hidden)
        self.output = nn.Linear(sizes[-1], outputs)
        if depth:
            for layer in (*hidden, self.output):
                nn.init.kaiming_normal_(layer.weight, a=LEAK)
        with torch.no_grad():
            self.output.weight *= gain

    def forward(self, z: Tensor) -> Tensor:
        """`[batch, inputs]` -> `[batch, outputs]`."""
        for layer in self.hidden:
            z = nn.functional.leaky_relu(layer(z), LEAK)
        out: Tensor = self.output(z)
        return out
