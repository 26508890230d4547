"""From control periods to samples: straight lines between the ends, and phases as parabolas."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.models.inverse.voices.voice import HOP

PIECE = 1 << 16  # samples worked on at a time on a CPU: what belongs to them fits into its cache


class Lines:
    """Straight lines between ends.

    Args:
        ends: `[batch, k, n + 1]`.
    """

    def __init__(self, ends: Tensor) -> None:
        self._start = ends[..., :-1, None].unbind(1)
        self._slope = _steps(ends)[..., None].unbind(1)
        self._share = _shares(ends)

    def __call__(self, place: int, part: slice) -> Tensor:
        """A line, `[batch, n, HOP]`, in a part of the control periods."""
        return self._start[place][:, part] + self._slope[place][:, part] * self._share


class Phases:
    """Phases in radians: a frequency that runs in a straight line makes a parabola.

    Args:
        frequency: turns per sample at the ends, `[batch, k, n + 1]`.
        turns: its `integral`, `[batch, k, n + 1]`.
        offset: turns that are added, at the ends, `[batch, k, n + 1]`.
    """

    def __init__(self, frequency: Tensor, turns: Tensor, offset: Tensor | None = None) -> None:
        start, rate = (turns[..., :-1] % 1.0).to(frequency.dtype), frequency[..., :-1] * HOP
        if offset is not None:
            start, rate = start + offset[..., :-1], rate + _steps(offset)
        bent = _steps(frequency) * (HOP / 2)
        circle = 2 * math.pi
        self._start, self._rate, self._bent = (
            (x * circle)[..., None].unbind(1) for x in (start, rate, bent)
        )
        self._share = _shares(frequency)

    def __call__(self, place: int, part: slice) -> Tensor:
        """A phase, `[batch, n, HOP]`, in a part of the control periods."""
        line = self._bent[place][:, part] * self._share + self._rate[place][:, part]
        return line * self._share + self._start[place][:, part]


def integral(rate: Tensor, start: Tensor) -> Tensor:
    """Phases at the ends, in double precision, `[batch, k, n + 1]`.

    Args:
        rate: turns per control period at the ends, straight between them, `[batch, k, n + 1]`.
        start: phases at the first end, in turns, `[batch, k]`.
    """
    steps = (rate[..., :-1] + rate[..., 1:]).double() / 2
    return torch.cat([start[..., None], start[..., None] + steps.cumsum(-1)], -1)


def hertz(key: Tensor) -> Tensor:
    """The frequency of a MIDI key, of any shape."""
    # Not exp2: of the exponentials, torch computes only this one alike in batches of all sizes.
    return 440 * torch.exp((key - 69) * (math.log(2) / 12))


def pieces(ends: Tensor) -> list[slice]:
    """The control periods between ends `[batch, k, n + 1]`, in pieces that fit into a cache.

    One piece where that is vain: gradients keep everything anyway, and other devices prefer large
    tensors; in a graph their number is free.
    """
    if torch.onnx.is_in_onnx_export():
        return [slice(None)]
    count = ends.shape[-1] - 1
    whole = torch.is_grad_enabled() or ends.device.type != "cpu"
    size = count if whole else max(1, PIECE // (len(ends) * HOP))
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def samples_of(part: slice, past: int = 0) -> slice:
    """The samples of some control periods, with those that come before.

    Args:
        part: of `pieces`; past: samples that precede the first control period.
    """
    if part == slice(None):
        return part
    return slice(part.start * HOP, part.stop * HOP + past)


def _steps(ends: Tensor) -> Tensor:
    """Differences along the last axis, as a graph can have them."""
    return ends[..., 1:] - ends[..., :-1]


def _shares(like: Tensor) -> Tensor:
    return torch.arange(HOP, device=like.device, dtype=like.dtype) / HOP
