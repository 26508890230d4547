"""Strict, linear, bounded decoding of OSC 1.0 and 1.1 packets. No I/O: bytes in, messages out.

Bytes from the wire are not to be trusted: every size is checked before it is used, every byte is
looked at a fixed number of times, nothing recurses, and any fault in a packet is a `ProtocolError`.
Outgoing messages are built by python-osc, which never meets the wire's input.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from synth.contract import ProtocolError

MAX_PACKET = 8192  # bytes
MAX_DEPTH = 4  # bundles inside each other
MAX_MESSAGES = 64  # in a packet
MAX_ARGS = 64  # of a message
IMMEDIATELY = 1  # the time tag that means "at once"

OscArg = int | float | str | bytes | bool | None

_BUNDLE = b"#bundle\0"
_INT32 = struct.Struct(">i")
_NUMBERS = {
    "i": _INT32,
    "f": struct.Struct(">f"),
    "h": struct.Struct(">q"),
    "d": struct.Struct(">d"),
    "t": struct.Struct(">Q"),
    "r": struct.Struct(">I"),
}
_CONSTANTS: dict[str, bool | None] = {"T": True, "F": False, "N": None, "I": True}
_TYPES = "i f h d t s S c r m b T F N I [ ]"


class NotFiniteError(ProtocolError):
    """A number is NaN or infinite.

    Args:
        address: of the message, for an answer to its sender.
        index: of the argument, from 0.
        value: the number.
    """

    def __init__(self, address: str, index: int, value: float) -> None:
        super().__init__(f"argument {index} is {value}; a finite number is needed")
        self.address = address


class OscMessage(NamedTuple):
    """One decoded message.

    Args:
        address: printable ASCII, begins with "/".
        args: in order: `i h t` as int, `r` (RGBA) as int, `f d` as finite float, `s S` and `c` (one
            character) as str, `b` and `m` (port, status, two data bytes of MIDI) as bytes, `T F` as
            bool, `N` as None, `I` (an impulse: do it) as True. The elements of an array `[ ]` are
            arguments like all others; brackets have to match.
        timetag: of the innermost bundle around it, 64-bit NTP; `IMMEDIATELY` without a bundle.
    """

    address: str
    args: tuple[OscArg, ...] = ()
    timetag: int = IMMEDIATELY


def decode_packet(packet: bytes) -> list[OscMessage]:
    """Decode all messages of a datagram, in their order; all of them or none.

    Args:
        packet: a message or a bundle of at most 8192 bytes, with at most 4 levels of bundles and
            64 messages of at most 64 arguments each.

    Raises:
        ProtocolError: anything is wrong; a `NotFiniteError` if it is only a NaN or an infinity.
    """
    if not packet or len(packet) > MAX_PACKET or len(packet) % 4:
        raise ProtocolError(
            f"packet of {len(packet)} bytes; a multiple of 4 from 4 to {MAX_PACKET} is allowed"
        )
    messages: list[OscMessage] = []
    # Elements still to be read, the next one last: start, end, depth, time tag.
    todo = [(0, len(packet), 0, IMMEDIATELY)]
    while todo:
        start, end, depth, timetag = todo.pop()
        if packet[start] == 0x23:  # "#"
            todo += reversed(_bundle_elements(packet, start, end, depth + 1))
            continue
        if len(messages) == MAX_MESSAGES:
            raise ProtocolError(f"more than {MAX_MESSAGES} messages in a packet")
        messages.append(_message(packet, start, end, timetag))
    return messages


def _bundle_elements(
    packet: bytes, start: int, end: int, depth: int
) -> list[tuple[int, int, int, int]]:
    if packet[start : start + 8] != _BUNDLE or end - start < 16:
        raise ProtocolError("a bundle needs '#bundle' and a time tag of 8 bytes")
    if depth > MAX_DEPTH:
        raise ProtocolError(f"bundles are nested more than {MAX_DEPTH} deep")
    timetag: int = _NUMBERS["t"].unpack_from(packet, start + 8)[0]
    at = start + 16
    elements = []
    while at < end:
        size: int = _INT32.unpack_from(packet, at)[0]  # at is a multiple of 4, so 4 bytes are there
        if size <= 0 or size % 4 or size > end - at - 4:
            raise ProtocolError(
                f"bundle element of {size} bytes; a multiple of 4 up to {end - at - 4} is allowed"
            )
        elements.append((at + 4, at + 4 + size, depth, timetag))
        at += 4 + size
    return elements


def _message(packet: bytes, start: int, end: int, timetag: int) -> OscMessage:
    address, at = _string(packet, start, end)
    if address[:1] != "/" or not address.isprintable() or " " in address:
        raise ProtocolError("an address begins with '/' and holds printable ASCII without spaces")
    if at == end:  # some old senders leave out an empty type tag
        return OscMessage(address, (), timetag)
    tags, at = _string(packet, at, end)
    if tags[:1] != ",":
        raise ProtocolError(f"{_short(address)}: type tag does not begin with ','")
    if len(tags) - 1 > MAX_ARGS:
        raise ProtocolError(
            f"{_short(address)}: {len(tags) - 1} arguments; at most {MAX_ARGS} are allowed"
        )
    layout = _layout(tags)
    args: tuple[OscArg, ...]
    if layout is not None and layout.size == end - at:
        args = layout.unpack_from(packet, at)
    else:
        args = _arguments(address, tags, packet, at, end)
    for index, value in enumerate(args):
        if isinstance(value, float) and not math.isfinite(value):
            raise NotFiniteError(address, index, value)
    return OscMessage(address, args, timetag)


@lru_cache(maxsize=256)
def _layout(tags: str) -> struct.Struct | None:
    """The layout of a message that has only numbers, as most do, so that they are read at once;
    None for other messages."""
    formats = [_NUMBERS[tag].format[1:] for tag in tags[1:] if tag in _NUMBERS]
    return struct.Struct(">" + "".join(formats)) if len(formats) == len(tags) - 1 else None


def _arguments(address: str, tags: str, packet: bytes, at: int, end: int) -> tuple[OscArg, ...]:
    args: list[OscArg] = []
    arrays = 0
    for tag in tags[1:]:
        if tag in "[]":
            arrays += 1 if tag == "[" else -1
            if arrays < 0:
                break
        elif tag in _CONSTANTS:
            args.append(_CONSTANTS[tag])
        else:
            value, at = _argument(address, tag, packet, at, end)
            args.append(value)
    if arrays:
        raise ProtocolError(f"{_short(address)}: the brackets of an array don't match")
    if at != end:
        raise ProtocolError(f"{_short(address)}: {end - at} bytes too many after the arguments")
    return tuple(args)


def _argument(address: str, tag: str, packet: bytes, at: int, end: int) -> tuple[OscArg, int]:
    number = _NUMBERS.get(tag)
    if number is not None:
        if number.size > end - at:
            raise ProtocolError(f"{_short(address)}: packet ends inside an argument")
        value: OscArg = number.unpack_from(packet, at)[0]
        return value, at + number.size
    reader: Callable[[bytes, int, int], tuple[OscArg, int]]
    if tag in "sS":
        reader = _string
    elif tag == "b":
        reader = _blob
    elif tag in "cm":
        reader = _character if tag == "c" else _midi
    else:
        raise ProtocolError(f"{_short(address)}: type {tag!r} is unknown; known are {_TYPES}")
    return reader(packet, at, end)


def _string(packet: bytes, at: int, end: int) -> tuple[str, int]:
    """A string, ended by a zero and padded with zeros to a multiple of 4 bytes, and the index of
    the byte after it."""
    stop = packet.find(0, at, end)
    if stop < 0:
        raise ProtocolError("a string has no end")
    after = stop + 4 - (stop - at) % 4
    if after > end or any(packet[stop:after]):
        raise ProtocolError("a string is not padded with zeros to a multiple of 4 bytes")
    try:
        return packet[at:stop].decode("ascii"), after
    except UnicodeDecodeError:
        raise ProtocolError("a string is not ASCII") from None


def _blob(packet: bytes, at: int, end: int) -> tuple[bytes, int]:
    if end - at < 4:
        raise ProtocolError("packet ends inside a blob")
    size: int = _INT32.unpack_from(packet, at)[0]
    begin = at + 4
    after = begin + (size + 3) // 4 * 4
    if size < 0 or after > end or any(packet[begin + size : after]):
        raise ProtocolError(f"blob of {size} bytes does not fit or is not padded with zeros")
    return packet[begin : begin + size], after


def _character(packet: bytes, at: int, end: int) -> tuple[str, int]:
    code = _NUMBERS["r"].unpack_from(packet, at)[0] if end - at >= 4 else -1
    if not 0 <= code < 128:
        raise ProtocolError("a character (type c) must be ASCII, in 4 bytes")
    return chr(code), at + 4


def _midi(packet: bytes, at: int, end: int) -> tuple[bytes, int]:
    if end - at < 4:
        raise ProtocolError("packet ends inside a MIDI message (type m), which has 4 bytes")
    return packet[at : at + 4], at + 4


def _short(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
