"""`Plugin`: the small interface of every sound maker in the rack.

A plugin is driven one `hop` at a time, at its own sample rate, by `realtime.engine.strip`, which
owns voices, control smoothing and the adaptation to the device's rate and block. A plugin
therefore never sees a device, a clock or a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synth.contract import Manifest

Array = NDArray[np.float32]
Rows = NDArray[np.int64]


class Plugin(Protocol):
    """One sound maker (or effect) with `slots` independent rows of state.

    Attributes:
        name: its OSC name.
        manifest: rate, hop, channels, latency, controls and kind.
    """

    name: str
    manifest: Manifest

    def prepare(self, slots: int) -> None:
        """Allocate `slots` rows of state, warm up with every number of rows, and reset."""

    def process(self, rows: Rows, controls: Mapping[str, Array], audio: Array | None) -> Array:
        """Make one hop for the given rows.

        Args:
            rows: indices of the state rows to step, `[r]`, r >= 1, none twice.
            controls: for every control of the manifest, `[r, size]`.
            audio: `[r, channels_in, hop]` for effects, None for generators.

        Returns:
            `[r, channels_out, hop]`, owned by the caller.
        """

    def reset(self, rows: Rows) -> None:
        """Bring rows (`[r]`) back to the initial state."""

    def close(self) -> None:
        """Release all resources. May be called twice."""
