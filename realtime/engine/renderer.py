"""`Renderer`: the interface of an engine as a driver and a recorder use it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from realtime.namespace.event import Event

Array = NDArray[np.float32]


class Renderer(Protocol):
    """The interface of an engine as a driver uses it. All of it is called from one thread."""

    @property
    def sample_rate(self) -> int:
        """Hz."""

    @property
    def channels(self) -> int:
        """Channels of its output."""

    @property
    def channels_in(self) -> int:
        """Channels of its input; 0 for none."""

    @property
    def latency(self) -> int:
        """Frames from an event or an input to its effect, as declared."""

    def schedule(self, event: Event) -> None:
        """Take an event for a later `render`."""

    def render(self, frames: int, audio_in: Array | None = None) -> Array:
        """Render the next `[channels, frames]`.

        Args:
            frames: how many.
            audio_in: `[channels_in, frames]`, or None without an input.
        """

    def stats(self) -> dict[str, float | int]:
        """Meters and counters."""

    def describe(self) -> dict[str, Any]:
        """Its parts and formats, ready for JSON."""
