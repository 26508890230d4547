"""Low-frequency oscillators: five shapes, mixed, whose edges keep their time between the ends."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.models.inverse.voices.parameter import power

SHAPES = ("sine", "triangle", "saw", "reverse_saw", "square")
SHARPEST = 1e-3  # turns that an edge takes at least


def lfo_shape(weights: Tensor, turn: Tensor, rate: Tensor) -> Tensor:
    """A mixture of the shapes, each 0 … 1.

    An edge takes one control period, so that it isn't late by up to one, and so that the sound
    depends smoothly on the phase.

    Args:
        weights: of `SHAPES`, 0 … 1, in this order, `[batch, lfos, 5]`; a weight counts by its power
            of e, as a share of their sum.
        turn: place in the turn, 0 … 1, `[batch, lfos, n + 1]`.
        rate: turns per control period, of either sign, `[batch, lfos, n + 1]`.
    """
    edge = rate.abs().clamp(SHARPEST, 0.5)
    sine = 0.5 + 0.5 * torch.cos(2 * math.pi * turn)
    triangle = 1 - (1 - 2 * turn).abs()
    # Signed distances, in turns, to the jump of the saw and to the nearest one of the square.
    ahead = turn - (turn >= 0.5).to(turn.dtype)
    saw = torch.where(ahead.abs() < edge / 2, 0.5 - ahead * (1 - edge) / edge, turn)
    inside = 0.25 - ((turn + 0.25) % 1.0 - 0.5).abs()
    square = (0.5 + inside / edge).clamp(0, 1)
    share = power(weights, math.e)
    share = share / (share.sum(-1, keepdim=True) + 1e-6)
    shapes = torch.stack([sine, triangle, saw, 1 - saw, square], -1)
    return (shapes * share[:, :, None]).sum(-1)
