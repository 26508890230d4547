"""`CoordinateNetwork`: a sound as a function of time, conditioned by a latent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn

from synth.models.inr.config import INRConfig
from synth.models.inr.layer import ConditionalLayer, Folded, LayerConfig
from synth.models.inr.mapping import MappingNetwork

FILM_GAIN = 0.25


class CoordinateNetwork(nn.Module):
    """Layers over one time coordinate, and the mapping network that conditions them.

    Args:
        config: of an architecture with time as an input.

    Attributes:
        layers: the last one is the output.
        mapping: None where a latent is used as it is.
        gate: `[branches, units]`, gain of the first layer's units, or None.
    """

    gate: Tensor | None

    def __init__(self, config: INRConfig) -> None:
        super().__init__()
        self.config, self.row = config, config.row
        self.layers = nn.ModuleList(ConditionalLayer(c) for c in layer_configs(config))
        self.mapping: MappingNetwork | None = None
        if self.row.mapping is not None:
            outputs = 2 * max(config.widths) if self.row.film else config.num_latent
            gain = FILM_GAIN if self.row.film else 1.0
            self.mapping = MappingNetwork(config.num_latent, outputs, self.row.mapping, gain)
        units = (config.branches, config.widths[0] // config.branches)
        gate = torch.zeros(units) if self.row.gated else None
        self.register_buffer("gate", gate)

    @property
    def conditional(self) -> list[ConditionalLayer]:
        """`layers` with their true type."""
        return cast("list[ConditionalLayer]", list(self.layers))

    def modulate(self, z: Tensor) -> tuple[Tensor, ...]:
        """The conditioning of the layers.

        Args:
            z: `[batch, num_latent]`.

        Returns:
            gamma and beta, `[batch, widest]` each, or the mapped latent alone,
            `[batch, num_latent]`.
        """
        mapped = z if self.mapping is None else self.mapping(z)
        return mapped.chunk(2, dim=1) if self.row.film else (mapped,)

    def fold(self, modulation: tuple[Tensor, ...]) -> list[Folded]:
        """All layers with their conditioning worked in, for any number of points.

        Args:
            modulation: as `modulate` returned it.
        """
        batch = modulation[0].shape[0]
        film = (modulation[0], modulation[1]) if self.row.film else None
        *hidden, output = self.conditional
        folded = [
            layer.fold(batch, film, modulation[0] if layer.config.latent else None)
            for layer in hidden
        ]
        return [*folded, output.fold(batch)]

    def run(self, t: Tensor, folded: Sequence[Folded]) -> Tensor:
        """Times `[batch, points]` to amplitudes `[batch, points]` through folded layers."""
        batch, branches = t.shape[0], self.config.branches
        times = (t[..., None] * self.config.coord_multi).repeat(branches, 1, 1)
        delta = None
        if self.gate is not None:
            delta = self.gate[:, None].expand(-1, batch, -1).flatten(0, 1)[:, None]
        first, *rest = zip(self.conditional, folded, strict=True)
        with _full_precision(times):
            x = first[0].run(times, first[1], times, delta)
        for layer, part in rest:
            x = layer.run(x, part, times)
        return x[..., 0].reshape(branches, batch, -1).sum(0)

    def evaluate(self, t: Tensor, modulation: tuple[Tensor, ...]) -> Tensor:
        """Times `[batch, points]` to amplitudes `[batch, points]`."""
        return self.run(t, self.fold(modulation))

    def open_gates(self, epoch: int, epochs: int) -> None:
        """Open the gates of the first layer's units as far as training has come.

        In the first half of training, the groups open one after the other, low frequencies first:
        each opens evenly over a span of epochs, and a rest of the same length follows.

        Args:
            epoch: 0 is the first.
            epochs: of the whole training.
        """
        if self.gate is None:
            return
        groups, units = self.config.groups, self.gate.shape[1]
        span = (epochs // 2) / (2 * groups)
        group = torch.arange(units, device=self.gate.device) * groups // units
        if span > 0:
            opened = ((epoch + 1) / span - 2 * group).clamp(0, 1)
            self.gate.copy_(opened.expand_as(self.gate))
        else:
            self.gate.fill_(1)


def _full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Phases of the first layer run through hundreds of turns, which bfloat16 can't tell apart."""
    if not torch.is_autocast_enabled(x.device.type):
        return nullcontext()
    return torch.autocast(x.device.type, enabled=False)


def layer_configs(config: INRConfig) -> list[LayerConfig]:
    """The layers of a coordinate network, the output last."""
    row, widths = config.row, config.widths
    middle = {"none": [], "middle": [len(widths) // 2], "all": range(1, len(widths))}[row.joined]
    configs = []
    for i, width in enumerate(widths):
        first = i == 0
        activation = row.first if first else row.hidden
        omega = config.first_omega_0 if first else config.hidden_omega_0
        joins = i in middle
        configs.append(
            LayerConfig(
                inputs=config.branches if first else widths[i - 1],
                outputs=width,
                activation=activation,
                omega_0=omega if row.omegas else 1.0,
                omega_uniform=row.gated and first,
                latent=config.num_latent if joins or (first and not row.film) else 0,
                time=joins,
                weight_init=row.weight_init or _suited(activation, first),
                bias_init=row.bias_init or ("polar" if first and activation == "sine" else "none"),
                weight_norm=config.weight_norm or row.weight_norm,
                branches=config.branches,
            )
        )
    return [*configs, _output(config)]


def _output(config: INRConfig) -> LayerConfig:
    row = config.row
    return LayerConfig(
        inputs=config.widths[-1],
        outputs=config.branches,
        activation=row.last,
        weight_init=row.weight_init or "siren_omega",
        bias_init=row.bias_init or "none",
        weight_norm=config.weight_norm or row.weight_norm,
        branches=config.branches,
    )


def _suited(activation: str, first: bool) -> str:
    """The initial weights with which a layer keeps the power of its input."""
    if activation == "sine":
        return "siren_first" if first else "siren"
    return "kaiming_in"
