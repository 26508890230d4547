"""The OSC decoder: what is valid is read as python-osc wrote it, all else is a `ProtocolError`."""

from __future__ import annotations

import math
import random
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.protocol.osc_decode import (
    MAX_ARGS,
    MAX_DEPTH,
    MAX_MESSAGES,
    MAX_PACKET,
    NotFiniteError,
    OscMessage,
    decode_packet,
)
from synth.contract import ProtocolError
from tests.realtime.osc_hostile import PLAY, build, mutate, nested
from tests.realtime.osc_peer import bundle

VALUES = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(lambda v: ("i", v)),
    st.integers(-(2**63), 2**63 - 1).map(lambda v: ("h", v)),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(lambda v: ("f", v)),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda v: ("d", v)),
    st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=40).map(lambda v: ("s", v)),
    st.binary(min_size=1, max_size=40).map(lambda v: ("b", v)),
    st.sampled_from([("T", True), ("F", False), ("N", None)]),
)
ADDRESSES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60).map(
    lambda text: "/" + text
)
MESSAGES = st.tuples(ADDRESSES, st.lists(VALUES, max_size=12))


KILLERS = {
    "element size -4": b"#bundle\0" + struct.pack(">Qi", 1, -4),
    "element size 0": b"#bundle\0" + struct.pack(">Qi", 1, 0),
    "element size 2^31-1": b"#bundle\0" + struct.pack(">Qi", 1, 2**31 - 1),
}


def test_bytes_of_a_message() -> None:
    """The example of OSC 1.0: address, type tag and arguments each filled up to 4 bytes."""
    packet = bytes.fromhex(
        "2f666f6f00000000"  # /foo
        "2c69697366660000"  # ,iisff
        "000003e8ffffffff"  # 1000, -1
        "68656c6c6f000000"  # hello
        "3f9df3b640b5b22d"  # 1.234, 5.678
    )
    (message,) = decode_packet(packet)
    assert message.address == "/foo"
    assert message.args[:3] == (1000, -1, "hello")
    assert message.args[3:] == pytest.approx((1.234, 5.678), rel=1e-6)
    assert message.timetag == 1


def test_every_type() -> None:
    packet = b"/a\0\0,ifhdtsSbTFNI\0\0\0" + struct.pack(
        ">ifqdQ4s4si4s", -2, 0.5, -(2**40), 0.1, 7, b"abc\0", b"x\0\0\0", 1, b"\xff\0\0\0"
    )
    (message,) = decode_packet(packet)
    assert message.args == (
        -2, 0.5, -(2**40), 0.1, 7, "abc", "x", b"\xff", True, False, None, True,
    )  # fmt: skip


def test_arrays_characters_colours_and_midi() -> None:
    """OSC 1.0, "less often used types": `c` an ascii character sent as 32 bits, `r` a 32 bit RGBA
    color, `m` 4 byte MIDI message (port id, status byte, data1, data2), `[ ]` begin and end of an
    array."""
    packet = b"/a\0\0,[f[ci]r]m\0\0" + struct.pack(
        ">f4sII4s", 0.5, b"\0\0\0A", 7, 0xFF8000FF, b"\0\x90\x3c\x64"
    )
    (message,) = decode_packet(packet)
    assert message.args == (0.5, "A", 7, 0xFF8000FF, b"\0\x90\x3c\x64")
    assert decode_packet(b"/a\0\0,[]\0")[0].args == ()


@given(MESSAGES)
def test_message_of_python_osc_round_trips(message: tuple[str, list[tuple[str, object]]]) -> None:
    address, values = message
    (decoded,) = decode_packet(build(address, values))
    assert decoded == OscMessage(address, tuple(v for _, v in values), 1)
    assert [type(v) for v in decoded.args] == [type(v) for _, v in values]


@given(st.lists(MESSAGES, min_size=1, max_size=4), st.lists(MESSAGES, max_size=3))
def test_nested_bundle_of_python_osc_keeps_order(
    outer: list[tuple[str, list[tuple[str, object]]]],
    inner: list[tuple[str, list[tuple[str, object]]]],
) -> None:
    inside = OscBundleBuilder(IMMEDIATELY)
    outside = OscBundleBuilder(IMMEDIATELY)
    for message in inner:
        inside.add_content(_built(*message))
    outside.add_content(_built(*outer[0]))
    outside.add_content(inside.build())
    for message in outer[1:]:
        outside.add_content(_built(*message))
    decoded = decode_packet(outside.build().dgram)
    assert [m.address for m in decoded] == [a for a, _ in (outer[0], *inner, *outer[1:])]


def _built(address: str, values: list[tuple[str, object]]):  # type: ignore[no-untyped-def]
    builder = OscMessageBuilder(address)
    for tag, value in values:
        builder.add_arg(value, tag)  # type: ignore[arg-type]
    return builder.build()


def test_time_tags_are_carried_from_the_innermost_bundle() -> None:
    far = 0xFFFFFFFF00000000
    packet = bundle(PLAY, bundle(PLAY, timetag=far), PLAY, timetag=77)
    assert [m.timetag for m in decode_packet(packet)] == [77, far, 77]


def test_missing_type_tag_means_no_arguments() -> None:
    assert decode_packet(b"/panic\0\0") == [OscMessage("/panic")]
    with pytest.raises(ProtocolError, match="type tag"):
        decode_packet(b"/panic\0\0\0\0\0\0")


