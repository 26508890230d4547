"""Networks between embeddings and parameters: parameter encoder, projector and head."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from synth.contract import ConfigError

INITS: dict[str, Callable[[Tensor], Tensor] | None] = {
    "default": None,
    "xavier_normal": nn.init.xavier_normal_,
    "xavier_uniform": nn.init.xavier_uniform_,
}


class ParameterEncoder(nn.Module):
    """From a patch to the embedding that its sound has.

    Args:
        n: number of parameters.
        dim: size of the embedding.
        dropout: probability, 0 … 1.
        init: of the weights, a key of `INITS`.

    Shape: knob positions `[batch, n]` to `[batch, dim]`.
    """

    def __init__(self, n: int, dim: int, dropout: float = 0.1, init: str = "default") -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_hidden(n, dim, dropout), *_hidden(dim, dim, dropout), nn.Linear(dim, dim)
        )
        initialise(self, init)

    def forward(self, units: Tensor) -> Tensor:
        return self.layers(units)  # type: ignore[no-any-return]


class Projector(nn.Module):
    """From embeddings to where VICReg compares them.

    Args:
        dim: size of the embedding.
        widths: of the layers, at least one; the last one has no bias.
        init: of the weights, a key of `INITS`.

    Raises:
        ConfigError: there is no layer, or an unknown `init`.

    Shape: `[batch, dim]` to `[batch, widths[-1]]`.
    """

    def __init__(self, dim: int, widths: tuple[int, ...], init: str = "default") -> None:
        super().__init__()
        if not widths:
            raise ConfigError("a projector without layers; give the width of one at least")
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise((dim, *widths[:-1])):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
        layers.append(nn.Linear((dim, *widths)[-2], widths[-1], bias=False))
        self.layers = nn.Sequential(*layers)
        initialise(self, init)

    def forward(self, embedding: Tensor) -> Tensor:
        return self.layers(embedding)  # type: ignore[no-any-return]


class Head(nn.Module):
    """From the embedding of a sound to one patch: the quick answer.

    Args:
        n: number of parameters.
        dim: size of the embedding.
        told: how many numbers about the sound come beside the embedding.
        dropout: probability, 0 … 1.
        init: of the weights, a key of `INITS`.

    Shape: `[batch, dim]` and `[batch, told]` to knob positions `[batch, n]`, 0 … 1.
    """

    def __init__(
        self, n: int, dim: int, told: int = 3, dropout: float = 0.1, init: str = "default"
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim + told)
        self.layers = nn.Sequential(
            *_hidden(dim + told, dim, dropout),
            *_hidden(dim, dim, dropout),
            nn.Linear(dim, n),
            nn.Sigmoid(),
        )
        initialise(self, init)

    def forward(self, embedding: Tensor, told: Tensor) -> Tensor:
        return self.layers(self.norm(torch.cat([embedding, told], -1)))  # type: ignore[no-any-return]


def initialise(module: nn.Module, init: str) -> None:
    """Start the weights of linear layers and convolutions anew.

    Args:
        module: changed in place.
        init: a key of `INITS`; "default" leaves torch's own.

    Raises:
        ConfigError: an unknown `init`.
    """
    if init not in INITS:
        raise ConfigError(f"init {init!r} is unknown; known are {', '.join(INITS)}")
    start = INITS[init]
    if start is None:
        return
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d):
            start(part.weight)


def _hidden(before: int, after: int, dropout: float) -> list[nn.Module]:
    return [nn.Linear(before, after), nn.BatchNorm1d(after), nn.Dropout(dropout), nn.ReLU()]
