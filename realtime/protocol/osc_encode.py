"""Outgoing OSC: messages as bytes, and numbers as receivers understand them."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from pythonosc.osc_message_builder import BuildError, OscMessageBuilder

from realtime.protocol.osc_decode import OscArg
from synth.contract import ProtocolError

_FLOAT32_MAX = 3.4028234e38


def encode_message(address: str, args: Sequence[OscArg]) -> bytes:
    """One message as a datagram. Text outside ASCII is sent with "?" in its place.

    Raises:
        ProtocolError: the address is empty or a value has no OSC type or does not fit it.
    """
    builder = OscMessageBuilder(_ascii(address))
    try:
        for arg in args:
            builder.add_arg(_ascii(arg) if isinstance(arg, str) else arg)
        return bytes(builder.build().dgram)
    except (BuildError, ValueError) as error:
        raise ProtocolError(f"{address}: can't be sent as OSC ({error})") from None


def encode_floats(address: str, values: Sequence[float]) -> bytes:
    """A message of float32 alone, for what is sent many times a second; `address` is ASCII."""
    tags = "," + "f" * len(values)
    return (
        _padded(address) + _padded(tags) + struct.pack(f">{len(values)}f", *map(_bounded, values))
    )


def plain_number(value: float | int) -> float | int:
    """A number that receivers of int32 and float32 understand; infinities as the largest float."""
    if isinstance(value, int) and abs(value) < 1 << 31:
        return int(value)
    return _bounded(value)


def _bounded(value: float) -> float:
    if math.isnan(value):
        return 0.0
    return max(-_FLOAT32_MAX, min(_FLOAT32_MAX, float(value)))


def _padded(text: str) -> bytes:
    return text.encode("ascii") + bytes(4 - len(text) % 4)


def _ascii(text: str) -> str:
    return text.replace("…", "..").encode("ascii", "replace").decode("ascii")
