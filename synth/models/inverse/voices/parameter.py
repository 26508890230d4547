"""`Parameter`: one knob of a voice, its range, and the curve from a turn of the knob to a value."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synth.contract import ConfigError

SMALLEST = 1e-37  # share of a range that is still a position of the knob


@dataclass(frozen=True)
class Parameter:
    """One parameter of a voice.

    The position of a knob, `u` in 0 … 1, is `minimum + (maximum - minimum) * u ** (1 / curve)`; of
    a symmetric one, `centre ± half_range * |d| ** (1 / curve)` with `d = 2 u - 1`.

    Args:
        name: lower-case identifier, unlike that of any other parameter of the voice.
        minimum, maximum: ends of the range, in `unit`.
        curve: below 1, small values have more of the knob's way; above 0.
        symmetric: whether the curve starts at the middle of the range.
        unit: "s", "Hz", "semitones" … or "".
        description: one sentence for people.

    Raises:
        ConfigError: the range is empty, or the curve isn't above 0.
    """

    name: str
    minimum: float
    maximum: float
    curve: float = 1.0
    symmetric: bool = False
    unit: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if not self.minimum < self.maximum or not self.curve > 0:
            raise ConfigError(
                f"parameter {self.name}: range {self.minimum} … {self.maximum} with curve"
                f" {self.curve}; the range must not be empty and the curve be above 0"
            )

    def value(self, unit: Tensor) -> Tensor:
        """The value at a knob's position 0 … 1, of any shape."""
        span = self.maximum - self.minimum
        if not self.symmetric:
            return self.minimum + span * power(unit, 1 / self.curve)
        way = 2 * unit - 1
        bent = torch.sign(way) * power(way.abs(), 1 / self.curve)
        return (self.minimum + self.maximum) / 2 + span / 2 * bent

    def unit_of(self, value: Tensor) -> Tensor:
        """The knob's position of a value within the range: inverse of `value`."""
        span = self.maximum - self.minimum
        if not self.symmetric:
            share = ((value - self.minimum) / span).clamp(0, 1)
            return power(share, self.curve, SMALLEST)
        way = ((value - (self.minimum + self.maximum) / 2) / (span / 2)).clamp(-1, 1)
        return (1 + torch.sign(way) * power(way.abs(), self.curve, SMALLEST)) / 2


def power(x: Tensor, exponent: float | Tensor, floor: float = 1e-12) -> Tensor:
    """`x ** exponent` for x in 0 … 1 and an exponent above 0; exactly 0, without a slope, at 0.

    Exponential and logarithm are the same for every element of a tensor. torch's own power isn't:
    the last elements, which don't fill a vector, differ by a rounding, and so would a sound in
    batches of different sizes.

    Args:
        x: 0 … 1, of any shape.
        exponent: above 0, a number or broadcast to x.
        floor: what counts as 0; a slope there may be infinite, and no gradient survives that.
    """
    if isinstance(exponent, float) and exponent == 1:
        return x
    return torch.where(x > floor, torch.exp(torch.log(x.clamp_min(floor)) * exponent), 0.0)
