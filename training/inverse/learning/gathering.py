"""Batches and their statistics over all processes of a run, with gradients through them."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def gathered(rows: Tensor) -> Tensor:
    """The rows of all processes, this one's gradient included; those of one alone as they are.

    Args:
        rows: `[sounds, dims]`, as many in each process.
    """
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return rows
    everyone: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return everyone


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        # Each process has the loss of all rows: DDP takes the mean of their gradients, so the sum
        # over processes here is the gradient of the one loss there.
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


def share_statistics(model: nn.Module) -> None:
    """Make the batch normalisations of a model take the statistics of all processes' batches.

    torch's own SyncBatchNorm does so on accelerators alone.

    Args:
        model: changed in place; its parameters and buffers stay.
    """
    for module in model.modules():
        if type(module) in _SHARED:
            module.__class__ = _SHARED[type(module)]


class _Shared(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation over the batches of all processes, of the same size each."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        self._check_input_dim(x)  # type: ignore[no-untyped-call]
        axes = [0, *range(2, x.dim())]
        here = x.float()
        moments = gathered(torch.stack([here.mean(axes), here.square().mean(axes)])[None]).mean(0)
        # A difference of squares may be rounded to less than nothing.
        mean, variance = moments[0], (moments[1] - moments[0].square()).clamp_min(0)
        if self.track_running_stats and self.running_mean is not None:
            count = x.numel() / x.shape[1] * dist.get_world_size()
            self._remember(mean.detach(), variance.detach() * (count / (count - 1)))
        shape = (1, -1, *(1 for _ in axes[1:]))
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        shift = -mean * scale
        if self.affine:
            shift = shift + self.bias
        return (here * scale.reshape(shape) + shift.reshape(shape)).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
        share = self.momentum
        if share is None:
            share = 1.0 / float(self.num_batches_tracked or 1)
        for kept, new in ((self.running_mean, mean), (self.running_var, variance)):
            if kept is not None:
                kept.lerp_(new, share)


class _Shared1d(_Shared, nn.BatchNorm1d):
    pass


class _Shared2d(_Shared, nn.BatchNorm2d):
    pass


_SHARED: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: _Shared1d,
    nn.BatchNorm2d: _Shared2d,
}
