"""Features at the pace of the model."""

from __future__ import annotations

import torch
from torch import Tensor


def at_frames(features: Tensor, feature_hop: int, hop: int, count: int) -> Tensor:
    """Features of frames of `feature_hop` samples at the first `count` frames of `hop` samples.

    A value belongs to the middle of its frame. Values in between are interpolated linearly; beyond
    the outermost ones these are held.

    Args:
        features: `[frames, names]`, at least one frame.
        feature_hop: samples per frame of `features`, at least 1.
        hop: samples per frame wanted, at least 1.
        count: frames wanted.

    Returns:
        `[count, names]`.
    """
    middle = torch.arange(count, device=features.device, dtype=torch.float64) + 0.5
    place = middle * (hop / feature_hop) - 0.5
    place = place.clamp(0, len(features) - 1)
    low = place.floor().long()
    high = (low + 1).clamp(max=len(features) - 1)
    return torch.lerp(features[low], features[high], (place - low)[:, None].to(features.dtype))
