"""`Matrix`: the values of all parameters as one tensor, so that a step may take many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor


class Matrix(Mapping[str, Tensor]):
    """Values by name, `[batch, 1]` each, that are columns of one tensor.

    A step that is played live costs what its operators cost to call, so it takes columns together.

    Args:
        names: of the columns.
        values: `[batch, names]`.
    """

    def __init__(self, names: Sequence[str], values: Tensor) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self._values = values

    def __getitem__(self, name: str) -> Tensor:
        return self._values[:, torch.tensor([self._places[name]])]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def double(self) -> Matrix:
        """The same in double precision."""
        return Matrix(tuple(self._places), self._values.double())

    def stacked(self, names: Sequence[str]) -> Tensor:
        """The values of some parameters, `[batch, names, 1]`."""
        return self._values[:, torch.tensor([[self._places[name]] for name in names])]
