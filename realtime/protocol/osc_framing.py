"""OSC packets in a stream: SLIP (RFC 1055, double END) as in OSC 1.1, or sizes as in OSC 1.0.

The first byte of a connection tells them apart: a size begins with 0, because it is always small.
"""

from __future__ import annotations

import struct
from typing import Protocol

from realtime.protocol.osc_decode import MAX_PACKET

END, ESC = b"\xc0", b"\xdb"
_ESC_END, _ESC_ESC = b"\xdb\xdc", b"\xdb\xdd"
MAX_FRAME = 2 * MAX_PACKET  # every byte may be escaped
_SIZE = struct.Struct(">I")


class Framing(Protocol):
    """Cuts a stream into packets; holds at most one unfinished packet.

    Attributes:
        broken: how many frames were given up.
        lost: whether the rest of the stream can't be read.
    """

    broken: int
    lost: bool

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that end in `data`, in their order."""

    def encode(self, packet: bytes) -> bytes:
        """Frame a packet for the stream."""


class Slip:
    """Packets between END bytes. Frames over 16 384 bytes or with wrong escapes are skipped."""

    def __init__(self) -> None:
        self.broken = 0
        self.lost = False
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """See `Framing`. Empty frames are ignored."""
        *frames, rest = (self._rest + data).split(END)
        if self._skipping and frames:
            self._skipping, frames = False, frames[1:]
        if self._skipping or len(rest) > MAX_FRAME:
            self.broken += not self._skipping
            self._skipping, rest = True, b""
        self._rest = rest
        packets = [self._unescaped(frame) for frame in frames if frame]
        return [packet for packet in packets if packet]

    def encode(self, packet: bytes) -> bytes:
        """See `Framing`."""
        return END + packet.replace(ESC, _ESC_ESC).replace(END, _ESC_END) + END

    def _unescaped(self, frame: bytes) -> bytes:
        escapes = frame.count(_ESC_END) + frame.count(_ESC_ESC)
        if len(frame) > MAX_FRAME or frame.count(ESC) != escapes:
            self.broken += 1
            return b""
        return frame.replace(_ESC_END, END).replace(_ESC_ESC, ESC)


class Sized:
    """Packets after their size in 32 bits. After a size over 8192 bytes nothing can be read."""

    def __init__(self) -> None:
        self.broken = 0
        self.lost = False
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """See `Framing`."""
        data, at, packets = self._rest + data, 0, []
        while not self.lost and len(data) - at >= _SIZE.size:
            size: int = _SIZE.unpack_from(data, at)[0]
            if not 0 < size <= MAX_PACKET:
                self.broken += 1
                self.lost = True
            elif len(data) - at - _SIZE.size < size:
                break
            else:
                at += _SIZE.size + size
                packets.append(data[at - size : at])
        self._rest = b"" if self.lost else data[at:]
        return packets

    def encode(self, packet: bytes) -> bytes:
        """See `Framing`."""
        return _SIZE.pack(len(packet)) + packet
