"""Outgoing OSC: encodes messages, with numbers that every receiver understands."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from pythonosc.osc_message_builder import BuildError, OscMessageBuilder

from realtime.protocol.osc_decode import OscArg
from synth.contract import ProtocolError

_FLOAT32_MAX = 3.4028234e38


def encode_message(address: str, args: Sequence[OscArg]) -> bytes:
    """Encode one message as a datagram. Characters outside ASCII are sent as "?".

    Args:
        address: begins with "/".
        args: numbers, texts, bytes, booleans or None.

    Raises:
        ProtocolError: the address is empty, or a value has no OSC type or doesn't fit it.
    """
    builder = OscMessageBuilder(_ascii(address))
    try:
        for arg in args:
            builder.add_arg(_ascii(arg) if isinstance(arg, str) else arg)
        return bytes(builder.build().dgram)
    except (BuildError, ValueError) as error:
        raise ProtocolError(f"{address}: can't be sent as OSC ({error})") from None


def encode_floats(address: str, values: Sequence[float]) -> bytes:
    """Encode a message of float32 only; fast enough for many messages a second.

    Args:
        address: ASCII.
        values: NaN is sent as 0, infinities as the largest float.
    """
    tags = "," + "f" * len(values)
    return (
        _padded(address) + _padded(tags) + struct.pack(f">{len(values)}f", *map(_bounded, values))
    )


def plain_number(value: float | int) -> float | int:
    """Make a number fit int32 or float32: infinities become the largest float, NaN becomes 0."""
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
