"""`LiveNetwork`: a coordinate network folded for playing, exact in phase.

A latent acts on a layer as one scale and one shift of the layer's product. Those of all layers are
made at once, a row for every run of points that share a latent; a layer is then a product, a
multiplication, an addition and its activation.

In float32, frequencies of thousands of radians over a whole second would lose the phase. So times
are counted from a reference of the row, whose share of every phase is computed in double precision
and brought within one turn.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.models.inr.layer import ACTIVATIONS, ConditionalLayer
from synth.models.inr.network import CoordinateNetwork

TURN = 2 * math.pi
STEPS = 127  # of an int8 number, to either side


class LiveNetwork(nn.Module):
    """A trained `CoordinateNetwork` in the form that plays.

    Layers before the output are stacked, padded with zeros to the widest; `*` is the number of
    parallel branches where there are several, else no axis at all.

    Args:
        network: left as it is; its gate, where there is one, is frozen as it stands.

    Attributes:
        omega, bias, time: `[layers, *, 1, widest]`, of the layers and of the time that joins.
        latent: `[num_latent, layers * widest]` (all branches), or None where no latent joins.
        turn: `[layers, *, 1, 1]`, 2 pi where a phase is periodic, else 0.
        product_1, product_2 …: matrices `[*, inputs, outputs]` of the layers from the second on.
    """

    omega: Tensor
    bias: Tensor
    time: Tensor
    latent: Tensor | None
    turn: Tensor
    last_bias: Tensor

    def __init__(self, network: CoordinateNetwork) -> None:
        super().__init__()
        self.mapping = copy.deepcopy(network.mapping)
        self.film, config = network.row.film, network.config
        self.coord_multi, self.branches = config.coord_multi, config.branches
        layers = [layer for layer in network.layers if isinstance(layer, ConditionalLayer)]
        *stacked, last = layers
        self.widths = [layer.bias.shape[1] for layer in stacked]
        self.activations = [ACTIVATIONS[layer.config.activation] for layer in layers]
        self.timed = [i == 0 or layer.config.time for i, layer in enumerate(stacked)]
        self.rounded = False
        with torch.no_grad():
            weights = [layer.weights().detach() for layer in layers]
            self._stack("omega", [layer.omega_0 for layer in stacked])
            self._stack("bias", [layer.bias for layer in stacked])
            self._stack("time", [self._time(i, layer) for i, layer in enumerate(stacked)])
            self._stack_latents(stacked, weights)
            periodic = [TURN * (layer.config.activation == "sine") for layer in stacked]
            turn = torch.tensor(periodic, dtype=torch.float64)
            self.register_buffer("turn", turn.reshape(-1, *(1,) * (self.omega.dim() - 1)))
            self.register_buffer("last_bias", self._lead(last.bias)[..., None, None, :].clone())
            for i, layer in enumerate(layers[1:], 1):
                product = weights[i][:, :, : layer.config.fans[0]]
                if i == 1 and network.gate is not None:
                    product = product * network.gate[:, None]
                if not self.film or layer is last:  # one scale for good
                    product = product * layer.omega_0[:, :, None]
                product = self._lead(product.transpose(1, 2))
                # With branches, the same product for every row of a branch.
                product = product if product.dim() == 2 else product[:, None]
                self.register_buffer(f"product_{i}", product.contiguous())

    def forward(self, z: Tensor, t: Tensor, reference: Tensor) -> Tensor:
        """Amplitudes `[rows, points]`.

        Args:
            z: latents `[rows, num_latent]`.
            t: times, float64 `[rows, points]`, -1 … 1.
            reference: float64 `[rows, 1]`; the closer to the times, the more exact.
        """
        reference = reference * self.coord_multi
        elapsed = (t * self.coord_multi - reference).float()[:, :, None]
        scales, shifts, slopes = self._conditions(z, reference)
        x = elapsed
        for i, width in enumerate(self.widths):
            cut = slice(None) if width == max(self.widths) else slice(width)
            phase = shifts[i][..., cut]
            if self.timed[i]:
                phase = elapsed * slopes[i][..., cut] + phase
            if i:
                made = self._product(x, i)
                phase = (made * scales[i][..., cut] if self.film else made) + phase
            x = self.activations[i](phase)
        x = self._product(x, len(self.widths)) + self.last_bias
        x = self.activations[-1](x)[..., 0]
        return x.sum(0) if self.branches > 1 else x

    @property
    def multiplications(self) -> int:
        """Multiplications per point, of the products alone."""
        return sum(getattr(self, f"product_{i}").numel() for i in range(1, len(self.widths) + 1))

    def round_to_int8(self) -> None:
        """Round the products' weights, per unit, and their inputs to 255 steps.

        For networks whose layers are all sines: inputs are then within -1 … 1.
        """
        self.rounded = True
        for i in range(1, len(self.widths) + 1):
            product = getattr(self, f"product_{i}")
            size = product.abs().amax(-2, keepdim=True).clamp_min(1e-12) / STEPS
            setattr(self, f"product_{i}", torch.round(product / size) * size)

    def _conditions(self, z: Tensor, reference: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scale, shift and slope of every layer, float32 `[layers, *, rows, 1, widest]` each."""
        mapped = z if self.mapping is None else self.mapping(z)
        scale, offset, phase = self.omega.double(), self.bias.double(), None
        if self.film:
            gamma, phase = self._modulation(mapped.double())
            scale = scale + gamma
        if self.latent is not None:
            joined = torch.matmul(mapped.double(), self.latent.double())
            joined = joined.reshape(z.shape[0], *self.omega.shape[:-2], self.omega.shape[-1])
            offset = offset + joined.movedim(0, -2)
        slope = self.time.double() * scale
        shift = scale * offset + slope * reference
        shift = shift if phase is None else shift + phase
        shift = shift - self.turn * torch.round(shift * (1 / TURN))
        made = (part.float().unsqueeze(-2) for part in (scale, shift, slope))
        scale, shift, slope = made
        return scale, shift, slope

    def _modulation(self, mapped: Tensor) -> tuple[Tensor, Tensor]:
        """gamma and beta, `[*, rows, widest]`."""
        if self.branches == 1:
            widest = max(self.widths)
            return mapped[:, :widest], mapped[:, widest:]
        parts = mapped.reshape(mapped.shape[0], 2, self.branches, -1).permute(1, 2, 0, 3)
        return parts[0], parts[1]

    def _product(self, x: Tensor, i: int) -> Tensor:
        if self.rounded:
            x = torch.fake_quantize_per_tensor_affine(x, 1 / STEPS, 128, 0, 255)
        return torch.matmul(x, getattr(self, f"product_{i}"))

    def _lead(self, tensor: Tensor) -> Tensor:
        """Without the axis of branches where there is one branch."""
        return tensor if self.branches > 1 else tensor[0]

    def _stack(self, name: str, parts: list[Tensor]) -> None:
        """A buffer of one row per layer."""
        padded = [F.pad(part.detach(), (0, max(self.widths) - part.shape[1])) for part in parts]
        self.register_buffer(name, torch.stack([self._lead(p) for p in padded])[..., None, :])

    def _time(self, i: int, layer: ConditionalLayer) -> Tensor:
        """Weights of time, `[branches, outputs]`; zeros where it doesn't join."""
        return layer.weights()[:, :, 0 if i == 0 else -1] * float(self.timed[i])

    def _stack_latents(self, layers: list[ConditionalLayer], weights: list[Tensor]) -> None:
        """Columns of the latents that join, of all layers side by side."""
        self.register_buffer("latent", None)
        if not any(layer.config.latent for layer in layers):
            return
        size, widest = max(layer.config.latent for layer in layers), max(self.widths)
        columns = torch.zeros(len(layers), self.branches, widest, size)
        for i, layer in enumerate(layers):
            inputs, latents, _ = layer.config.fans
            if latents:
                part = weights[i][:, :, inputs : inputs + latents]
                columns[i, :, : part.shape[1]] = part
        self.latent = columns.flatten(0, 2).t().contiguous()
