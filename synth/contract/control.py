"""`Control`: one movable value of an instrument.

The same specification serves OSC, MIDI, the command line, the web page, the documentation and the
inputs of an exported graph, so that each range is written only once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.contract.curves import (
    BENT,
    CURVES,
    LEAST_EXPONENT,
    MOST_EXPONENT,
    WHOLE,
    position_of,
    value_at,
)
from synth.contract.errors import ConfigError
from synth.contract.roles import ROLES

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
MAX_SIZE = 4096
LARGEST = float(np.finfo(np.float32).max)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Control:
    """One movable value or vector of an instrument.

    Args:
        name: lower-case identifier (`[a-z][a-z0-9_]*`, at most 32 characters); the OSC address is
            `/<plugin>/<name>` and the graph input has this name.
        size: number of elements, 1 to 4096.
        minimum, maximum: per element, in `unit`; a single number holds for all elements.
        default: per element, inside the range.
        unit: "s", "Hz", "dB", "semitones", "frames" … or "" for a number without a unit.
        curve: how a fader position 0 … 1 maps to the range: "linear", "exponential" (ratios, needs
            minimum > 0), "power" (the share of the range is the position to the power of
            `exponent`), "symmetric" (the same from the middle of the range to either side),
            "integer" (rounded) or "toggle" (0 or 1).
        description: one sentence for people.
        per_voice: whether each voice has a value of its own; global controls are the same for all.
        smoothing_ms: time in which the engine glides to a new value, 0 … 10000; 0 jumps.
        role: who moves it, a key of `synth.contract.roles.ROLES`; "" for a fader.
        exponent: of the curves "power" and "symmetric", 0.001 … 1000; above 1, small values (or
            those near the middle) have more of the fader's way. 1 for all other curves.

    Raises:
        ConfigError: a field is out of its range; the message names it.
    """

    name: str
    size: int = 1
    minimum: tuple[float, ...] = (0.0,)
    maximum: tuple[float, ...] = (1.0,)
    default: tuple[float, ...] = (0.0,)
    unit: str = ""
    curve: str = "linear"
    description: str = ""
    per_voice: bool = False
    smoothing_ms: float = 0.0
    role: str = ""
    exponent: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.match(self.name):
            raise ConfigError(
                f"control name {self.name!r}: use a lower-case identifier of at most 32 characters"
            )
        if type(self.size) is not int or not 1 <= self.size <= MAX_SIZE:
            raise ConfigError(f"control {self.name}: size {self.size!r} is not in 1 … {MAX_SIZE}")
        if self.curve not in CURVES:
            raise ConfigError(
                f"control {self.name}: curve {self.curve!r} is none of {', '.join(CURVES)}"
            )
        for field, kind in (("unit", str), ("description", str), ("per_voice", bool)):
            if not isinstance(getattr(self, field), kind):
                raise ConfigError(
                    f"control {self.name}: {field} {getattr(self, field)!r} is not of type"
                    f" {kind.__name__}"
                )
        if not isinstance(self.role, str) or self.role not in ROLES:
            raise ConfigError(
                f"control {self.name}: role {self.role!r:.50} is none of"
                f" {', '.join(role for role in ROLES if role)}"
            )
        for field in ("minimum", "maximum", "default"):
            object.__setattr__(self, field, self._per_element(field))
        self._check_ranges()

    def _check_ranges(self) -> None:
        if not (_is_number(self.smoothing_ms) and 0 <= self.smoothing_ms <= 10_000):
            raise ConfigError(
                f"control {self.name}: smoothing_ms {self.smoothing_ms!r} is not in 0 … 10000"
            )
        if not _is_number(self.exponent) or not LEAST_EXPONENT <= self.exponent <= MOST_EXPONENT:
            raise ConfigError(
                f"control {self.name}: exponent {self.exponent!r:.50} is not in"
                f" {LEAST_EXPONENT:g} … {MOST_EXPONENT:g}"
            )
        if self.exponent != 1 and self.curve not in BENT:
            raise ConfigError(
                f"control {self.name}: a {self.curve} curve has no exponent, got {self.exponent!r}"
            )
        for low, high, default in zip(self.minimum, self.maximum, self.default, strict=True):
            if not low <= default <= high or np.float32(low) == np.float32(high):
                raise ConfigError(
                    f"control {self.name}: default {default} must lie in a range that is not"
                    f" empty, got {low} … {high}"
                )
            if self.curve in WHOLE and any(v != round(v) for v in (low, high, default)):
                raise ConfigError(
                    f"control {self.name}: curve {self.curve} needs whole numbers, got"
                    f" {low} … {high}, default {default}"
                )
            if self.curve == "exponential" and low <= 0:
                raise ConfigError(
                    f"control {self.name}: an exponential curve needs a minimum above 0, got {low}"
                )

    def _per_element(self, field: str) -> tuple[float, ...]:
        value: Any = getattr(self, field)
        values = tuple(value) if isinstance(value, Sequence) else (value,)
        if not all(_is_number(v) for v in values):
            raise ConfigError(f"control {self.name}: {field} {value!r:.100} is not made of numbers")
        if len(values) == 1:
            values *= self.size
        if len(values) != self.size or not all(abs(v) <= LARGEST for v in values):
            raise ConfigError(
                f"control {self.name}: {field} needs 1 or {self.size} finite numbers, got"
                f" {value!r:.100}"
            )
        return tuple(float(v) for v in values)

    @property
    def default_array(self) -> Floats:
        """The default as float32 `[size]`."""
        return np.asarray(self.default, np.float32)

    def clamp(self, values: Floats) -> tuple[Floats, bool]:
        """Bring `values` `[..., size]` into the range; also returns whether any was outside."""
        # In float32, as values arrive: 0.1 sent to a maximum of 0.1 is not outside.
        low, high = np.asarray(self.minimum, np.float32), np.asarray(self.maximum, np.float32)
        exact = np.asarray(values, np.float32)
        clamped = np.clip(exact, low, high)
        outside = bool(np.any(exact < low) or np.any(exact > high))
        return np.round(clamped) if self.curve in WHOLE else clamped, outside

    def from_unit(self, position: Floats | float) -> Floats:
        """The value `[size]` at a fader position, 0 … 1 (scalar or `[size]`), on the curve."""
        at = np.clip(np.broadcast_to(np.asarray(position, np.float64), (self.size,)), 0.0, 1.0)
        low, high = np.asarray(self.minimum), np.asarray(self.maximum)
        value = value_at(self.curve, self.exponent, low, high, at)
        return self.clamp(value.astype(np.float32))[0]

    def to_unit(self, values: Floats) -> Floats:
        """The fader position, 0 … 1, of `values` `[size]`: inverse of `from_unit`."""
        low, high = np.asarray(self.minimum), np.asarray(self.maximum)
        value = np.clip(self.clamp(np.asarray(values, np.float32))[0], low, high)
        at = position_of(self.curve, self.exponent, low, high, value)
        return np.asarray(np.clip(at, 0.0, 1.0), np.float32)

    def to_dict(self) -> dict[str, Any]:
        """All fields as a JSON-ready dictionary."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Control:
        """Build a control from plain data; inverse of `to_dict`.

        Args:
            data: fields by name; `name` is required.

        Raises:
            ConfigError: a field is unknown, missing or bad.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown or "name" not in data:
            problem = f"unknown field {unknown[0]!r}" if unknown else "field 'name' is missing"
            raise ConfigError(f"control: {problem}; known are {', '.join(sorted(known))}")
        return cls(**data)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
