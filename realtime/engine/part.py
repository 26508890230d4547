"""`Part`: the channels and keys that one instrument of the rack plays, its level and its place."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from realtime.engine.plugin import Array
from realtime.engine.signal.ramp import Ramp
from realtime.namespace.parts import PART_CONTROLS
from synth.contract import Control

FADE_S = 0.01
CONCERT_HZ = 440.0
_CONTROLS = {control.name: control for control in PART_CONTROLS}
_LEVEL = ("gain", "pan", "mute")


class Part:
    """The values of `PART_CONTROLS` for one instrument, and their effect on notes and sound.

    Args:
        sample_rate: of the device, Hz.
        channels: of the device.

    Attributes:
        values: of each control, one number per element.
        clamped: how many numbers were out of range.
        refused: how often there were too few or too many numbers.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.values = {name: list(control.default) for name, control in _CONTROLS.items()}
        self.clamped = self.refused = 0
        self._flat = True  # nothing has moved level or place
        self._gains = [Ramp(max(1, round(FADE_S * sample_rate))) for _ in range(channels)]

    def find(self, name: str) -> tuple[Control, Sequence[float]] | None:
        """A control and its values, or None."""
        control = _CONTROLS.get(name)
        return None if control is None else (control, self.values[name])

    def set(self, name: str, values: Sequence[float], element: int | None = None) -> bool:
        """Set a control, or one element of it.

        Args:
            name: of the control.
            values: one number per element, clamped to the range; one for an element alone.
            element: its index, or None for the whole control.

        Returns:
            False, and counts, if there are too few or too many numbers.
        """
        control, kept = _CONTROLS[name], self.values[name]
        if len(values) != (control.size if element is None else 1):
            self.refused += 1
            return False
        wanted = list(values) if element is None else [*kept]
        if element is not None:
            wanted[element] = values[0]
        bounded, outside = control.clamp(np.asarray(wanted, np.float32))
        self.clamped += outside
        self.values[name] = bounded.tolist()
        if name in _LEVEL:
            self._set_level()
        return True

    def hears(self, channel: int, key: float) -> bool:
        """Whether this instrument plays a key (0 … 127) of a channel (0: without one)."""
        low, high = self.values["keys"]
        return self.hears_channel(channel) and low <= key <= high

    def hears_channel(self, channel: int) -> bool:
        """Whether this instrument listens to a channel (0: to notes without one)."""
        return self.values["channels"][channel] > 0.5

    def key(self, key: float) -> float:
        """The key that sounds when a key is pressed: transposed, within 0 … 127."""
        return min(max(key + self.values["transpose"][0], 0.0), 127.0)

    def velocity(self, velocity: float) -> float:
        """The velocity that sounds for a velocity received, both 0 … 1."""
        return float(velocity ** self.values["velocity_curve"][0])

    @property
    def tuning(self) -> float:
        """Semitones from an A of 440 Hz to this instrument's A."""
        return 12 * math.log2(self.values["tuning"][0] / CONCERT_HZ)

    @property
    def mono(self) -> bool:
        """Whether each channel plays only one note at a time."""
        return self.values["mono"][0] > 0.5

    @property
    def legato(self) -> bool:
        """Whether, in mono, the sounding note goes on at the next key's pitch."""
        return self.values["legato"][0] > 0.5

    @property
    def glide(self) -> float:
        """Seconds from one pitch to the next."""
        return self.values["glide"][0]

    def mix(self, audio: Array) -> Array:
        """Level and place of `[channels, n]`, in 10 ms after they were moved."""
        if self._flat:
            return audio
        rows = [g.process(audio[i : i + 1]) for i, g in enumerate(self._gains)]
        return np.concatenate(rows) if len(rows) > 1 else rows[0]

    def _set_level(self) -> None:
        gain_db, pan = self.values["gain"][0], self.values["pan"][0]
        silent = self.values["mute"][0] > 0.5 or gain_db <= _CONTROLS["gain"].minimum[0]
        level = 0.0 if silent else 10 ** (gain_db / 20)
        # Equal power, 1 in the middle: what goes to one side alone is 3 dB louder there.
        self._flat = False
        angle = (pan + 1) * math.pi / 4
        sides = (math.sqrt(2) * math.cos(angle), math.sqrt(2) * math.sin(angle))
        for number, ramp in enumerate(self._gains):
            ramp.go(level * (sides[number] if number < 2 and len(self._gains) > 1 else 1.0))
