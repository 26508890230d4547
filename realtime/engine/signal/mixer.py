"""`VoiceMixer`: adds up the hops of all voices, each voice from the very sample it began at.

All voices are stepped together, a hop at a time. A voice that begins within a hop is stepped once
by itself at that moment: the part that falls into the rest of the hop is added there, and the
remainder is carried over. From then on the voice is ahead of the others by that remainder:

    hop of the others   |---------|---------|
    hops of the voice        |---------|---------|
                             ^ its event
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realtime.engine.plugin import Array, Rows
from realtime.engine.signal.dc_block import DcBlock


class VoiceMixer:
    """The sum of the voices, without its constant part.

    Args:
        channels: of a voice's audio.
        hop: samples.
        sample_rate: of the model, Hz.
    """

    def __init__(self, channels: int, hop: int, sample_rate: int) -> None:
        self._hop = hop
        self._dc = DcBlock(channels, hop, sample_rate)
        self._waiting = np.zeros((channels, 0), np.float32)  # made, but not taken yet
        self._carried: dict[int, Array] = {}
        self._silence = np.zeros((channels, hop), np.float32)
        self._fade = np.linspace(1, 0, hop, dtype=np.float32)

    @property
    def waiting(self) -> int:
        """Samples of the latest hop that were not taken yet."""
        return self._waiting.shape[1]

    def begin(self, rows: Rows, hops: Array) -> None:
        """Add the first hop of voices that begin now.

        Args:
            rows: their slots, `[voices]`.
            hops: `[voices, channels, hop]`.
        """
        room = self.waiting
        self._waiting = self._waiting + self._dc.add(hops[:, :, :room].sum(axis=0))
        for row, hop in zip(rows.tolist(), hops, strict=True):
            self._carried[row] = hop[:, room:]

    def push(self, rows: Rows, hops: Array, last: Sequence[int] = ()) -> None:
        """Append the next hop of all voices.

        Args:
            rows: their slots, `[voices]`.
            hops: `[voices, channels, hop]`, overwritten.
            last: slots of the voices that end with this hop and fade out in it.
        """
        for index, row in enumerate(rows.tolist()) if self._carried or last else ():
            carried = self._carried.get(row)
            if carried is not None:
                whole = np.concatenate([carried, hops[index]], axis=1)
                hops[index], self._carried[row] = whole[:, : self._hop], whole[:, self._hop :]
            if row in last:
                hops[index] *= self._fade
                self.forget(row)
        self._append(self._dc.process(hops.sum(axis=0)))

    def push_silence(self) -> None:
        """Append a hop without any voice."""
        self._append(self._silence if self._dc.at_rest else self._dc.process(self._silence))

    def take(self, count: int) -> Array:
        """Take the oldest `count` samples (at most `waiting`), `[channels, count]`."""
        taken, self._waiting = self._waiting[:, :count], self._waiting[:, count:]
        return taken

    def forget(self, row: int) -> None:
        """Drop the remainder that is carried over for a voice."""
        self._carried.pop(row, None)

    def reset(self) -> None:
        """Drop all remainders and reset the filter against constants."""
        self._carried.clear()
        self._dc.reset()

    def _append(self, hop: Array) -> None:
        self._waiting = np.concatenate([self._waiting, hop], axis=1) if self.waiting else hop
