"""A step of training in bfloat16 on a CPU, its backward pass written out.

Weights have twins in bfloat16, refreshed once a step; gradients are written where the optimiser
finds them, into memory that stays; two heads of the same hidden layer are one product; and the
density of frames comes with its gradient in one go. The numbers are those of the layers under
autocast, but for the order of sums. Parameters, and what plays live, are the layers' own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from synth.models.timbre import Timbre
from synth.models.timbre.model import FRAME_STD, LATENT_STD
from training.timbre.learning.losses import HALF_LOG_TAU

Half = torch.bfloat16


class Twin:
    """Linear layers with the same input as one product in bfloat16.

    Args:
        layers: fully connected, with biases.
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        self._sizes = [layer.out_features for layer in layers]
        rows, columns = sum(self._sizes), layers[0].in_features
        self._weights = [layer.weight for layer in layers]
        self._biases = [layer.bias for layer in layers]
        self.masters: list[Tensor] = [*self._weights, *self._biases]
        self._weight = torch.empty(rows, columns, dtype=Half)
        self._bias = torch.empty(rows, dtype=Half)
        self.parts = [
            *torch.split(self._weight, self._sizes), *torch.split(self._bias, self._sizes)
        ]  # fmt: skip
        self._slope = torch.empty_like(self._weight)
        self._narrow = list(torch.split(self._slope, self._sizes))
        self._wide = [torch.zeros_like(weight) for weight in self._weights]

    def forward(self, x: Tensor) -> Tensor:
        """The output for an input `[rows, columns]` in bfloat16."""
        return torch.addmm(self._bias, x, self._weight.t())

    def backward(self, x: Tensor, slope: Tensor, columns: int) -> Tensor:
        """Set the gradients of the layers.

        Args:
            x: input, `[rows, columns]`; slope: of the output; both bfloat16.
            columns: number of inputs, the first, whose gradient is asked for.

        Returns:
            Gradient of these inputs.
        """
        torch.mm(slope.t(), x, out=self._slope)
        torch._foreach_copy_(self._wide, self._narrow)
        biases = torch.split(slope.sum(0, dtype=torch.float32), self._sizes)
        for weight, bias, wide, narrow in zip(
            self._weights, self._biases, self._wide, biases, strict=True
        ):
            weight.grad, bias.grad = wide, narrow
        return slope @ self._weight[:, :columns]


class Norm:
    """Batch normalisation over rows in bfloat16, with the sums in float32.

    Args:
        layer: whose statistics are updated.
    """

    def __init__(self, layer: nn.BatchNorm1d) -> None:
        self._layer, self._momentum = layer, layer.momentum or 0.0

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        """The output, and what `backward` needs."""
        layer, many = self._layer, len(x) > 1  # a row alone has no variance, see `RowNorm`
        if many:
            layer.num_batches_tracked.add_(1)  # type: ignore[union-attr]
        made, mean, scale = torch.native_batch_norm(
            x, layer.weight, layer.bias, layer.running_mean, layer.running_var, many,
            self._momentum, layer.eps,
        )  # fmt: skip
        return made, (x, mean, scale, many)

    def backward(self, known: Any, slope: Tensor) -> Tensor:
        """Set the layer's gradients; returns that of the input."""
        layer, (x, mean, scale, many) = self._layer, known
        found, layer.weight.grad, layer.bias.grad = torch.ops.aten.native_batch_norm_backward(
            slope, x, layer.weight, layer.running_mean, layer.running_var, mean, scale, many,
            layer.eps, [True, True, True],
        )  # fmt: skip
        return found  # type: ignore[no-any-return]


class Chain:
    """Hidden layers: products, normalised where the model has it, and rectified.

    Args:
        layers: `encoder` or `decoder` of a model.
    """

    def __init__(self, layers: nn.Sequential) -> None:
        self.twins = [Twin([layer]) for layer in layers if isinstance(layer, nn.Linear)]
        norms = [Norm(layer) for layer in layers if isinstance(layer, nn.BatchNorm1d)]
        self._norms: list[Norm | None] = [*norms] if norms else [None] * len(self.twins)
        self._seen: list[tuple[Tensor, Any]] = []

    def forward(self, x: Tensor) -> Tensor:
        """The last hidden layer, `[rows, hidden_dims]`, for an input in bfloat16."""
        self._seen = []
        for twin, norm in zip(self.twins, self._norms, strict=True):
            before, known = x, None
            x = twin.forward(x)
            if norm:
                x, known = norm.forward(x)
            x = x.relu_()
            self._seen.append((before, known))
        return x

    def backward(self, made: Tensor, slope: Tensor, columns: int) -> Tensor:
        """Set the gradients of all layers; returns that of the first `columns` inputs.

        Args:
            made: what `forward` gave last; slope: its gradient.
        """
        for number in reversed(range(len(self.twins))):
            before, known = self._seen[number]
            slope = torch.ops.aten.threshold_backward(slope, made, 0)
            norm = self._norms[number]
            if norm:
                slope = norm.backward(known, slope)
            wanted = columns if number == 0 else before.shape[1]
            slope = self.twins[number].backward(before, slope, wanted)
            made = before
        return slope


