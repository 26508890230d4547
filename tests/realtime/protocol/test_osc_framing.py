"""Packets in streams: SLIP and sizes, cut anywhere, broken anyhow, bounded."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.osc_decode import MAX_PACKET
from realtime.protocol.osc_framing import MAX_FRAME, Framing, Sized, Slip

PACKETS = st.lists(
    st.lists(st.sampled_from([0xC0, 0xDB, 0xDC, 0xDD, 0, 65]), min_size=1, max_size=40).map(bytes),
    max_size=6,
)


def cut(data: bytes, seed: int) -> list[bytes]:
    """A stream in pieces of any size."""
    random_, pieces = random.Random(seed), []
    while data:
        size = random_.randrange(1, 12)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@pytest.mark.parametrize("framing", [Slip, Sized])
@given(packets=PACKETS, seed=st.integers(0, 99))
def test_packets_survive_any_cutting(
    framing: type[Framing], packets: list[bytes], seed: int
) -> None:
    stream = b"".join(framing().encode(packet) for packet in packets)
    reader = framing()
    assert [p for piece in cut(stream, seed) for p in reader.feed(piece)] == packets
    assert reader.broken == 0


def test_the_bytes_of_slip() -> None:
    """RFC 1055: if a data byte is the same code as END, a two byte sequence of ESC and octal 334 is
    sent instead; if it is the same as ESC, ESC and octal 335. OSC 1.1: END at both ends."""
    assert Slip().encode(b"a\xc0b\xdbc") == b"\xc0a\xdb\xdcb\xdb\xddc\xc0"


def test_wrong_escapes_cost_one_packet() -> None:
    slip = Slip()
    assert slip.feed(b"\xc0a\xdbb\xc0good\xc0\xc0x\xdb\xc0more\xc0") == [b"good", b"more"]
    assert slip.broken == 2


def test_an_endless_frame_is_bounded_and_the_next_one_is_read() -> None:
    slip = Slip()
    for _ in range(100):
        assert slip.feed(b"x" * 4_096) == []
        assert len(slip._rest) <= MAX_FRAME
    assert slip.feed(b"x\xc0good\xc0") == [b"good"]
    assert slip.broken == 1


@pytest.mark.parametrize("size", [0, MAX_PACKET + 1, 2**32 - 1])
def test_a_size_that_can_not_be_ends_the_stream(size: int) -> None:
    sized = Sized()
    assert sized.feed(sized.encode(b"good") + struct.pack(">I", size) + b"x" * 100) == [b"good"]
    assert (sized.lost, sized.broken) == (True, 1)
    assert sized.feed(sized.encode(b"good")) == []
