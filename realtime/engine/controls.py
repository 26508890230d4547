"""The values of a plugin's controls: targets, glides, and the rows of the voices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from realtime.engine.plugin import Array, Rows
from synth.contract import Control
from synth.contract.roles import KEPT_BY_NOTES


class ControlState:
    """The current and the wanted values of all controls, `[slots, size]` each, moved once per hop.

    Args:
        controls: the plugin's controls.
        slots: rows of state, one for each voice.
        hop_s: seconds from one hop to the next.

    Attributes:
        clamped: how many values were out of range.
        refused: how many were not finite, or of the wrong size.
    """

    def __init__(self, controls: Sequence[Control], slots: int, hop_s: float) -> None:
        self.controls = {c.name: c for c in controls}
        self.base = {c.name: c.default_array.copy() for c in controls}
        self.now = {c.name: np.tile(c.default_array, (slots, 1)) for c in controls}
        self.wanted = {name: value.copy() for name, value in self.now.items()}
        self.clamped = self.refused = 0
        self._kept = {c.name for c in controls if c.role in KEPT_BY_NOTES}
        self._by_role = {c.role: c for c in controls if c.role}
        self._gliding: set[str] = set()
        # A first-order glide is within 5 % of its end after three time constants = smoothing_ms.
        self._share = {
            c.name: 1 - math.exp(-3000 * hop_s / c.smoothing_ms) if c.smoothing_ms else 1.0
            for c in controls
        }

    def set(self, name: str, values: Sequence[float], element: int | None = None) -> bool:
        """Set the wanted value of a control, or of one element of it.

        Args:
            name: of the control.
            values: in the control's unit; out of range they are clamped and counted.
            element: its index, or None to set the whole control.

        Returns:
            False, and counts, if the values are not finite or not as many as needed.
        """
        control = self.controls[name]
        target = self.base[name].copy()
        try:
            target[slice(None) if element is None else slice(element, element + 1)] = values
        except ValueError:
            self.refused += 1
            return False
        if not np.isfinite(target).all():
            self.refused += 1
            return False
        target, outside = control.clamp(target)
        self.clamped += outside
        self.base[name] = target
        if name not in self._kept:
            self.wanted[name][:] = target
            self._gliding.add(name)
        return True

    def begin_at(self, values: Mapping[str, Sequence[float]]) -> None:
        """Set the values at which the next notes begin; the notes that sound keep theirs.

        Args:
            values: by control, all elements in the control's unit and range.
        """
        for name, wanted in values.items():
            self.base[name] = np.asarray(wanted, np.float32)

    def set_role(self, role: str, value: float) -> None:
        """Set the wanted value of the control that has a role, if there is one; see `set`."""
        if role in self._by_role:
            self.set(self._by_role[role].name, (value,))

    def set_note(self, slot: int, **values: float) -> None:
        """Set the controls of a row for a new note, at once and without a glide.

        Args:
            slot: the row.
            values: by role, such as `key` or `gate`; controls of other roles start at their
                wanted values.
        """
        for name, control in self.controls.items():
            value = self.base[name]
            if control.role in values:
                value = control.clamp(np.full(control.size, values[control.role], np.float32))[0]
            self.now[name][slot] = self.wanted[name][slot] = value

    def set_gate(self, slot: int, gate: float) -> None:
        """Open (1) or close (0) the gate of a row, `slot`."""
        if "gate" in self._by_role:
            self.now[self._by_role["gate"].name][slot] = gate

    def rows(self, rows: Rows, *, advance: bool = True) -> dict[str, Array]:
        """The values for one step of these rows, `[r, size]` for each control.

        Args:
            rows: `[r]`.
            advance: whether all glides first move on by one hop.
        """
        for name in tuple(self._gliding) if advance else ():
            now, wanted = self.now[name], self.wanted[name]
            share = self._share[name]
            now += share * (wanted - now)
            if share == 1.0 or np.abs(wanted - now).max() < 1e-6 * (1 + np.abs(wanted).max()):
                now[:] = wanted
                self._gliding.discard(name)
        return {name: value[rows] for name, value in self.now.items()}

    def values(self) -> dict[str, list[float]]:
        """The wanted values, JSON-ready."""
        return {name: [float(v) for v in value] for name, value in self.base.items()}
