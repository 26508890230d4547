"""`LiveNetwork`: a coordinate network folded for playing, exact in phase.

What a latent does to a layer is one scale and one shift of what the layer computes. Both are made
once per row; a row's many points share them, so a layer is one product, a multiplication and an
addition, and its activation. Frequencies of thousands of radians times a whole second would lose
the phase in float32: times are therefore taken from a reference of the row, whose share of every
phase is computed in double precision and brought within one turn.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from synth.models.inr.layer import ACTIVATIONS, ConditionalLayer
from synth.models.inr.network import CoordinateNetwork

TURN = 2 * math.pi
Film = tuple[Tensor, ...]  # gamma and beta


class Row(NamedTuple):
    """What conditions a layer, per row of points; None where there is nothing of the kind.

    Attributes:
        scale: of the product, `[branches, rows, 1, outputs]`; shift: added to it, likewise.
        slope: per unit of time from the row's reference, likewise.
    """

    scale: Tensor | None
    shift: Tensor
    slope: Tensor | None


class LiveLayer(nn.Module):
    """One layer of a `LiveNetwork`.

    Args:
        layer: trained; first: whether time is its input.
        film: whether gamma and beta condition it; gain: of its inputs, `[branches, inputs]`, or
            None.
    """

    bias: Tensor
    omega: Tensor
    product: Tensor | None
    time: Tensor | None
    latent: Tensor | None

    def __init__(
        self, layer: ConditionalLayer, *, first: bool, film: bool, gain: Tensor | None = None
    ) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[layer.config.activation]
        self.periodic = layer.config.activation == "sine"
        self.film = film
        weights = layer.weights().detach().clone()  # [branches, outputs, inputs + latent + time]
        omega = layer.omega_0.detach().clone()
        inputs, latents, _ = layer.config.fans
        product = None if first else weights[:, :, :inputs]
        if product is not None and gain is not None:
            product = product * gain[:, None]
        if product is not None and not film:  # one scale for good
            product = product * omega[:, :, None]
        time = weights[:, :, 0] if first else weights[:, :, -1] if layer.config.time else None
        latent = weights[:, :, inputs : inputs + latents] if latents else None
        self.register_buffer("product", _transposed(product))
        self.register_buffer("time", time)
        self.register_buffer("latent", _transposed(latent))
        self.register_buffer("omega", omega)
        self.register_buffer("bias", layer.bias.detach().clone())
        self.rounded = False

    def row(self, film: Film | None, latent: Tensor | None, reference: Tensor) -> Row:
        """What conditions the layer.

        Args:
            film: gamma and beta, `[rows, widest]` each; latent: `[rows, num_latent]`.
            reference: time of each row, `[rows, 1]`, float64.
        """
        scale, offset = self.omega.double()[:, None], self.bias.double()[:, None]
        if self.latent is not None:
            assert latent is not None  # noqa: S101 - the architecture says so
            offset = offset + torch.matmul(latent.double(), self.latent.double())
        phase = torch.zeros_like(offset)
        if self.film:
            assert film is not None  # noqa: S101 - likewise
            gamma, phase = (self._branched(part).double() for part in film)
            scale = scale + gamma
        shift, slope = scale * offset + phase, None
        if self.time is not None:
            slope = self.time.double()[:, None] * scale
            shift = shift + slope * reference
            slope = slope.float()[:, :, None]
        if self.periodic:
            shift = shift - TURN * torch.round(shift * (1 / TURN))
        scaled = self.film and self.product is not None
        return Row(scale.float()[:, :, None] if scaled else None, shift.float()[:, :, None], slope)

    def forward(self, x: Tensor | None, elapsed: Tensor, row: Row) -> Tensor:
        """Evaluate the layer.

        Args:
            x: `[branches, rows, points, inputs]`, None for the first layer.
            elapsed: time from each row's reference, `[rows, points, 1]`.
        """
        phase = row.shift
        if row.slope is not None:
            phase = elapsed * row.slope + phase
        if self.product is not None:
            assert x is not None  # noqa: S101 - only the first layer has no input
            if self.rounded:
                x = torch.fake_quantize_per_tensor_affine(x, 1 / 127, 128, 0, 255)
            made = _times(x, self.product)
            phase = (made if row.scale is None else made * row.scale) + phase
        return self.activation(phase)

    def round_to_int8(self) -> None:
        """Round the product's weights to 255 steps per unit, and what comes in to as many."""
        if self.product is not None:
            size = self.product.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
            self.product = torch.round(self.product / size) * size
            self.rounded = True

    def _branched(self, modulation: Tensor) -> Tensor:
        """`[rows, branches * width]` -> `[branches, rows, outputs]`."""
        branches, units = self.bias.shape
        parts = modulation.reshape(modulation.shape[0], branches, -1)[:, :, :units]
        return parts.transpose(0, 1)


class LiveNetwork(nn.Module):
    """A trained `CoordinateNetwork`, left as it is, in the form that plays.

    Args:
        network: trained; its gate, where there is one, as it stands.
    """

    def __init__(self, network: CoordinateNetwork) -> None:
        super().__init__()
        self.mapping = copy.deepcopy(network.mapping)
        self.film = network.row.film
        self.coord_multi = network.config.coord_multi
        last = len(network.layers) - 1
        layers = []
        for i, layer in enumerate(network.layers):
            assert isinstance(layer, ConditionalLayer)  # noqa: S101 - for the type checker
            gain = network.gate if i == 1 else None
            layers.append(LiveLayer(layer, first=i == 0, film=self.film and i < last, gain=gain))
        self.layers = nn.ModuleList(layers)

    def forward(self, z: Tensor, t: Tensor, reference: Tensor) -> Tensor:
        """Amplitudes `[rows, points]`.

        Args:
            z: `[rows, num_latent]`; t: `[rows, points]`, -1 … 1, float64.
            reference: float64 `[rows, 1]`; the closer to the times, the more exact.
        """
        mapped = z if self.mapping is None else self.mapping(z)
        film = tuple(mapped.chunk(2, dim=1)) if self.film else None
        latent = None if self.film else mapped
        reference = reference * self.coord_multi
        elapsed = (t * self.coord_multi - reference).float()[:, :, None]
        x: Tensor | None = None
        for layer in self.layers:
            assert isinstance(layer, LiveLayer)  # noqa: S101 - for the type checker
            x = layer(x, elapsed, layer.row(film, latent, reference))
        assert x is not None  # noqa: S101 - there is a layer
        return x[..., 0].sum(0)


def _transposed(weights: Tensor | None) -> Tensor | None:
    return None if weights is None else weights.transpose(1, 2).contiguous()


def _times(x: Tensor, product: Tensor) -> Tensor:
    """`[branches, rows, points, inputs]` by `[branches, inputs, outputs]`, as one product each."""
    branches, rows, points, inputs = x.shape
    if branches == 1:  # two-dimensional, which a runtime packs once and for all
        flat = torch.matmul(x[0].reshape(rows * points, inputs), product[0])
        return flat.reshape(1, rows, points, product.shape[2])
    made = torch.matmul(x.reshape(branches, rows * points, inputs), product)
    return made.reshape(branches, rows, points, product.shape[2])
