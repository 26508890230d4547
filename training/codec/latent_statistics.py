"""Statistics of the latent space: what the export turns into controls."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synth.models.codec import Codec
from training.codec.crops import even_pieces
from training.data.library import Clip

PIECE_SECONDS = 4.0


def latent_statistics(model: Codec, clips: Sequence[Clip], seconds: float) -> dict[str, Tensor]:
    """Mean, principal axes and ranges of the latents of up to `seconds` of the clips.

    Returns:
        `mean` `[dim]`; `axes` `[dim, dim]`, orthonormal rows, largest variance first, each with its
        largest element positive; `low`, `high` `[dim]`, 1st and 99th percentile along each axis.
    """
    rate = model.config.sample_rate
    size = max(1, round(PIECE_SECONDS * rate / model.hop)) * model.hop
    pieces = even_pieces(clips, size, max(1, round(seconds / PIECE_SECONDS)))
    device = next(model.parameters()).device
    found = []
    with torch.inference_mode():
        for piece in pieces:
            latent = model.encode(torch.from_numpy(piece)[None].to(device))
            found.append(latent[0].t().float().cpu())
    return principal_axes(torch.cat(found))


def principal_axes(vectors: Tensor) -> dict[str, Tensor]:
    """The statistics above of `vectors` `[count, dim]`, count >= 1."""
    data = vectors.double()
    mean = data.mean(0)
    centred = data - mean
    covariance = centred.t() @ centred / max(1, len(data) - 1)
    _, columns = torch.linalg.eigh(covariance)
    axes = columns.flip(1).t()
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    axes = axes * torch.where(largest < 0, -1.0, 1.0)
    ranges = torch.quantile(_thinned(centred @ axes.t()), torch.tensor([0.01, 0.99]).double(), 0)
    # An axis without any variance still gets a range that a fader can have.
    low, high = ranges[0].clamp(max=-1e-4), ranges[1].clamp(min=1e-4)
    return {
        "mean": mean.float(),
        "axes": axes.float().contiguous(),
        "low": low.float(),
        "high": high.float(),
    }


def _thinned(values: Tensor, most: int = 100_000) -> Tensor:
    # torch.quantile takes at most 16 million elements.
    return values[:: max(1, -(-len(values) // most))]
