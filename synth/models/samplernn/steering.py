"""Features at the pace of the model."""

from __future__ import annotations

import torch
from torch import Tensor


def at_frames(features: Tensor, feature_hop: int, hop: int, count: int) -> Tensor:
    """Features of frames of `feature_hop` samples at the first `count` frames of `hop` samples.

    Both kinds of frames speak of their middle; between two of them lies a straight line, and beyond
    the outermost ones their values are held.

    Args:
        features: `[frames, names]`, at least one frame.

    Returns:
        `[count, names]`.
    """
    middle = torch.arange(count, device=features.device, dtype=torch.float64) + 0.5
    place = middle * (hop / feature_hop) - 0.5
    place = place.clamp(0, len(features) - 1)
    low = place.floor().long()
    high = (low + 1).clamp(max=len(features) - 1)
    return torch.lerp(features[low], features[high], (place - low)[:, None].to(features.dtype))
