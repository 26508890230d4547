"""What the control process and the engine process say to each other.

One JSON object per line, over the child's stdin and stdout: readable, bounded, nothing that could
run code, the same on every system. Events travel in batches.

    control -> engine   setup, play, events, stop
    engine -> control   waiting, ready, playing, beat, lost, error, stopped
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from realtime.event import NOW, Event
from realtime.glide import PREFIX
from synth.contract import ProtocolError

MAX_LINE = 1 << 24
MAX_BATCH = 256  # parsing one batch holds the interpreter of the engine process for about 0.3 ms
COALESCE_ABOVE = 1_024
MAX_WAITING = 16_384
HUSH = Event(NOW, "/all_notes_off")
# What must arrive in full and in order; everything else is a value of which the last one counts.
MOMENTS = frozenset((
    "/note/on", "/note/off", "/sustain", "/sostenuto", "/soft", "/program", "/all_notes_off",
    "/panic", "/transport/start", "/transport/stop", "/transport/continue",
))  # fmt: skip


def encode(kind: str, **fields: Any) -> bytes:
    """A message as one line.

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
    """A batch of events as one line."""
    return encode(kind, events=[(e.time, e.target, e.value) for e in events])


def decode_events(message: dict[str, Any]) -> list[Event]:
    """The events of a message.

    Raises:
        ProtocolError: it holds something else.
    """
    try:
        return [Event(int(t), str(a), tuple(map(float, v))) for t, a, v in message["events"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(
            f"message {message.get('kind')!r} carries no events ({error})"
        ) from None


def read_message(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message, or None at the end of the stream.

    Raises:
        ProtocolError: a line is longer than 16 MiB or no JSON object with a "kind".
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
    """Keep stdin and stdout for messages; what C libraries print to stdout goes to stderr."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return reader, writer


class Outbox:
    """Where events wait for the writer thread: bounded, and honest about what it leaves out.

    Up to 1 024 waiting events keep their order. Above that, a new value replaces the waiting one
    of the same target (counted in `coalesced`). Above 16 384, the event is left out: values into
    `dropped_values`, notes and pedals into `dropped_moments`; where one of those was
    lost, `/all_notes_off` follows, so that no note hangs.
    """

    def __init__(self) -> None:
        self.coalesced = self.dropped_values = self.dropped_moments = 0
        self._ready = threading.Condition()
        self._messages: deque[bytes] = deque()
        self._events: deque[list[Any]] = deque()
        self._latest: dict[object, list[Any]] = {}
        self._hush = self._closed = False

    @property
    def waiting(self) -> int:
        """Events that wait."""
        return len(self._events)

    def put(self, event: Event) -> None:
        """Add an event; never waits."""
        with self._ready:
            moment = event.target in MOMENTS
            waiting = self._latest.get(_subject(event))
            if len(self._events) >= COALESCE_ABOVE and waiting is not None and not moment:
                waiting[0] = event
                self.coalesced += 1
            elif len(self._events) >= MAX_WAITING:
                self.dropped_moments += moment
                self.dropped_values += not moment
                self._hush |= moment
            else:
                if self._hush:
                    self._hush = False
                    self._events.append([HUSH])
                entry = [event]
                self._events.append(entry)
                self._latest[_subject(event)] = entry
                self._ready.notify()

    def put_message(self, message: bytes) -> None:
        """Add a whole message, which goes before all events."""
        with self._ready:
            self._messages.append(message)
            self._ready.notify()

    def clear(self) -> None:
        """Forget the waiting events."""
        with self._ready:
            self._events.clear()
            self._latest.clear()

    def close(self) -> None:
        """Let `take` end."""
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
            count = min(len(self._events), MAX_BATCH)
            batch = [self._events.popleft()[0] for _ in range(count)]
            for event in batch:
                entry = self._latest.get(_subject(event))
                if entry is not None and entry[0] is event:
                    del self._latest[_subject(event)]
            if self._hush and not self._events:
                self._hush = False
                batch.append(HUSH)
        return encode_events("events", batch)


def _subject(event: Event) -> object:
    """What an event is about: of two about the same, the later one counts."""
    if event.target.startswith("/note/"):
        return (event.target, event.value[:1], event.value[2:])
    return event.target.removeprefix(PREFIX)


def _plain(value: Any) -> Any:
    """Numpy's numbers and arrays, and tuples' kin, as JSON knows them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} can't travel between the processes")
