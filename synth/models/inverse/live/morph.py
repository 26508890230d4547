"""`Morph`: the values of a voice's knobs on their way to those of a patch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synth.models.inverse.voices import Parameter, Patch

TINY = 1e-30


class Morph(nn.Module):
    """Turns all knobs by a share of their way to a patch.

    A knob's way is straight in its position. A symmetric knob's position is counted from the middle
    of its range, with a sign; another's from its lower end. Then both kinds have one formula.

    Args:
        parameters: in the order of the columns.
        patches: the bank.
    """

    values: Tensor
    ways: Tensor
    start: Tensor
    reach: Tensor
    curve: Tensor

    def __init__(self, parameters: Sequence[Parameter], patches: Sequence[Patch]) -> None:
        super().__init__()
        half = [0.5 if p.symmetric else 1.0 for p in parameters]
        reach = [h * (p.maximum - p.minimum) for h, p in zip(half, parameters, strict=True)]
        start = [p.maximum - r for p, r in zip(parameters, reach, strict=True)]
        names = [p.name for p in parameters]
        self.register_buffer("start", torch.tensor(start))
        self.register_buffer("reach", torch.tensor(reach))
        self.register_buffer("curve", torch.tensor([p.curve for p in parameters]))
        self.register_buffer(
            "values", torch.tensor([[patch.values[name] for name in names] for patch in patches])
        )
        self.register_buffer("ways", self._way(self.values))

    def forward(self, values: Tensor, share: Tensor, patch: Tensor) -> Tensor:
        """The values on their way, exactly those of the knobs at 0 and of the patch at 1.

        Args:
            values: of the knobs, `[batch, parameters]`.
            share: of the way, 0 … 1, `[batch, 1]`.
            patch: its number in the bank, int64 `[batch]`.
        """
        patch = patch.clamp(0, len(self.values) - 1)
        here = self._way(values)
        way = here + share * (self.ways[patch] - here)
        size = torch.exp(way.abs().clamp_min(TINY).log() / self.curve)
        made = self.start + self.reach * torch.sign(way) * size
        made = torch.where(share <= 0, values, made)
        return torch.where(share >= 1, self.values[patch], made)

    def _way(self, values: Tensor) -> Tensor:
        """Positions of knobs, -1 … 1."""
        share = ((values - self.start) / self.reach).clamp(-1, 1)
        return torch.sign(share) * torch.exp(share.abs().clamp_min(TINY).log() * self.curve)
