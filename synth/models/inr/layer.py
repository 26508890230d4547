"""`ConditionalLayer`: a linear layer whose phase or inputs a latent conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.contract import require_one_of

LEAK = 0.02
TURN = 2 * math.pi


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, LEAK)


def _same(x: Tensor) -> Tensor:
    return x


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": _leaky,
    "sine": torch.sin,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "none": _same,
}
WEIGHT_INITS = ("basic", "kaiming_in", "siren", "siren_omega", "siren_first", "none")
BIAS_INITS = ("zero", "polar", "none")


@dataclass(frozen=True)
class LayerConfig:
    """Shape of one layer, and how it starts.

    Args:
        inputs, outputs: of all branches together, multiples of `branches`; the network's own
            input, time, goes to every branch: there `inputs` is `branches`.
        activation: key of `ACTIVATIONS`; "relu" leaks 0.02.
        omega_0: frequency scale, above 0.
        omega_uniform: each unit has a scale of its own instead, drawn evenly from
            0 … omega_0 / (inputs of a branch) and sorted.
        latent: size of the latent that joins the inputs; 0 is none.
        time: whether time joins the inputs.
        weight_init: with n inputs of a unit, "basic" N(0, 0.02), "kaiming_in" He's normal for
            `relu` over omega_0, "siren" U(±sqrt(6/n) / mean omega_0), "siren_omega"
            U(±sqrt(6/n) / `init_omega`), "siren_first" U(±1/m) with m the inputs of the kind that
            a weight belongs to (a latent that joins leaves the frequencies of time as they are),
            "none" torch's U(±sqrt(1/n)).
        bias_init: "zero", "polar" U(0, 2 pi), or "none" torch's U(±sqrt(1/n)), over omega_0 where
            the weights are.
        init_omega: of "siren_omega".
        weight_norm: rows are split into length and direction.
        branches: blocks on the diagonal of the weights, at least 1.

    Raises:
        ConfigError: an unknown activation or initialisation.
    """

    inputs: int
    outputs: int
    activation: str = "sine"
    omega_0: float = 1.0
    omega_uniform: bool = False
    latent: int = 0
    time: bool = False
    weight_init: str = "siren"
    bias_init: str = "none"
    init_omega: float = 30.0
    weight_norm: bool = False
    branches: int = 1

    def __post_init__(self) -> None:
        require_one_of("activation", self.activation, list(ACTIVATIONS))
        require_one_of("weight_init", self.weight_init, WEIGHT_INITS)
        require_one_of("bias_init", self.bias_init, BIAS_INITS)

    @property
    def fans(self) -> tuple[int, int, int]:
        """Inputs of a unit by kind: from the layer before, from the latent, time."""
        return self.inputs // self.branches, self.latent, int(self.time)


class Folded(NamedTuple):
    """A layer with its conditioning worked in, for each item of each branch.

    Attributes:
        weight: `[branches * batch, inputs, outputs]`.
        shift: `[branches * batch, 1, outputs]`.
        time: weights of the time that joins, `[branches * batch, 1, outputs]`, or None.
    """

    weight: Tensor
    shift: Tensor
    time: Tensor | None


class ConditionalLayer(nn.Module):
    """`delta * activation((gamma + omega_0) * (W [x; z; t] + b) + beta)`.

    FiLM (Perez et al. 2018) brings gamma and beta, a residual scale around omega_0 and a phase; a
    joined latent z and time t are further inputs; delta is a gain after the activation. Terms that
    aren't given are left out.

    Args:
        config: shape of the layer.

    Attributes:
        weight: `[branches, outputs, inputs + latent + time]` per branch, directions where there is
            weight norm.
        gain: `[branches, outputs, 1]`, lengths of the rows, or None.
        bias, omega_0: `[branches, outputs]`; omega_0 is not trained.
    """

    omega_0: Tensor

    def __init__(self, config: LayerConfig) -> None:
        super().__init__()
        self.config = config
        self.activation = ACTIVATIONS[config.activation]
        units = config.outputs // config.branches
        shape = (config.branches, units)
        omega = torch.full(shape, float(config.omega_0))
        if config.omega_uniform:
            omega = torch.rand(shape).sort(1).values * (config.omega_0 / config.fans[0])
        self.register_buffer("omega_0", omega)
        weight = _initial_weight(config, units, float(config.omega_0))
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(_initial_bias(config, shape))
        length = weight.square().sum(2, keepdim=True).sqrt()
        self.gain = nn.Parameter(length) if config.weight_norm else None

    def weights(self) -> Tensor:
        """W, `[branches, outputs, inputs + latent + time]`, weight norm applied."""
        if self.gain is None:
            return self.weight
        length = self.weight.square().sum(2, keepdim=True).sqrt()
        return self.weight * (self.gain / length)

    def affine(
        self, weights: Tensor, film: tuple[Tensor, Tensor] | None, latent: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The conditioning as one scale and one shift of `W x`.

        Args:
            weights: as `weights` returns them.
            film: gamma and beta, each `[batch, branches * width]`; a branch narrower than `width`
                uses the first channels.
            latent: `[batch, latent]`, where one joins.

        Returns:
            scale and shift, `[branches, batch or 1, outputs]` each.
        """
        scale, offset = self.omega_0[:, None], self.bias[:, None]
        if latent is not None:
            start = self.config.fans[0]
            columns = weights[:, :, start : start + self.config.latent]
            offset = offset + latent @ columns.transpose(1, 2)
        if film is None:
            return scale, scale * offset
        gamma, beta = (self._branched(part) for part in film)
        scale = scale + gamma
        return scale, scale * offset + beta

    def fold(
        self, batch: int, film: tuple[Tensor, Tensor] | None = None, latent: Tensor | None = None
    ) -> Folded:
        """The layer for given latents, its conditioning worked into a weight and a shift per item.

        There are many more points than inputs, so scaling the weights of each item costs less than
        a pass over `[batch, points, outputs]`.

        Args:
            batch: number of items, at least 1.
            film: as for `affine`.
            latent: as for `affine`.
        """
        weights = self.weights()
        scale, shift = self.affine(weights, film, latent)
        if self.config.activation == "sine":  # whole turns would cost float32 digits of the phase
            shift = shift - TURN * torch.round(shift / TURN)
        scaled = (scale[..., None] * weights[:, None]).expand(-1, batch, -1, -1).flatten(0, 1)
        inputs = self.config.fans[0]
        return Folded(
            scaled[..., :inputs].transpose(1, 2),
            shift.expand(-1, batch, -1).flatten(0, 1)[:, None],
            scaled[..., -1:].transpose(1, 2) if self.config.time else None,
        )

    def run(self, x: Tensor, folded: Folded, t: Tensor, delta: Tensor | None = None) -> Tensor:
        """Evaluate the layer.

        Args:
            x: `[branches * batch, points, inputs]`, item after item of the first branch, then of
                the next.
            folded: as `fold` returned it.
            t: `[branches * batch, points, 1]`, used where time joins.
            delta: `[branches * batch, 1, outputs]`.

        Returns:
            `[branches * batch, points, outputs]`.
        """
        phase = torch.baddbmm(folded.shift, x, folded.weight)
        if folded.time is not None:
            phase = torch.baddbmm(phase, t, folded.time)
        out = self.activation(phase)
        return out if delta is None else out * delta

    def forward(
        self,
        x: Tensor,
        film: tuple[Tensor, Tensor] | None = None,
        latent: Tensor | None = None,
        t: Tensor | None = None,
        delta: Tensor | None = None,
    ) -> Tensor:
        """`fold` and `run`.

        Args:
            x: `[branches, batch, points, inputs]`.
            film: as for `affine`.
            latent: as for `affine`.
            t: `[batch, points]`, where time joins.
            delta: `[branches, batch or 1, outputs]`.

        Returns:
            `[branches, batch, points, outputs]`.
        """
        branches, batch = x.shape[:2]
        times = x[..., :1] if t is None else t[None, ..., None].expand(branches, -1, -1, -1)
        if delta is not None:
            delta = delta.expand(-1, batch, -1).flatten(0, 1)[:, None]
        folded = self.fold(batch, film, latent)
        out = self.run(x.flatten(0, 1), folded, times.flatten(0, 1), delta)
        return out.reshape(branches, batch, *out.shape[1:])

    def _branched(self, modulation: Tensor) -> Tensor:
        """`[batch, branches * width]` -> `[branches, batch, outputs]`."""
        branches, units = self.bias.shape
        parts = modulation.reshape(modulation.shape[0], branches, -1)[..., :units]
        return parts.transpose(0, 1)


