"""`MidiParser`: MIDI 1.0 bytes to whole messages. No I/O.

The parser is our own because it has to cope with both running status (status bytes left out) and
real-time bytes inside other messages (a clock in the middle of a note): both are legal on a wire.
"""

from __future__ import annotations

from collections.abc import Iterable

# Number of data bytes, by the upper half of the status; for system messages by the whole status.
_CHANNEL_LENGTH = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
_SYSTEM_LENGTH = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0}


class MidiParser:
    """Cuts a stream of bytes into whole messages, status byte always included.

    System exclusive is skipped, however long: its bytes are never kept. Real-time bytes (F8 … FF)
    come out as messages of one byte, before the message that they interrupt. The parser holds at
    most one unfinished message of three bytes.
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


def is_whole(message: bytes) -> bool:
    """Whether `message` is a status byte with all its data bytes and nothing more."""
    if not message or message[0] < 0x80:
        return False
    status = message[0]
    if status in (0xF0, 0xF7):
        return True
    needed = _CHANNEL_LENGTH.get(status >> 4, _SYSTEM_LENGTH.get(status, 0))
    return len(message) == 1 + needed and all(byte < 0x80 for byte in message[1:])
