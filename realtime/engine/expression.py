"""`Expression`: bend, pressure and timbre, by which a player shapes each note while it sounds.

MIDI Polyphonic Expression gives every note these three; here each moves the controls of that note's
row alone, and adds to the values that the controls have for all notes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from realtime.engine.plugin import Array, Rows
from realtime.engine.voices import CHANNELS
from synth.contract import Control

# The value at rest of each: semitones, 0 … 1, and 0 … 1 with the middle at rest.
RESTS = {"bend": 0.0, "pressure": 0.0, "timbre": 0.5}
# The roles that pressure and timbre move unless they are routed elsewhere: the first of these that
# an instrument has, and the element of its control.
_USUAL = {
    "pressure": (("pressure", 0), ("loudness", 0), ("latent", 0)),
    "timbre": (("timbre", 0), ("brightness", 0), ("morph", 0), ("latent", 1)),
}
_SMOOTHING_MS = 10.0  # controllers send steps of 1/127


class Expression:
    """Bend, pressure and timbre of the rows of one plugin.

    Bend moves the control of the role "bend", semitone for semitone. Pressure p (0 … 1) adds
    p · depth to the elements it is routed to, timbre t (0 … 1) adds (2 t - 1) · depth.

    Args:
        controls: the plugin's controls.
        slots: rows of state, one for each voice.
        hop_s: seconds from one hop to the next.
    """

    def __init__(self, controls: Sequence[Control], slots: int, hop_s: float) -> None:
        self._used = False
        self._controls = {c.name: c for c in controls}
        self._channels = {n: np.full(CHANNELS, rest, np.float32) for n, rest in RESTS.items()}
        self._own = {name: np.full(slots, rest, np.float32) for name, rest in RESTS.items()}
        self._now = {name: value.copy() for name, value in self._own.items()}
        self._channel = np.zeros(slots, np.int64)
        self._fresh: set[int] = set()
        self._slide = np.zeros((3, slots), np.float32)  # semitones now, at its end, and a hop
        self.tuning = 0.0
        self.limited = 0  # hops in which a row should have been bent farther than is possible
        self._hop_s = hop_s
        self._share = 1 - math.exp(-3000 * hop_s / _SMOOTHING_MS)
        self._depths: dict[str, dict[str, Array]] = {"pressure": {}, "timbre": {}}
        by_role = {c.role: c for c in controls if c.role}
        bend = by_role.get("bend")
        self._reach = min(-bend.minimum[0], bend.maximum[0]) if bend else 0.0
        self._depths["bend"] = {bend.name: np.ones(1, np.float32)} if bend else {}
        for source, candidates in _USUAL.items():
            for role, element in candidates:
                control = by_role.get(role)
                if control is not None and element < control.size:
                    depth = _usual_depth(source, control, element)
                    self._route(source, control.name, element, depth)
                    break

    def begin(self, slot: int, channel: int = 0, slide: float = 0.0, seconds: float = 0.0) -> None:
        """Begin a new note in a row, with the bend, pressure and timbre of its channel.

        Values that are set for the note before its first hop hold at once, without a glide.

        Args:
            slot: the row.
            channel: 1 … 16, or 0 for none.
            slide: semitones off its pitch at which the note begins.
            seconds: time in which it slides to its pitch.
        """
        self._fresh.add(slot)
        self._channel[slot] = channel
        self._slide[:, slot] = 0.0
        if slide:
            self._slide[0, slot] = slide
            self.slide(slot, 0.0, seconds)
        for name, rest in RESTS.items():
            self._own[name][slot] = rest
            self._now[name][slot] = self._channels[name][channel]

    def slide(self, slot: int, semitones: float, seconds: float) -> None:
        """Glide the pitch of a row in a straight line, in addition to its bend.

        Args:
            slot: the row.
            semitones: off its key, at the end of the slide.
            seconds: time that the slide takes.
        """
        self._used = True
        hops = max(1, round(seconds / self._hop_s))
        self._slide[1, slot] = semitones
        self._slide[2, slot] = abs(semitones - self._slide[0, slot]) / hops

    def slid(self, slot: int) -> float:
        """How many semitones off its key `slide` has brought a row so far."""
        return float(self._slide[0, slot])

    @property
    def reach(self) -> float:
        """Semitones by which a row can be bent, up or down; 0 if the instrument can't be bent."""
        return self._reach

    def set(self, source: str, slots: Sequence[int], value: float) -> None:
        """Set the bend, pressure or timbre of some rows.

        Args:
            source: a key of `RESTS`.
            slots: the rows.
            value: semitones for the bend, else 0 … 1.
        """
        self._used = True
        for slot in slots:
            self._own[source][slot] = value
            if slot in self._fresh:
                self._now[source][slot] = self._wanted(source)[slot]

    def set_channel(self, source: str, channel: int, value: float) -> None:
        """Set the bend, pressure or timbre of all notes of a channel, now and later.

        The values of the single notes add to it.

        Args:
            source: a key of `RESTS`.
            channel: 1 … 16, or 0 for all.
            value: semitones for the bend, else 0 … 1.
        """
        self._used = True
        self._channels[source][channel if channel else slice(None)] = value

    def tune(self, semitones: float) -> None:
        """Tune all rows by so many semitones."""
        self._used = True
        self.tuning = semitones

    def route(self, source: str, name: str, element: int, depth: float) -> None:
        """Let pressure or timbre move one element of a control.

        Args:
            source: "pressure" or "timbre".
            name: of the control.
            element: its index, from 0.
            depth: the largest movement, in the control's unit; 0 ends the routing.
        """
        self._used = True
        self._route(source, name, element, depth)

    def channel_of(self, rows: Rows) -> Rows:
        """The channels of the notes in `rows` `[r]`."""
        return self._channel[rows]

    def apply(self, rows: Rows, values: Mapping[str, Array], *, advance: bool = True) -> None:
        """Add the expression of the notes to the values of the controls, within their ranges.

        Args:
            rows: `[r]`.
            values: `[r, size]` for each control, changed in place.
            advance: whether all glides first move on by one hop.
        """
        self._fresh.clear()
        if not self._used:
            return
        slide, end, step = self._slide
        if advance:
            slide += np.clip(end - slide, -step, step)
        for source, depths in self._depths.items():
            now = self._now[source]
            if advance:
                now += self._share * (self._wanted(source) - now)
            at = self._position(source, rows)
            for name, depth in depths.items():
                control, value = self._controls[name], values[name]
                value += at[:, None] * depth
                np.clip(value, control.minimum, control.maximum, out=value)
                if control.curve in ("integer", "toggle"):
                    np.round(value, out=value)

    def _wanted(self, source: str) -> Array:
        """The target of each row: its own value on top of its channel's."""
        own = self._own[source] - np.float32(RESTS[source])
        wanted: Array = self._channels[source][self._channel] + own
        return wanted

    def _position(self, source: str, rows: Rows) -> Array:
        now = self._now[source][rows]
        if source == "bend":
            bent: Array = now + self._slide[0, rows] + np.float32(self.tuning)
            self.limited += bool(np.abs(bent).max(initial=0.0) > self._reach)
            return bent
        inside: Array = np.clip(now, 0.0, 1.0)
        return inside if source == "pressure" else 2 * inside - 1

    def _route(self, source: str, name: str, element: int, depth: float) -> None:
        depths = self._depths[source]
        vector = depths.setdefault(name, np.zeros(self._controls[name].size, np.float32))
        vector[element] = depth
        if not vector.any():
            del depths[name]


def _usual_depth(source: str, control: Control, element: int) -> float:
    """Pressure reaches from the default to the maximum, timbre as far as both sides of the default
    have room; where the default is an end of the range, the one side there is."""
    rest = control.default[element]
    up, down = control.maximum[element] - rest, rest - control.minimum[element]
    if source == "pressure":
        return up or -down
    return min(up, down) or up or -down
