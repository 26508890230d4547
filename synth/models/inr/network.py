"""`CoordinateNetwork`: a sound as a function of time, conditioned by a latent."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from synth.models.inr.config import INRConfig
from synth.models.inr.layer import ConditionalLayer, LayerConfig
from synth.models.inr.mapping import MappingNetwork

FILM_GAIN = 0.25


class CoordinateNetwork(nn.Module):
    """Layers of one time coordinate, and the mapping network before what conditions them.

    Args:
        config: of an architecture that time is an input of.

    Attributes:
        layers: the output is the last one; mapping: None where a latent is used as it is.
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
        gate = torch.zeros(self.layers[0].bias.shape) if self.row.gated else None
        self.register_buffer("gate", gate)

    def modulate(self, z: Tensor) -> tuple[Tensor, ...]:
        """What conditions the layers.

        Args:
            z: `[batch, num_latent]`.

        Returns:
            gamma and beta, `[batch, widest]` each, or the mapped latent alone,
            `[batch, num_latent]`.
        """
        mapped = z if self.mapping is None else self.mapping(z)
        return mapped.chunk(2, dim=1) if self.row.film else (mapped,)

    def evaluate(self, t: Tensor, modulation: tuple[Tensor, ...]) -> Tensor:
        """Times `[batch, points]` to amplitudes `[batch, points]`."""
        t = t * self.config.coord_multi
        x = t[None, :, :, None].expand(self.config.branches, -1, -1, -1)
        film = (modulation[0], modulation[1]) if self.row.film else None
        for i, layer in enumerate(self.layers):
            output = i == len(self.layers) - 1
            x = layer(
                x,
                film=None if output else film,
                latent=modulation[0] if layer.config.latent else None,
                t=t if layer.config.time else None,
                delta=self.gate[:, None] if self.gate is not None and i == 0 else None,
            )
        return x[..., 0].sum(0)

    def open_gates(self, epoch: int, epochs: int) -> None:
        """Let in the units of the first layer as far as `epoch` (0 is the first) of `epochs` wants.

        Through the first half of training, one group after the other, slow units first, opens
        evenly over one span of epochs and rests over a second one of the same length.
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
    """The initial weights that keep the size of what goes through a layer."""
    if activation == "sine":
        return "siren_first" if first else "siren"
    return "kaiming_in"
