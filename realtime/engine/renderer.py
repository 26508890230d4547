"""`Renderer`: what makes sound, as a driver and a recorder see it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from realtime.namespace.event import Event

Array = NDArray[np.float32]


class Renderer(Protocol):
    """What a driver needs of an engine. All of it is called from one thread."""

    @property
    def sample_rate(self) -> int:
        """Hz."""

    @property
    def channels(self) -> int:
        """Channels it makes."""

    @property
    def channels_in(self) -> int:
        """Channels it wants; 0 for none."""

    @property
    def latency(self) -> int:
        """Frames from an event or an input to its effect, declared."""

    def schedule(self, event: Event) -> None:
        """Take an event for a later `render`."""

    def render(self, frames: int, audio_in: Array | None = None) -> Array:
        """The next `[channels, frames]`, from `[channels_in, frames]` where there are inputs."""

    def stats(self) -> dict[str, float | int]:
        """Meters and counters."""

    def describe(self) -> dict[str, Any]:
        """What it is made of, ready for JSON."""
