"""Snapshots: named values of all controls, on disk; recalled at once, in a glide, or blended.

A snapshot is a JSON file with a checksum, so that a damaged one is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from realtime.desk.folders import MAX_FILES, checked_name, made_folder, names_in
from realtime.namespace.address import Address
from realtime.namespace.event import Event
from realtime.namespace.glide import glide
from realtime.namespace.namespace import Namespace
from synth.contract import Control, DataError
from synth.contract.curves import WHOLE
from synth.contract.files import write_bytes
from synth.contract.roles import NOTE, mover

FORMAT = 1
SUFFIX = ".json"
MAX_BYTES = 4 << 20

State = Mapping[str, tuple[float, ...]]


class Snapshots:
    """The snapshots of one instrument.

    Args:
        folder: for their files; made when the first one is stored.
        namespace: of the rack; its controls are stored, except those that notes move and those that
            choose patches.
    """

    def __init__(self, folder: Path, namespace: Namespace) -> None:
        self.folder = folder
        self._controls = {
            address: control
            for address, control in namespace.controls.items()
            if mover(control.role) != NOTE
            # The values are stored; the number of the patch that they came from would undo them.
            and not (control.role == "sound" and Address.parse(address).plugin in namespace.patches)
        }
        self._cache: dict[str, tuple[tuple[int, int], State]] = {}

    def names(self) -> list[str]:
        """The sorted names of all snapshots."""
        return names_in(self.folder, SUFFIX)

    def store(self, name: str, values: State) -> None:
        """Store the values of the controls; a snapshot of the same name is replaced.

        Args:
            name: see `checked_name`; values: by address, in the controls' units.

        Raises:
            ProtocolError: the name can't be used.
            DataError: it can't be written, or there are 4096 already.
        """
        path = made_folder(self.folder) / (checked_name(name) + SUFFIX)
        if not path.exists() and len(self.names()) >= MAX_FILES:
            raise DataError(f"{self.folder}: {MAX_FILES} snapshots; remove some")
        kept = {address: list(values[address]) for address in self._controls if address in values}
        head = {"synth_snapshot": FORMAT, "values": kept, "checksum": _checksum(kept)}
        write_bytes(path, json.dumps(head, indent=1).encode())

    def load(self, name: str) -> State:
        """The stored values by address, without those that don't fit a control of this rack.

        Args:
            name: of the snapshot.

        Raises:
            ProtocolError: the name can't be used.
            DataError: there is none of that name, or it is damaged.
        """
        path = self.folder / (checked_name(name) + SUFFIX)
        try:
            about = path.stat()
            stamp = (about.st_mtime_ns, about.st_size)
            cached = self._cache.get(name)
            if cached is not None and cached[0] == stamp:
                return cached[1]
            if about.st_size > MAX_BYTES:
                raise DataError(f"snapshot {name!r} is larger than {MAX_BYTES} bytes; store again")
            values = _parse(name, path.read_bytes())
        except FileNotFoundError:
            near = ", ".join(self.names()[:8]) or "none"
            raise DataError(f"there is no snapshot {name!r}; stored are {near}") from None
        except OSError as error:
            raise DataError(f"snapshot {name!r} can't be read ({error})") from None
        state = {
            address: tuple(values[address])
            for address, control in self._controls.items()
            if len(values.get(address, ())) == control.size
        }
        if len(self._cache) >= 64:
            self._cache.clear()
        self._cache[name] = (stamp, state)
        return state

    def recall(self, name: str, seconds: float = 0.0) -> list[Event]:
        """The events that bring all controls back.

        Args:
            name: of the snapshot; seconds: time of the glide of continuous controls, at least 0;
                whole numbers switch at once.

        Raises:
            ProtocolError, DataError: see `load`.
        """
        return [
            glide(address, seconds, _clamped(self._controls[address], np.array(values)))
            for address, values in self.load(name).items()
        ]

    def morph(self, first: str, second: str, share: float) -> list[Event]:
        """The events for a blend of two snapshots.

        Args:
            first, second: their names.
            share: of the second, 0 … 1. Continuous controls are blended by their curves; whole
                numbers are those of the second from one half on.

        Raises:
            ProtocolError, DataError: see `load`.
        """
        start, end = self.load(first), self.load(second)
        events = []
        for address in start.keys() & end.keys():
            control = self._controls[address]
            a, b = np.array(start[address], np.float32), np.array(end[address], np.float32)
            if control.curve in WHOLE:
                values = a if share < 0.5 else b
            elif share in (0.0, 1.0):
                values = b if share else a
            else:
                one, other = control.to_unit(a), control.to_unit(b)
                values = control.from_unit(one + (other - one) * np.float32(share))
            events.append(glide(address, 0.0, _clamped(control, values)))
        return sorted(events, key=lambda e: list(self._controls).index(e.target))


def _clamped(control: Control, values: Any) -> tuple[float, ...]:
    return tuple(control.clamp(np.asarray(values, np.float32))[0].tolist())


def _parse(name: str, data: bytes) -> dict[str, list[float]]:
    try:
        head = json.loads(data)
        values = head["values"]
        if head["synth_snapshot"] != FORMAT:
            raise ValueError(f"its format is {head['synth_snapshot']!r:.20}, not {FORMAT}")
        if head["checksum"] != _checksum(values):
            raise ValueError("its checksum doesn't fit")
        if not all(isinstance(k, str) and _numbers(v) for k, v in values.items()):
            raise ValueError("it holds something else than numbers")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"snapshot {name!r} is damaged ({error}); store it again") from None
    return dict(values)


def _numbers(values: Sequence[Any]) -> bool:
    return isinstance(values, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values
    )


def _checksum(values: Mapping[str, Sequence[float]]) -> str:
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
