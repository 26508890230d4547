"""`Parameter`: one knob of a voice, its range, and the curve from a turn of the knob to a value."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synth.contract import ConfigError


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
            return self.minimum + span * _power(unit, 1 / self.curve)
        way = 2 * unit - 1
        return self.minimum + span / 2 * (1 + torch.sign(way) * _power(way.abs(), 1 / self.curve))

    def unit_of(self, value: Tensor) -> Tensor:
        """The knob's position of a value within the range: inverse of `value`."""
        share = ((value - self.minimum) / (self.maximum - self.minimum)).clamp(0, 1)
        if not self.symmetric:
            return share**self.curve
        way = 2 * share - 1
        return (1 + torch.sign(way) * way.abs() ** self.curve) / 2


def _power(x: Tensor, exponent: float) -> Tensor:
    return x if exponent == 1 else x**exponent
