"""`JoinedEncoder`: several looks at the same sound in one embedding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synth.models.inverse.encoders.shapes import dry_run


class JoinedEncoder(nn.Module):
    """Branches side by side, normalised, and a linear layer.

    Args:
        shape: of the input, without the batch.
        dim: size of the embedding.
        branches: from the input to `[batch, any]` each.

    Shape: `[batch, *shape]` to `[batch, dim]`.
    """

    def __init__(self, shape: Sequence[int], dim: int, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        sizes = [dry_run(branch, shape)[0] for branch in branches]
        self.output = nn.Sequential(nn.BatchNorm1d(sum(sizes)), nn.Linear(sum(sizes), dim))

    def forward(self, x: Tensor) -> Tensor:
        found = torch.cat([branch(x) for branch in self.branches], 1)
        return self.output(found)  # type: ignore[no-any-return]
