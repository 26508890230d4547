"""Networks that say in which direction a patch in the making moves.

Both take `x [batch, n]` and a condition `[batch, width]` and return `[batch, n]`. At the start of
training both return zeros, and each block passes on what it gets (adaLN-Zero, Peebles & Xie 2023).

An update of the plain one costs a tenth, so that it is ahead as long as training is short; see
`bench/inverse_networks.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TokenNetwork(nn.Module):
    """A transformer over tokens, to which parameters are assigned by a learned matrix.

    A parameter is its value times a vector of its own, plus another; a token is a weighted sum of
    parameters. The same weights say which tokens move which parameters. Modules that can change
    places can become tokens that can change places, for a transformer treats all tokens alike:
    that is the idea of Param2Tok (Hayes, Saitis & Fazekas 2025, arXiv 2506.07199).

    Args:
        n: number of parameters.
        width: of tokens and condition.
        depth: number of blocks.
        tokens: number of tokens.
        heads: of the attention; they divide the width.
    """

    def __init__(self, n: int, width: int, depth: int, tokens: int, heads: int) -> None:
        super().__init__()
        self.assignment = nn.Parameter(torch.randn(tokens, n) * tokens**-0.5)
        self.values = nn.Parameter(torch.randn(n, width) * 0.5)
        self.identities = nn.Parameter(torch.randn(n, width) * 0.5)
        self.blocks = nn.ModuleList(TokenBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.moved = nn.Parameter(torch.zeros(n, width))
        self.offset = nn.Parameter(torch.zeros(n))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        tokens = self.assignment @ (x[:, :, None] * self.values + self.identities)
        for block in self.blocks:
            tokens = block(tokens, condition)
        moved: Tensor = (self.assignment.T @ self.norm(tokens)) * self.moved
        return moved.sum(-1) + self.offset


class TokenBlock(nn.Module):
    """Attention and a perceptron, both told the condition by shift, scale and gate.

    Args:
        width: of tokens and condition.
        heads: of the attention.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.told = _zeros(nn.Linear(width, 6 * width))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        told = self.told(condition)[:, None].chunk(6, -1)
        x = x + told[2] * self._attention(self.norm(x) * (1 + told[1]) + told[0])
        change: Tensor = told[5] * self.perceptron(self.norm(x) * (1 + told[4]) + told[3])
        return x + change

    def _attention(self, x: Tensor) -> Tensor:
        # Plain integers: an exported graph computes no shapes.
        tokens, width = int(x.shape[1]), int(x.shape[2])
        query, key, value = (
            part.reshape(-1, tokens, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(x).chunk(3, -1)
        )
        weights = torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, -1)
        return self.out((weights @ value).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class PlainNetwork(nn.Module):
    """A residual perceptron over all parameters at once.

    Args:
        n: number of parameters.
        width: of the residual stream and the condition.
        depth: number of blocks.
    """

    def __init__(self, n: int, width: int, depth: int) -> None:
        super().__init__()
        self.input = nn.Linear(n, width)
        self.blocks = nn.ModuleList(PlainBlock(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.output = _zeros(nn.Linear(width, n))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        hidden = self.input(x)
        for block in self.blocks:
            hidden = block(hidden, condition)
        return self.output(self.norm(hidden))  # type: ignore[no-any-return]


class PlainBlock(nn.Module):
    """A perceptron with a residual, told the condition by shift, scale and gate.

    Args:
        width: of the residual stream and the condition.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.told = _zeros(nn.Linear(width, 3 * width))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shift, scale, gate = self.told(condition).chunk(3, -1)
        return x + gate * self.perceptron(self.norm(x) * (1 + scale) + shift)  # type: ignore[no-any-return]


def _zeros(linear: nn.Linear) -> nn.Linear:
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
