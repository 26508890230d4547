"""`Tap`: sits between driver and engine, gives all events, input and output to a sink, and
keeps the last seconds of input.

All of it runs on the render thread: it adds to a list and to a queue, and waits for nobody.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from realtime.engine.renderer import Renderer
from realtime.namespace.event import Event
from realtime.record.input_ring import InputRing
from realtime.record.journal import Journal

Array = NDArray[np.float32]


class Block(NamedTuple):
    """A block of frames that were rendered at once.

    Args:
        sample: of the first frame, on the engine's clock.
        events: handed over before it, in order.
        audio: `[channels, frames]`.
        audio_in: `[channels_in, frames]`, None if the renderer takes no input.
    """

    sample: int
    events: tuple[Event, ...]
    audio: Array
    audio_in: Array | None


class Sink(Protocol):
    """Takes blocks on the render thread; never waits."""

    def begin(self, sample: int, block: int, journal: Journal) -> None:
        """Prepare for blocks.

        Args:
            sample: of the first frame.
            block: frames of a block.
            journal: holds the events that were handed over before that sample.
        """

    def put(self, block: Block) -> None:
        """Take the next block."""

    def end(self) -> None:
        """Take note that no more blocks will come."""


class Tap:
    """A `realtime.engine.renderer.Renderer` around another one.

    Args:
        renderer: the engine.
        ring: keeps what comes in, also where the renderer doesn't take it; None: nothing is kept.
    """

    def __init__(self, renderer: Renderer, ring: InputRing | None = None) -> None:
        self._renderer = renderer
        self._ring = ring
        self._journal = Journal()
        self._now = 0
        self._fresh: list[Event] = []
        self._sink: Sink | None = None
        self._wanted: Sink | None = None

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._renderer.sample_rate

    @property
    def channels(self) -> int:
        """Channels of the output."""
        return self._renderer.channels

    @property
    def channels_in(self) -> int:
        """Channels of the input."""
        return self._renderer.channels_in

    @property
    def latency(self) -> int:
        """See `Renderer.latency`."""
        return self._renderer.latency

    def attach(self, sink: Sink | None) -> None:
        """Give blocks to a sink, or (None) to nobody, from the next block on; any thread."""
        self._wanted = sink

    def schedule(self, event: Event) -> None:
        """See `Renderer.schedule`."""
        self._journal.add(self._now, event)
        if self._sink is not None:
            self._fresh.append(event)
        self._renderer.schedule(event)

    def render(self, frames: int, audio_in: Array | None = None) -> Array:
        """See `Renderer.render`."""
        if self._wanted is not self._sink:
            self._change(frames)
        if audio_in is not None and self._ring is not None:
            self._ring.put(audio_in)
        if not self._renderer.channels_in:
            audio_in = None
        audio = self._renderer.render(frames, audio_in)
        if self._sink is not None:
            heard = None if audio_in is None else audio_in.copy()
            self._sink.put(Block(self._now, tuple(self._fresh), audio.copy(), heard))
            self._fresh.clear()
        self._now += frames
        return audio

    def stats(self) -> dict[str, float | int]:
        """See `Renderer.stats`."""
        return self._renderer.stats()

    def describe(self) -> dict[str, Any]:
        """See `Renderer.describe`."""
        return self._renderer.describe()

    def _change(self, frames: int) -> None:
        before, self._sink = self._sink, self._wanted
        self._fresh.clear()  # a new sink finds them in the journal
        if before is not None:
            before.end()
        if self._sink is not None:
            self._sink.begin(self._now, frames, self._journal)
