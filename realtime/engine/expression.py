"""`Expression`: what a player does to each note while it sounds: bend, pressure and timbre.

MIDI Polyphonic Expression gives every note these three; here each moves controls of that note's
row alone, on top of where the controls stand for all notes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from realtime.engine.plugin import Array, Rows
from synth.contract import Control

# Where each rests: semitones, 0 … 1, and 0 … 1 with the middle at rest.
RESTS = {"bend": 0.0, "pressure": 0.0, "timbre": 0.5}
# The roles that pressure and timbre move unless they are told otherwise: the first of these that
# an instrument has, and which element of its control.
_USUAL = {
    "pressure": (("pressure", 0), ("loudness", 0), ("latent", 0)),
    "timbre": (("timbre", 0), ("brightness", 0), ("latent", 1)),
}
_SMOOTHING_MS = 10.0  # controllers send steps of 1/127


class Expression:
    """Bend, pressure and timbre of the rows of one plugin.

    Bend moves the control of that role, semitone by semitone. Pressure p (0 … 1) adds p · depth to
    the elements it is routed to, timbre t (0 … 1) adds (2 t - 1) · depth.

    Args:
        controls: of the plugin; slots: rows; hop_s: seconds between two `apply` calls.
    """

    def __init__(self, controls: Sequence[Control], slots: int, hop_s: float) -> None:
        self._used = False
        self._controls = {c.name: c for c in controls}
        self._all = dict(RESTS)
        self._wanted = {name: np.full(slots, rest, np.float32) for name, rest in RESTS.items()}
        self._now = {name: value.copy() for name, value in self._wanted.items()}
        self._fresh: set[int] = set()
        self._share = 1 - math.exp(-3000 * hop_s / _SMOOTHING_MS)
        self._depths: dict[str, dict[str, Array]] = {"pressure": {}, "timbre": {}}
        by_role = {c.role: c for c in controls if c.role}
        bend = by_role.get("bend")
        self._depths["bend"] = {bend.name: np.ones(1, np.float32)} if bend else {}
        for source, candidates in _USUAL.items():
            for role, element in candidates:
                control = by_role.get(role)
                if control is not None and element < control.size:
                    depth = _usual_depth(source, control, element)
                    self._route(source, control.name, element, depth)
                    break

    def begin(self, slot: int) -> None:
        """A new note in a row: at rest, and what is said of it before its first hop holds at once.

        Args:
            slot: the row.
        """
        self._fresh.add(slot)
        for name, rest in RESTS.items():
            self._wanted[name][slot] = self._now[name][slot] = rest

    def set(self, source: str, slots: Sequence[int], value: float) -> None:
        """Move one of `RESTS` for some rows."""
        self._used = True
        for slot in slots:
            self._wanted[source][slot] = value
            if slot in self._fresh:
                self._now[source][slot] = value

    def set_all(self, source: str, value: float) -> None:
        """Move pressure or timbre for all notes, now and later; each note's own adds to it."""
        self._used = True
        self._all[source] = value

    def route(self, source: str, name: str, element: int, depth: float) -> None:
        """Let pressure or timbre move an element of a control by up to `depth`, in the control's
        unit; 0 ends that."""
        self._used = True
        self._route(source, name, element, depth)

    def apply(self, rows: Rows, values: Mapping[str, Array]) -> None:
        """Add what the notes of `rows` `[r]` do to `values`, `[r, size]` each, in their ranges."""
        self._fresh.clear()
        if not self._used:
            return
        for source, depths in self._depths.items():
            now = self._now[source]
            now += self._share * (self._wanted[source] - now)
            at = self._position(source, now[rows])
            for name, depth in depths.items():
                control, value = self._controls[name], values[name]
                value += at[:, None] * depth
                np.clip(value, control.minimum, control.maximum, out=value)
                if control.curve in ("integer", "toggle"):
                    np.round(value, out=value)

    def _position(self, source: str, own: Array) -> Array:
        if source == "bend":
            return own
        both: Array = np.clip(own + (self._all[source] - RESTS[source]), 0.0, 1.0)
        return both if source == "pressure" else 2 * both - 1

    def _route(self, source: str, name: str, element: int, depth: float) -> None:
        depths = self._depths[source]
        vector = depths.setdefault(name, np.zeros(self._controls[name].size, np.float32))
        vector[element] = depth
        if not vector.any():
            del depths[name]


def _usual_depth(source: str, control: Control, element: int) -> float:
    """Pressure goes from the default to the maximum, timbre as far as there is room on both sides;
    a default at an end of the range leaves one side."""
    rest = control.default[element]
    up, down = control.maximum[element] - rest, rest - control.minimum[element]
    if source == "pressure":
        return up or -down
    return min(up, down) or up or -down
