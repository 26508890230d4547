"""What encoder and decoder are told beside a frame: its pitch and its dynamics."""

from __future__ import annotations

import torch
from torch import Tensor

OCTAVES = 11  # MIDI keys 0 … 127
CENTRE_KEY, KEY_RANGE = 60.0, 24.0


class Conditioning:
    """Pitch and dynamics as a row of numbers.

    Args:
        parts: of the row, in this order: any of "pitch", "octave", "dynamics", "key".
        dynamics: number of steps from soft to loud.

    Attributes:
        width: numbers in a row.
    """

    def __init__(self, parts: tuple[str, ...], dynamics: int) -> None:
        sizes = {"pitch": 12, "octave": OCTAVES, "dynamics": max(dynamics, 1), "key": 1}
        self.parts, self.dynamics = parts, max(dynamics, 1)
        self.width = sum(sizes[part] for part in parts)

    def row(self, key: Tensor, dynamics: Tensor) -> Tensor:
        """Rows of numbers `[rows, width]`.

        Args:
            key: MIDI keys, float `[rows]`; pitch class and octave are those of the nearest.
            dynamics: 0 (softest) … steps - 1 (loudest), float `[rows]`; between two steps both have
                a share.
        """
        nearest = torch.round(key).long().clamp(0, 127)
        made = {
            "pitch": lambda: _one_hot(nearest % 12, 12),
            "octave": lambda: _one_hot(nearest // 12, OCTAVES),
            "dynamics": lambda: _shares(dynamics, self.dynamics),
            "key": lambda: ((key - CENTRE_KEY) / KEY_RANGE)[:, None],
        }
        parts = [made[part]() for part in self.parts]
        return torch.cat(parts, 1) if parts else key.new_zeros(key.shape[0], 0)


def _one_hot(index: Tensor, size: int) -> Tensor:
    return (index[:, None] == torch.arange(size, device=index.device)).float()


def _shares(place: Tensor, steps: int) -> Tensor:
    at = torch.arange(steps, device=place.device, dtype=place.dtype)
    return (1 - (place.clamp(0, steps - 1)[:, None] - at).abs()).clamp_min(0)
