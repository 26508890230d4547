"""The protocol between the control process and the engine process.

One JSON object per line, over the child's stdin and stdout: readable, bounded, the same on every
system, and nothing in it can run code. Events travel in batches, which the engine takes whole.

    control -> engine   setup, play, events, record, hear, stop
    engine -> control   waiting, ready, playing, beat, record, heard, lost, error, stopped
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from realtime.namespace.event import NOW, Event
from realtime.namespace.glide import landed
from realtime.namespace.global_addresses import CLEAR_SCHEDULED, GLOBAL_EVENTS
from synth.contract import ProtocolError

MAX_LINE = 1 << 24
MAX_BATCH = 256  # parsing one batch holds the interpreter of the engine process for about 0.3 ms
COALESCE_ABOVE = 1_024
MAX_WAITING = 16_384
HUSH = Event(NOW, "/all_notes_off")
# Events that must all arrive, in order; every other one is a value, of which only the last counts.
MOMENTS = frozenset(address for address, event in GLOBAL_EVENTS.items() if event.moment) | {
    CLEAR_SCHEDULED
}
_NOTES = frozenset(address for address, event in GLOBAL_EVENTS.items() if event.note)


def encode(kind: str, **fields: Any) -> bytes:
    """Encode a message as one line.

    Args:
        kind: of the message.
        fields: its contents; numbers, text, and lists and mappings of them.

    Raises:
        ValueError: a number is not finite.
    """
    return (
        json.dumps(
            {"kind": kind, **fields}, allow_nan=False, separators=(",", ":"), default=_plain
        ).encode()
        + b"\n"
    )


def encode_events(kind: str, events: Iterable[Event]) -> bytes:
    """Encode a batch of events as one line."""
    return encode(kind, events=[(e.time, e.target, e.value) for e in events])


def decode_events(message: dict[str, Any]) -> list[Event]:
    """The events of a message.

    Raises:
        ProtocolError: the message has no events, or malformed ones.
    """
    try:
        return [Event(int(t), str(a), tuple(map(float, v))) for t, a, v in message["events"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(
            f"message {message.get('kind')!r} carries no events ({error})"
        ) from None


def read_message(stream: BinaryIO) -> dict[str, Any] | None:
    """Read the next message; None at the end of the stream.

    Raises:
        ProtocolError: a line is longer than 16 MiB or is no JSON object with a "kind".
    """
    line = stream.readline(MAX_LINE + 1)
    if not line:
        return None
    if len(line) > MAX_LINE:
        raise ProtocolError(f"a message is longer than {MAX_LINE} bytes")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a message is not JSON ({error})") from None
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
        raise ProtocolError("a message has no kind")
    return message


def take_over_stdio() -> tuple[BinaryIO, BinaryIO]:
    """Reserve stdin and stdout for messages; output that C libraries print goes to stderr."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return reader, writer


class Outbox:
    """A bounded queue of events for the writer thread, which counts the events it leaves out.

    Up to 1 024 waiting events keep their order. Above that, a new value replaces the waiting one
    of the same target (counted in `coalesced`). Above 16 384, the event is dropped: values are
    counted in `dropped_values`, notes and pedals in `dropped_moments`. After a lost note or pedal
    `/all_notes_off` follows, so that no note hangs.
    """

    def __init__(self) -> None:
        self.coalesced = self.dropped_values = self.dropped_moments = 0
        self._ready = threading.Condition()
        self._messages: deque[bytes] = deque()
        self._events: deque[list[Event]] = deque()
        self._latest: dict[object, list[Event]] = {}
        self._hush = self._closed = False
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Number of events that wait."""
        return self._waiting

    def put(self, event: Event) -> None:
        """Add an event; never waits."""
        self.put_group((event,))

    def put_group(self, events: Sequence[Event]) -> None:
        """Add events that belong together; never waits.

        They travel in one piece and reach the engine before the same block. Neither they nor events
        with a time of their own are coalesced.
        """
        with self._ready:
            alone = len(events) == 1 and events[0].time == NOW
            if alone and self._coalesce(events[0]):
                return
            if self._waiting + len(events) > MAX_WAITING:
                moments = sum(event.target in MOMENTS for event in events)
                self.dropped_moments += moments
                self.dropped_values += len(events) - moments
                self._hush |= moments > 0
                return
            if self._hush:
                self._hush = False
                self._append([HUSH])
            for event in events:
                # An event that waits further ahead in the queue must not get a later value.
                self._latest.pop(_subject(event), None)
            entry = list(events)
            self._append(entry)
            if alone:
                self._latest[_subject(events[0])] = entry
            self._ready.notify()

    def put_message(self, message: bytes) -> None:
        """Add an encoded message, which is sent before all waiting events."""
        with self._ready:
            self._messages.append(message)
            self._ready.notify()

    def clear(self) -> None:
        """Drop the waiting events."""
        with self._ready:
            self._events.clear()
            self._latest.clear()
            self._waiting = 0

    def close(self) -> None:
        """End `take`, now and later."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def take(self) -> bytes | None:
        """Wait for the next line to send; None after `close`."""
        with self._ready:
            self._ready.wait_for(lambda: self._messages or self._events or self._closed)
            if self._closed:
                return None
            if self._messages:
                return self._messages.popleft()
            batch: list[Event] = []
            while self._events and len(batch) < MAX_BATCH:
                entry = self._events.popleft()
                batch += entry
                if self._latest.get(_subject(entry[0])) is entry:
                    del self._latest[_subject(entry[0])]
            self._waiting -= len(batch)
            if self._hush and not self._events:
                self._hush = False
                batch.append(HUSH)
        return encode_events("events", batch)

    def _append(self, entry: list[Event]) -> None:
        self._events.append(entry)
        self._waiting += len(entry)

    def _coalesce(self, event: Event) -> bool:
        """Replace a waiting value of the same subject; False if there is none to replace."""
        if len(self._events) < COALESCE_ABOVE or event.target in MOMENTS:
            return False
        waiting = self._latest.get(_subject(event))
        if waiting is None:
            return False
        waiting[0] = event
        self.coalesced += 1
        return True


def _subject(event: Event) -> object:
    """The subject of an event: of two events with the same subject, only the later one counts."""
    if event.target in _NOTES:
        return (event.target, event.value[:1], event.value[2:])
    return landed(event).target


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy, and sequences, as plain data for JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} can't travel between the processes")
