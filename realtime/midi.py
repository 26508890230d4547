"""MIDI 1.0 bytes to events. No I/O: `MidiParser` finds messages, `MidiDecoder` says what they mean.

    raw bytes ── MidiParser.feed ──> whole messages ── MidiDecoder.decode ──> events
                     drivers and files that deliver whole messages begin ──^

The parser is our own because running status (status bytes left out) and real-time bytes inside
other messages (a clock in the middle of a note) are both legal on a wire.
"""

from __future__ import annotations

from collections.abc import Iterable

from realtime.event import NOW, Event
from realtime.sources import Mover, Source

# Data bytes of channel messages by the upper half of the status, of system messages by all of it.
_CHANNEL_LENGTH = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
_SYSTEM_LENGTH = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0}
_SUSTAIN, _ALL_SOUND_OFF, _RESET_CONTROLLERS, _ALL_NOTES_OFF = 64, 120, 121, 123


class MidiParser:
    """Cuts a stream of bytes into whole messages, status byte always included.

    System exclusive is skipped, however long: its bytes are never kept. Real-time bytes (F8 … FF)
    come out as messages of one byte, before the message that they interrupt. Holds at most one
    unfinished message of three bytes.
    """

    def __init__(self) -> None:
        self._status = 0  # 0: none, data bytes are skipped
        self._needed = 0
        self._data = bytearray()

    def feed(self, data: Iterable[int]) -> list[bytes]:
        """The messages completed by `data` (bytes 0 … 255), in order."""
        messages: list[bytes] = []
        for byte in data:
            if byte >= 0xF8:
                messages.append(bytes((byte,)))
            elif byte >= 0x80:
                self._begin(byte, messages)
            elif self._status:
                self._data.append(byte)
                if len(self._data) == self._needed:
                    messages.append(bytes((self._status, *self._data)))
                    self._data.clear()
                    if self._status >= 0xF0:  # only channel messages have a running status
                        self._status = 0
        return messages

    def _begin(self, status: int, messages: list[bytes]) -> None:
        self._data.clear()
        if status < 0xF0:
            self._status, self._needed = status, _CHANNEL_LENGTH[status >> 4]
            return
        self._needed = _SYSTEM_LENGTH.get(status, -1)  # -1: sysex, its end, undefined
        self._status = status if self._needed > 0 else 0
        if self._needed == 0:
            messages.append(bytes((status,)))


class MidiDecoder:
    """What whole messages mean.

    Args:
        mapping: what controllers move, the range of the pitch wheel, the channel listened to.

    `counters`: `messages` that reached it, `ignored` (other channel, or nothing here answers to
    it), `malformed` (not a whole message).
    """

    def __init__(self, mapping: Mover) -> None:
        self.mapping = mapping
        self.counters: dict[str, int] = {"messages": 0, "ignored": 0, "malformed": 0}

    def decode(self, message: bytes) -> tuple[Event, ...]:
        """The events of one whole message (status byte first), with the time `NOW`; often one.

        Never raises: what is no message is counted.
        """
        self.counters["messages"] += 1
        if not _is_whole(message):
            self.counters["malformed"] += 1
            return ()
        events = self._channel(message) if message[0] < 0xF0 else self._system(message)
        if not events:
            self.counters["ignored"] += 1
        return events

    def _channel(self, message: bytes) -> tuple[Event, ...]:
        if self.mapping.channel not in (None, (message[0] & 0x0F) + 1):
            return ()
        kind, first, last = message[0] >> 4, message[1], message[-1]
        if kind == 0x9 and last > 0:
            return (Event(NOW, "/note/on", (float(first), float(last))),)
        if kind in (0x8, 0x9):
            return (Event(NOW, "/note/off", (float(first),)),)
        if kind == 0xB:
            return self._controller((message[0] & 0x0F) + 1, first, last)
        if kind == 0xC:
            return (Event(NOW, "/program", (float(first),)),)
        if kind == 0xE:
            return (Event(NOW, "/pitch_bend", (self._bend(first | last << 7),)),)
        return ()

    def _controller(self, channel: int, number: int, value: int) -> tuple[Event, ...]:
        moved = self.mapping.moved(Source("cc", number, channel), value / 127)
        if moved:
            return moved
        if number == _SUSTAIN:
            return (Event(NOW, "/sustain", (1.0 if value >= 64 else 0.0,)),)
        if number == _ALL_SOUND_OFF:
            return (Event(NOW, "/panic"),)
        if number == _RESET_CONTROLLERS:
            return (Event(NOW, "/pitch_bend", (0.0,)), Event(NOW, "/sustain", (0.0,)))
        if number >= _ALL_NOTES_OFF:  # the mode messages above it end all notes too
            return (Event(NOW, "/all_notes_off"),)
        return ()

    def _bend(self, wheel: int) -> float:
        """0 … 16383 to semitones: 8192 is exactly 0, both ends are exactly the range."""
        offset = wheel - 8192
        return self.mapping.bend_range * offset / (8191 if offset > 0 else 8192)

    @staticmethod
    def _system(message: bytes) -> tuple[Event, ...]:
        return (Event(NOW, "/panic"),) if message[0] == 0xFF else ()


def _is_whole(message: bytes) -> bool:
    if not message or message[0] < 0x80:
        return False
    status = message[0]
    if status in (0xF0, 0xF7):
        return True
    needed = _CHANNEL_LENGTH.get(status >> 4, _SYSTEM_LENGTH.get(status, 0))
    return len(message) == 1 + needed and all(byte < 0x80 for byte in message[1:])
