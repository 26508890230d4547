"""Controls of the codec's instruments, made from the statistics of the training latents."""

from __future__ import annotations

import torch
from torch import Tensor

from synth.contract import Control

MAX_AXES = 8


class LatentAxes:
    """The principal axes that faders move along.

    Args:
        latent: statistics as in `synth.models.package.Package.latent`; an empty mapping gives the
            raw coordinates with a range of -1 … 1.
        dim: size of a latent frame.
    """

    def __init__(self, latent: dict[str, Tensor], dim: int) -> None:
        self.count = min(MAX_AXES, dim)
        if latent:
            self.mean, axes = latent["mean"].float(), latent["axes"].float()
            low, high = latent["low"].float(), latent["high"].float()
        else:
            self.mean, axes = torch.zeros(dim), torch.eye(dim)
            low, high = -torch.ones(dim), torch.ones(dim)
        self.axes = axes[: self.count].contiguous()
        # A collapsed axis keeps a small range rather than an empty one.
        self.low = torch.clamp(low[: self.count], max=-1e-3)
        self.high = torch.clamp(high[: self.count], min=1e-3)

    def control(self) -> Control:
        """The vector control `latent`: offset along each axis, in latent units."""
        return Control(
            "latent",
            self.count,
            tuple(self.low.tolist()),
            tuple(self.high.tolist()),
            0.0,  # type: ignore[arg-type]
            description="offset along the principal axes of the training sounds, largest first;"
            " the range is their 1st to 99th percentile",
            per_voice=False,
            smoothing_ms=20.0,
            role="latent",
        )