def test_empty_bundle_says_nothing() -> None:
    assert decode_packet(bundle()) == []


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"/a\0",
        b"/a\0\0,\0\0",
        b"/a\0x,\0\0\0",
        b"abc\0,\0\0\0",
        b"\0\0\0\0,\0\0\0",
        b"/a b\0\0\0\0,\0\0\0",
        b"/a\xc3\xa9\0\0\0\0",
        b"/abc",
        b"/a\0\0,i\0\0",
        b"/a\0\0,i\0\0\0\0\0\1\0\0\0\0",
        b"/a\0\0,s\0\0abcd",
        b"/a\0\0,s\0\0\xff\xff\xff\0",
        b"/a\0\0,b\0\0\xff\xff\xff\xff",
        b"/a\0\0,b\0\0\0\0\0\x05abcd",
        b"/a\0\0,b\0\0\0\0\0\x01abcd",
        b"/a\0\0,b\0\0\x7f\xff\xff\xff",
        b"/a\0\0,h\0\0\0\0\0\1",
        b"/a\0\0,[i\0\0\0\0\1",
        b"/a\0\0,i]\0\0\0\0\1",
        b"/a\0\0,]i[\0\0\0\0\0\0\0\1",
        b"/a\0\0,r\0\0\0\0",
        b"/a\0\0,c\0\0\0\0\0\x80",
        b"/a\0\0,c\0\0",
        b"/a\0\0,m\0\0",
        b"/a\0\0,Q\0\0\0\0\0\0",
        b"#bundle\0",
        b"#bundlE\0\0\0\0\0\0\0\0\1",
        b"#abc",
        bundle(PLAY)[:-4],
        bundle(b"#bundle\0\0\0\0\0"),
        b"/a\0\0" * (MAX_PACKET // 4 + 1),
        *KILLERS.values(),
    ],
    ids=lambda packet: repr(packet[:24]),
)
def test_malformed_is_refused(packet: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_packet(packet)


def test_limits_are_where_they_are_said_to_be() -> None:
    assert len(decode_packet(nested(MAX_DEPTH))) == 1
    with pytest.raises(ProtocolError, match="deep"):
        decode_packet(nested(MAX_DEPTH + 1))
    assert len(decode_packet(bundle(*[PLAY] * MAX_MESSAGES))) == MAX_MESSAGES
    with pytest.raises(ProtocolError, match="messages"):
        decode_packet(bundle(*[PLAY] * (MAX_MESSAGES + 1)))
    (many,) = decode_packet(build("/a", [("i", n) for n in range(MAX_ARGS)]))
    assert many.args == tuple(range(MAX_ARGS))
    with pytest.raises(ProtocolError, match="arguments"):
        decode_packet(build("/a", [("i", 0)] * (MAX_ARGS + 1)))
    largest = build("/a", [("b", bytes(MAX_PACKET - 12))])
    assert len(largest) == MAX_PACKET
    assert len(decode_packet(largest)) == 1
    with pytest.raises(ProtocolError, match="8196 bytes"):
        decode_packet(build("/a", [("b", bytes(MAX_PACKET - 8))]))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("tag", ["f", "d"])
def test_not_finite_is_refused_and_says_whose(tag: str, value: float) -> None:
    with pytest.raises(NotFiniteError) as caught:
        decode_packet(build("/codec/position", [("i", 1), (tag, value)]))
    assert caught.value.address == "/codec/position"
    assert "argument 1" in str(caught.value)


@pytest.mark.parametrize("name", [*KILLERS, "400 deep", "all bundles", "all strings"])
def test_killers_end_at_once(name: str) -> None:
    """Packets that hang, overflow or slow down careless decoders."""
    packets = {
        **KILLERS,
        "400 deep": nested(400),
        "all bundles": bundle(*[bundle()] * 400),
        "all strings": bundle(*[b"/a\0\0," + b"s" * 27 + bytes(108)] * 56),
    }
    packet = packets[name]
    assert len(packet) <= MAX_PACKET or name == "400 deep"
    began = time.process_time()
    for _ in range(10):
        try:
            decode_packet(packet[:MAX_PACKET])
        except ProtocolError:
            continue
    assert time.process_time() - began < 0.5


@given(st.binary(max_size=200).map(lambda b: b + bytes(-len(b) % 4)))
def test_any_bytes_are_decoded_or_refused(packet: bytes) -> None:
    try:
        messages = decode_packet(packet)
    except ProtocolError:
        return
    assert all(m.address.startswith("/") for m in messages)


def test_two_hundred_thousand_wounded_packets() -> None:
    random_ = random.Random(1)
    sane = [
        PLAY,
        nested(3),
        bundle(PLAY, build("/codec/latent", [("f", 0.5)] * 8), bundle(PLAY, PLAY)),
        build("/a", [("s", "hello"), ("b", b"12345"), ("h", 1), ("d", 0.5), ("T", True)]),
    ]
    decoded = 0
    for _ in range(200_000):
        packet = mutate(random_, random_.choice(sane))
        try:
            decoded += len(decode_packet(packet))
        except ProtocolError:
            continue
    assert 1_000 < decoded < 400_000  # it neither refuses nor accepts everything
