"""SLIP (RFC 1055) with an END before and behind each packet, as OSC 1.1 frames a stream."""

from __future__ import annotations

from realtime.osc import MAX_PACKET

END, ESC = b"\xc0", b"\xdb"
_ESC_END, _ESC_ESC = b"\xdb\xdc", b"\xdb\xdd"
MAX_FRAME = 2 * MAX_PACKET  # every byte may be escaped


def slip_encode(packet: bytes) -> bytes:
    """A packet as it goes into the stream."""
    return END + packet.replace(ESC, _ESC_ESC).replace(END, _ESC_END) + END


class SlipDecoder:
    """Cuts a stream into packets; holds at most one unfinished one.

    Attributes:
        broken: frames given up, because they were longer than 16 384 bytes or wrongly escaped.
    """

    def __init__(self) -> None:
        self.broken = 0
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that end in `data`, in their order; empty frames are none."""
        *frames, rest = (self._rest + data).split(END)
        if self._skipping and frames:
            self._skipping, frames = False, frames[1:]
        if self._skipping or len(rest) > MAX_FRAME:
            self.broken += not self._skipping
            self._skipping, rest = True, b""
        self._rest = rest
        packets = [self._unescaped(frame) for frame in frames if frame]
        return [packet for packet in packets if packet]

    def _unescaped(self, frame: bytes) -> bytes:
        escapes = frame.count(_ESC_END) + frame.count(_ESC_ESC)
        if len(frame) > MAX_FRAME or frame.count(ESC) != escapes:
            self.broken += 1
            return b""
        return frame.replace(_ESC_END, END).replace(_ESC_ESC, ESC)