def _initial_weight(config: LayerConfig, units: int, omega: float) -> Tensor:
    fan = sum(config.fans)
    shape = (config.branches, units, fan)
    kind = config.weight_init
    if kind == "basic":
        return 0.02 * torch.randn(shape)
    if kind == "kaiming_in":
        return torch.randn(shape) * (math.sqrt(2 / ((1 + LEAK**2) * fan)) / omega)
    even = torch.rand(shape) * 2 - 1
    if kind == "siren_first":
        bounds = [torch.full((size,), 1 / size) for size in config.fans if size]
        return even * torch.cat(bounds)
    if kind == "none":
        return even / math.sqrt(fan)
    if kind == "siren" and config.omega_uniform:
        omega = omega / config.fans[0] / 2  # the mean of what is drawn
    return even * (math.sqrt(6 / fan) / (config.init_omega if kind == "siren_omega" else omega))


def _initial_bias(config: LayerConfig, shape: tuple[int, int]) -> Tensor:
    if config.bias_init == "zero":
        return torch.zeros(shape)
    if config.bias_init == "polar":
        return torch.rand(shape) * (2 * math.pi)
    bound = 1 / math.sqrt(sum(config.fans))
    if config.weight_init == "kaiming_in":
        bound /= config.omega_0
    return (torch.rand(shape) * 2 - 1) * bound
