"""Settings and random numbers with which the codes of a take are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synth.contract import require_within
from synth.models.samplernn.sampling import draw
from synth.models.samplernn.stepping import Draw

MAX_ROWS = 1024


@dataclass(frozen=True)
class Drawing:
    """Temperature, top-k and top-p of a stream.

    Args:
        temperature: one for all rows or one each, 0 … 10; 0 takes the most likely code.
        top_k: draw only from so many of the most likely codes, 0 … 4096; 0 is all.
        top_p: draw only from the most likely codes that together have this probability, 0 … 1.

    Raises:
        ConfigError: a value is out of its range.
    """

    temperature: tuple[float, ...] = (1.0,)
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        require_within("the number of temperatures", len(self.temperature), 1, MAX_ROWS)
        for value in self.temperature:
            require_within("temperature", value, 0.0, 10.0)
        require_within("top_k", self.top_k, 0, 4096)
        require_within("top_p", self.top_p, 0.0, 1.0)

    def rule(self, rows: int, device: torch.device) -> Draw:
        """The draw of a stream.

        Args:
            rows: as many as there are temperatures, or any number where there is one.
            device: where logits and noise are.
        """

        def full(value: float, kind: torch.dtype) -> Tensor:
            return torch.full((rows,), value, dtype=kind, device=device)

        temperature = torch.tensor(self.temperature, dtype=torch.float32, device=device)
        temperature = temperature.expand(rows).contiguous()
        top_k = full(self.top_k, torch.int64) if self.top_k else None
        top_p = full(self.top_p, torch.float32) if self.top_p < 1 else None
        return lambda logits, uniform: draw(logits, uniform, temperature, top_k, top_p)


class Noise:
    """Random numbers, a sequence per row that doesn't depend on how many rows there are.

    Args:
        seed: 0 … 2³² - 1.
        rows: number of sequences.

    Raises:
        ConfigError: the seed is out of its range.
    """

    def __init__(self, seed: int, rows: int) -> None:
        require_within("seed", seed, 0, 2**32 - 1)
        self._rows = [np.random.default_rng((seed, row)) for row in range(rows)]

    def uniform(self, count: int) -> Tensor:
        """The next `count` numbers of every row: float32 `[rows, count]`, 0 <= u < 1."""
        drawn = [rng.random(count, dtype=np.float32) for rng in self._rows]
        return torch.from_numpy(np.stack(drawn))

    def normal(self, count: int) -> Tensor:
        """`count` standard normal numbers of every row: float32 `[rows, count]`."""
        drawn = [rng.standard_normal(count, dtype=np.float32) for rng in self._rows]
        return torch.from_numpy(np.stack(drawn))
