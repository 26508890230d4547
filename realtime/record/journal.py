"""`Journal`: all events since the engine's first sample, in compact form.

A recording that begins in the middle of a performance is replayed from the engine's first sample,
because its sound depends on everything that was played before. Memory is bounded: an event that no
longer fits ends the journal, and recordings that begin later say that they can't be replayed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from realtime.namespace.event import Event

MAX_BYTES = 32 << 20  # some 1.2 million events
CHUNK = 1 << 16
MAX_TARGETS = 65_536
_HEAD = struct.Struct("<qqHH")  # sample, time, target, count of values


class Mark(NamedTuple):
    """A place in a journal.

    Attributes:
        chunks: encoded events.
        last: bytes of the last chunk that belong to it.
        targets: addresses of the events, by number.
    """

    chunks: Sequence[bytearray]
    last: int
    targets: Sequence[str]


class Journal:
    """The events of one engine, written by one thread and read by others through `until_now`.

    Args:
        limit: bytes kept at most.

    Attributes:
        whole: whether it still holds all events.
    """

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self.whole = True
        self._limit = limit
        self._chunks: list[bytearray] = [bytearray()]
        self._numbers: dict[str, int] = {}
        self._targets: list[str] = []

    def add(self, sample: int, event: Event) -> None:
        """Keep an event that was handed over at a sample. Takes a few µs; never raises."""
        if not self.whole:
            return
        number = self._numbers.get(event.target)
        if number is None:
            number = len(self._targets)
            self._targets.append(event.target)
            self._numbers[event.target] = number
        chunk = self._chunks[-1]
        if len(chunk) >= CHUNK:
            chunk = bytearray()
            self._chunks.append(chunk)
        count = len(event.value)
        if len(self._chunks) * CHUNK > self._limit or number >= MAX_TARGETS or count > 0xFFFF:
            self.whole = False
            self._chunks, self._numbers, self._targets = [bytearray()], {}, []
            return
        chunk += _HEAD.pack(sample, event.time, number, count)
        chunk += struct.pack(f"<{count}d", *event.value)

    def until_now(self) -> Mark:
        """Mark all events so far, for `read_journal`; call it on the thread that adds them."""
        return Mark(tuple(self._chunks), len(self._chunks[-1]), self._targets)


def read_journal(mark: Mark) -> Iterator[tuple[int, Event]]:
    """Read the events up to a mark, as (sample of the hand-over, event); any thread."""
    for index, chunk in enumerate(mark.chunks):
        data = bytes(chunk[: mark.last]) if index == len(mark.chunks) - 1 else bytes(chunk)
        at = 0
        while at < len(data):
            sample, time, number, count = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            values = struct.unpack_from(f"<{count}d", data, at)
            at += 8 * count
            yield sample, Event(time, mark.targets[number], values)
