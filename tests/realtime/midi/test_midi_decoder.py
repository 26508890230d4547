"""MIDI bytes to messages, messages to events: byte-literal, with what MIDI 1.0 says."""

from __future__ import annotations

import random
import tracemalloc

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.midi.decoder import MidiDecoder
from realtime.namespace.event import NOW
from realtime.namespace.namespace import Namespace
from realtime.protocol.midi_parser import MidiParser
from synth.contract import Control
from tests.realtime.midi_maps import Map

MAPPING = Map({("cc", 1): "/codec/position"}, bend_range=2.0)


RESTING = [
    (target, (0.0,)) for target in ("/pitch_bend", "/sustain", "/sostenuto", "/soft", "/pressure")
]


def feed(hexadecimal: str) -> list[str]:
    """The messages in a stream written in hexadecimal."""
    return [m.hex(" ") for m in MidiParser().feed(bytes.fromhex(hexadecimal))]


def decode(hexadecimal: str, mapping: Map = MAPPING) -> list[tuple[str, tuple[float, ...]]]:
    """Targets and values of a stream."""
    parser, decoder = MidiParser(), MidiDecoder(mapping)
    events = [e for m in parser.feed(bytes.fromhex(hexadecimal)) for e in decoder.decode(m)]
    assert all(event.time == NOW for event in events)
    return [(event.target, event.value) for event in events]


@pytest.mark.parametrize(
    ("stream", "messages"),
    [
        pytest.param("903c64", ["90 3c 64"], id="a note"),
        pytest.param("903c64 40644364", ["90 3c 64", "90 40 64", "90 43 64"], id="running status"),
        pytest.param("c005 06", ["c0 05", "c0 06"], id="running status of one data byte"),
        pytest.param("90f83c64", ["f8", "90 3c 64"], id="clock after the status"),
        pytest.param("903cf864", ["f8", "90 3c 64"], id="clock inside a note"),
        pytest.param("903cfefa64f840", ["fe", "fa", "90 3c 64", "f8"], id="several"),
        pytest.param("f07e09f80123f7 903c64", ["f8", "90 3c 64"], id="clock inside sysex"),
        pytest.param("f0010203 903c64", ["90 3c 64"], id="sysex without an end"),
        pytest.param("903c64 f001f7 3e64", ["90 3c 64"], id="sysex clears running status"),
        pytest.param("903c64 f3053e64", ["90 3c 64", "f3 05"], id="song select clears it too"),
        pytest.param("f2010203", ["f2 01 02"], id="song position"),
        pytest.param("f1053c", ["f1 05"], id="quarter frame has no running status"),
        pytest.param("f6 f4 01 f5 02 f7 903c64", ["f6", "90 3c 64"], id="undefined is skipped"),
        pytest.param("3c64 903c64", ["90 3c 64"], id="data before any status"),
        pytest.param("903c 803c40", ["80 3c 40"], id="a note cut short"),
        pytest.param("fd f9 ff", ["fd", "f9", "ff"], id="real time"),
    ],
)
def test_stream(stream: str, messages: list[str]) -> None:
    assert feed(stream) == messages
    one_by_one = MidiParser()
    data = bytes.fromhex(stream)
    assert [m.hex(" ") for b in data for m in one_by_one.feed((b,))] == messages


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        ("903c64", [("/note/on", (60.0, 100.0))]),
        ("9f0001", [("/note/on", (0.0, 1.0))]),
        ("903c00", [("/note/off", (60.0,))]),
        ("803c40", [("/note/off", (60.0,))]),
        ("e00040", [("/pitch_bend", (0.0,))]),
        ("e00000", [("/pitch_bend", (-2.0,))]),
        ("e07f7f", [("/pitch_bend", (2.0,))]),
        ("e00020", [("/pitch_bend", (-1.0,))]),
        ("b001 7f", [("/codec/position", (1.0,))]),
        ("b002 7f", []),
        ("b0403f", [("/sustain", (0.0,))]),
        ("b04040", [("/sustain", (1.0,))]),
        ("b07800", [("/panic", ())]),
        ("b07900", RESTING),
        ("b07a00", []),
        ("b07b00", [("/all_notes_off", ())]),
        ("b07f00", [("/all_notes_off", ())]),
        ("c507", [("/program", (7.0,))]),
        ("a03c7f", [("/note/pressure", (60.0, 1.0))]),
        ("d000 d07f", [("/pressure", (0.0,)), ("/pressure", (1.0,))]),
        ("b0427f", [("/sostenuto", (1.0,))]),
        ("b04300", [("/soft", (0.0,))]),
        ("ff", [("/panic", ())]),
        ("f8 fe fa fc f6", []),
    ],
)
def test_meaning(stream: str, events: list[tuple[str, tuple[float, ...]]]) -> None:
    assert decode(stream) == events


