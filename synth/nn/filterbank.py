"""Banks of filters that split a sound into bands at a lower rate, and join them again."""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import functional as F

from synth.nn.streaming import State, StreamingLayer, remember


class AnalysisBank(StreamingLayer):
    """From a sound to its bands, as many samples of each as there are frames of `bands` samples.

    Args:
        filters: impulse responses, `[bands, taps + 1]`, symmetric or not, with their middle at
            `taps / 2`; `taps` is even and not less than `bands`.

    Raises:
        ValueError: the filters are too short, or have no middle.

    Shape: `[batch, 1, n * bands]` to `[batch, bands, n]`.
    """

    def __init__(self, filters: Tensor) -> None:
        super().__init__()
        self.bands, taps = _sizes(filters)
        self.memory = taps + 1 - self.bands
        self.ratio = Fraction(1, self.bands)
        self.latency = Fraction(taps // 2 - (self.bands - 1))
        self.filters: Tensor
        self.register_buffer("filters", filters.flip(1)[:, None].contiguous(), persistent=False)

    def init_state(self, batch: int) -> State:
        return {"past": self.filters.new_zeros(batch, 1, self.memory)}

    def step(self, x: Tensor, state: State, advance: Tensor | None = None) -> tuple[Tensor, State]:
        buffer = torch.cat([state["past"], x], 2)
        bands = F.conv1d(buffer, self.filters, stride=self.bands)
        return bands, {"past": remember(buffer, self.memory, advance)}


class SynthesisBank(StreamingLayer):
    """From bands to the sound that an `AnalysisBank` made them of.

    Args:
        filters: impulse responses, `[bands, taps + 1]`, as for `AnalysisBank`.

    Raises:
        ValueError: as `AnalysisBank`.

    Shape: `[batch, bands, n]` to `[batch, 1, n * bands]`.
    """

    def __init__(self, filters: Tensor) -> None:
        super().__init__()
        self.bands, taps = _sizes(filters)
        self.memory = math.ceil((taps + 1) / self.bands) - 1
        self.ratio = Fraction(self.bands)
        self.latency = Fraction(taps // 2, self.bands)
        self.filters: Tensor
        self.register_buffer("filters", filters[:, None].contiguous(), persistent=False)

    def init_state(self, batch: int) -> State:
        return {"past": self.filters.new_zeros(batch, self.bands, self.memory)}

    def step(self, x: Tensor, state: State, advance: Tensor | None = None) -> tuple[Tensor, State]:
        buffer = torch.cat([state["past"], x], 2)
        whole = F.conv_transpose1d(buffer, self.filters, stride=self.bands)
        first = self.memory * self.bands
        audio = whole[..., first : first + x.shape[2] * self.bands]
        return audio, {"past": remember(buffer, self.memory, advance)}


def _sizes(filters: Tensor) -> tuple[int, int]:
    bands, length = filters.shape
    if length % 2 == 0 or length < bands:
        raise ValueError(f"{bands} filters of {length} samples; an odd number of at least {bands}")
    return bands, length - 1