def density(heads: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Mean negative log-density of frames in nats, and its gradient for the heads, which are
    overwritten with it.

    Args:
        heads: of the decoder, bfloat16 `[rows, 2 * bands]`, mean and raw standard deviation.
        frames: scaled, `[rows, bands]`.
    """
    rows, bands = frames.shape
    low, reach = math.log(FRAME_STD[0]), math.log(FRAME_STD[1] / FRAME_STD[0])
    bent = heads[:, bands:].float().sigmoid_()
    precision = bent.mul(-reach).sub_(low)  # logarithm of it
    total = -precision.sum()
    miss = (frames - heads[:, :bands]).mul_(precision.exp_())
    squared = miss.square()
    total = (total + 0.5 * squared.sum()) / rows + bands * HALF_LOG_TAU
    torch.mul(miss.mul_(precision), -1 / rows, out=heads[:, :bands])
    squared.neg_().add_(1).mul_(reach / rows)
    torch.mul(squared, bent.addcmul_(bent, bent, value=-1), out=heads[:, bands:])
    return total, heads


class Passing(torch.autograd.Function):
    """A batch through the model: mean and std of posteriors, and the density of frames."""

    @staticmethod
    def forward(ctx: Any, waker: Tensor, joined: Tensor, fast: FastTimbre) -> Any:
        """`waker` is a parameter, so that a backward pass comes by."""
        ctx.fast = fast
        return fast.forward(joined)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[None, None, None]:
        ctx.fast.backward(*slopes)
        return None, None, None


class Passage(NamedTuple):
    """A batch that went through: mean and std of posteriors `[rows, dims]`, and the mean negative
    log-density of its frames."""

    mean: Tensor
    std: Tensor
    lost: Tensor


class FastTimbre:
    """A timbre model for training steps on a CPU, one backward pass after each call.

    Args:
        model: whose parameters are trained, float32.
    """

    def __init__(self, model: Timbre) -> None:
        self._bands, self._dims = model.bands, model.config.latent_dims
        self._encoder, self._decoder = Chain(model.encoder), Chain(model.decoder)
        self._posterior = Twin([model.latent_mean, model.latent_std])
        self._likelihood = Twin([model.frame_mean, model.frame_std])
        twins = [*self._encoder.twins, *self._decoder.twins, self._posterior, self._likelihood]
        self._parts = [part for twin in twins for part in twin.parts]
        self._masters = [master for twin in twins for master in twin.masters]
        self._waker = model.latent_mean.bias
        self._seen: tuple[Tensor, ...] = ()

    def __call__(self, joined: Tensor) -> Passage:
        """A batch of scaled frames with conditions beside, `[rows, bands + width]`."""
        with torch.autocast("cpu", enabled=False):
            return Passage(*Passing.apply(self._waker, joined, self))  # type: ignore[no-untyped-call]

    def forward(self, joined: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As a call, without what autograd needs."""
        torch._foreach_copy_(self._parts, self._masters)
        narrow, dims, bands = joined.to(Half), self._dims, self._bands
        low, reach = math.log(LATENT_STD[0]), math.log(LATENT_STD[1] / LATENT_STD[0])
        hidden = self._encoder.forward(narrow)
        heads = self._posterior.forward(hidden).float()
        mean, bent = heads[:, :dims].contiguous(), heads[:, dims:].sigmoid()
        std = bent.mul(reach).add_(low).exp_()
        noise = torch.randn_like(std)
        drawn = torch.addcmul(mean, std, noise).to(Half)
        inner = self._decoder.forward(torch.cat([drawn, narrow[:, bands:]], 1))
        lost, slope = density(self._likelihood.forward(inner), joined[:, :bands])
        # What the raw heads of the standard deviations change is std times this.
        bent.addcmul_(bent, bent, value=-1).mul_(reach)
        self._seen = (hidden, bent, std, noise, inner, slope)
        return mean, std, lost

    def backward(self, of_mean: Tensor, of_std: Tensor, of_lost: Tensor) -> None:
        """Set the gradients of all parameters from those of what the last call gave."""
        hidden, bent, std, noise, inner, slope = self._seen
        self._seen = ()
        slope = self._likelihood.backward(inner, slope.mul_(of_lost), inner.shape[1])
        of_drawn = self._decoder.backward(inner, slope, self._dims).float()
        of_raw = (of_std + of_drawn * noise).mul_(std).mul_(bent)
        heads = torch.cat([of_mean + of_drawn, of_raw], 1).to(Half)
        slope = self._posterior.backward(hidden, heads, hidden.shape[1])
        self._encoder.backward(hidden, slope, 0)
