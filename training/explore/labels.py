"""What a decoder is told beside a place in the space: keys and dynamics, from the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from synth.contract import ConfigError, parse_name, require_within
from training.explore.space import Space, key_name

PITCH_CLASSES = 12
SEED_LABELS = (0, 4, 6)


@dataclass(frozen=True)
class Condition:
    """A key and dynamics that frames are decoded with.

    Attributes:
        name: for people and files; key: MIDI; dynamics: 0 is the softest.
    """

    name: str
    key: float
    dynamics: float

    def row(self, space: Space) -> Tensor:
        """The row `[1, width]` that the model takes."""
        key, dynamics = torch.tensor([self.key]), torch.tensor([self.dynamics])
        return space.model.conditioning.row(key, dynamics)

    def describe(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"name": self.name, "key": self.key, "dynamics": self.dynamics}


def conditions(
    space: Space, labels: tuple[int, ...], octave: int = 4, dynamics: str = ""
) -> list[Condition]:
    """The conditions of pitch classes.

    Args:
        labels: pitch classes, 0 (C) … 11 (B), in the given order; a model that is told nothing has
            one condition whatever they are.
        octave: of the keys, for models that are told more than the class: -1 … 9.
        dynamics: by name; "" is the middle.

    Raises:
        ConfigError: a label or octave is out of its range, or the dynamics aren't known.
    """
    require_within("octave", octave, -1, 9)
    number = space.dynamics_number(dynamics)
    if not space.config.conditioning:
        return [Condition("any key", 12.0 * (octave + 1), number)]
    found = []
    for label in dict.fromkeys(labels):
        if not 0 <= label < PITCH_CLASSES:
            raise ConfigError(
                f"label {label}: labels are pitch classes, 0 (C) … {PITCH_CLASSES - 1} (B); choose"
                " among these"
            )
        key = 12 * (octave + 1) + label
        if key > 127:
            raise ConfigError(f"label {label} in octave {octave} is no MIDI key; lower the octave")
        found.append(Condition(key_name(key), float(key), number))
    return found


def read_keys(text: str) -> tuple[float, ...]:
    """MIDI keys out of "60", "C4", or several with commas between them.

    Raises:
        ConfigError: something else, or a key outside 0 … 127.

    >>> read_keys("C4,64.5")
    (60.0, 64.5)
    """
    keys = []
    for part in filter(None, re.split(r"[,\s]+", text)):
        named = parse_name(f"note_{part}").key
        try:
            key = float(part) if named is None or part.isdecimal() else float(named)
        except ValueError:
            raise ConfigError(
                f"pitch {part!r}: give MIDI keys or names with commas between, as in 60 or C4,E4,G4"
            ) from None
        require_within("pitch", key, 0, 127)
        keys.append(key)
    if not keys:
        raise ConfigError("pitch is empty; give MIDI keys or names, as in 60 or C4,E4,G4")
    return tuple(keys)