def test_only_its_channel() -> None:
    third = Map(channel=3)
    assert decode("923c64 913e64 c307 b27b00", third) == [
        ("/note/on", (60.0, 100.0)),
        ("/all_notes_off", ()),
    ]


def test_bend_range_is_the_mapping_s() -> None:
    assert decode("e07f7f", Map(bend_range=12.0)) == [("/pitch_bend", (12.0,))]
    assert decode("e00000", Map(bend_range=0.0)) == [("/pitch_bend", (0.0,))]


def test_a_mapped_controller_goes_before_its_usual_meaning() -> None:
    pedal = Map({("cc", 64): "/codec/loop"})
    assert decode("b0407f", pedal) == [("/codec/loop", (1.0,))]


@pytest.mark.parametrize(
    "message", ["", "3c", "90", "903c", "903c6401", "903c80", "c00101", "f805"]
)
def test_what_is_no_whole_message_is_counted(message: str) -> None:
    decoder = MidiDecoder(MAPPING)
    assert decoder.decode(bytes.fromhex(message)) == ()
    assert decoder.counters == {"messages": 1, "ignored": 0, "malformed": 1}


def test_mido_s_messages_mean_what_they_say() -> None:
    """mido writes, we read: distinct data bytes, so that swapped ones are seen."""
    for channel in range(16):
        for key, velocity in ((0, 1), (61, 99), (127, 127)):
            note = mido.Message("note_on", channel=channel, note=key, velocity=velocity)
            assert decode(note.hex()) == [("/note/on", (float(key), float(velocity)))]
        for pitch in (-8192, -1, 0, 1, 8191):
            ((_, (bend,)),) = decode(mido.Message("pitchwheel", channel=channel, pitch=pitch).hex())
            assert bend == pytest.approx(2 * pitch / 8192, abs=3e-4)


CHANNEL_MESSAGES = st.one_of(
    st.tuples(st.integers(0x80, 0xBF), st.integers(0, 127), st.integers(0, 127)),
    st.tuples(st.integers(0xC0, 0xDF), st.integers(0, 127)),
    st.tuples(st.integers(0xE0, 0xEF), st.integers(0, 127), st.integers(0, 127)),
).map(bytes)


@given(st.lists(CHANNEL_MESSAGES, max_size=20), st.data())
def test_any_legal_way_of_writing_gives_the_same_messages(
    messages: list[bytes], data: st.DataObject
) -> None:
    """Status bytes that repeat are left out, and clocks put anywhere."""
    stream, status, clocks = bytearray(), 0, 0
    for message in messages:
        shortened = message[1:] if message[0] == status and data.draw(st.booleans()) else message
        status = message[0]
        for byte in shortened:
            ticks = data.draw(st.integers(0, 1))
            stream += b"\xf8" * ticks
            stream.append(byte)
            clocks += ticks
    parsed = MidiParser().feed(stream)
    assert [m for m in parsed if m != b"\xf8"] == messages
    assert parsed.count(b"\xf8") == clocks


def test_noise_never_stops_it() -> None:
    noise = random.Random(3).randbytes(200_000)
    parser, decoder = MidiParser(), MidiDecoder(MAPPING)
    events = [e for m in parser.feed(noise) for e in decoder.decode(m)]
    assert decoder.counters["malformed"] == 0  # the parser gives whole messages only
    assert all(0 <= v <= 127 for e in events if e.target == "/note/on" for v in e.value)
    assert parser.feed(bytes.fromhex("903c64"))[-1] == bytes.fromhex("903c64")


def test_whatever_comes_means_something_that_exists() -> None:
    """Random legal messages on all channels, parameters and zones included: every event is one that
    the namespace takes as it is, within all ranges."""
    random_ = random.Random(9)
    namespace = Namespace({"codec": [Control("position")]})
    decoder = MidiDecoder(MAPPING)
    numbers = [*range(128), *[6, 38, 96, 97, 98, 99, 100, 101] * 30]
    for turn in range(30_000):
        status = random_.randrange(0x80, 0xF0)
        first = random_.choice(numbers) if status >> 4 == 0xB else random_.randrange(128)
        last = random_.choice((random_.randrange(128), random_.randrange(7)))
        message = (status, first) if status >> 4 in (0xC, 0xD) else (status, first, last)
        for event in decoder.decode(bytes(message), turn / 100):
            assert namespace.resolve(event.target, event.value) == event
    assert decoder.counters["malformed"] == namespace.counters["clamped"] == 0


def test_endless_sysex_is_not_kept() -> None:
    parser = MidiParser()
    parser.feed(b"\xf0")
    block = bytes(range(128)) * 16
    tracemalloc.start()
    for _ in range(1_000):  # 2 MB
        assert parser.feed(block) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000
    assert parser.feed(bytes.fromhex("f7 903c64")) == [bytes.fromhex("903c64")]
