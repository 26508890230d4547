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
from tests.realtime.midi.channel_events import Said, at_rest, on
from tests.realtime.midi_maps import Map

MAPPING = Map({("cc", 1): "/codec/position"}, bend_range=2.0)


def feed(hexadecimal: str) -> list[str]:
    """The messages in a stream written in hexadecimal."""
    return [m.hex(" ") for m in MidiParser().feed(bytes.fromhex(hexadecimal))]


def decode(hexadecimal: str, mapping: Map = MAPPING) -> Said:
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
        ("903c64", [on(1, "/note/on", 60.0, 100.0)]),
        ("9f0001", [on(16, "/note/on", 0.0, 1.0)]),
        ("903c00", [on(1, "/note/off", 60.0)]),
        ("803c40", [on(1, "/note/off", 60.0)]),
        ("e00040", [on(1, "/pitch_bend", 0.0)]),
        ("e00000", [on(1, "/pitch_bend", -2.0)]),
        ("e07f7f", [on(1, "/pitch_bend", 2.0)]),
        ("e00020", [on(1, "/pitch_bend", -1.0)]),
        ("b001 7f", [("/codec/position", (1.0,))]),
        ("b002 7f", []),
        ("b00700 b0077f", [on(1, "/volume", 0.0), on(1, "/volume", 1.0)]),
        ("b20b40", [on(3, "/expression", 64 / 127)]),
        ("b0270f b02b0f", []),  # lower halves of volume and expression
        ("b0403f", [on(1, "/sustain", 0.0)]),
        ("b04040", [on(1, "/sustain", 1.0)]),
        ("b07800", [on(1, "/panic")]),
        ("b07a00", []),
        ("b07b00", [on(1, "/all_notes_off")]),
        ("b07f00", [on(1, "/all_notes_off")]),
        ("c507", [on(6, "/program", 7.0)]),
        ("a03c7f", [on(1, "/note/pressure", 60.0, 1.0)]),
        ("d000 d07f", [on(1, "/pressure", 0.0), on(1, "/pressure", 1.0)]),
        ("b0427f", [on(1, "/sostenuto", 1.0)]),
        ("b04300", [on(1, "/soft", 0.0)]),
        ("ff", [("/panic", ())]),
        ("f8 fe fa fc f6", []),
    ],
)
def test_meaning(stream: str, events: Said) -> None:
    assert decode(stream) == events


# Messages of channel 1, and what each says of its channel.
OF_A_CHANNEL = [
    pytest.param("903c64", [("/note/on", (60.0, 100.0))], id="note on"),
    pytest.param("803c40", [("/note/off", (60.0,))], id="note off"),
    pytest.param("903c00", [("/note/off", (60.0,))], id="note on of velocity 0"),
    pytest.param("a03c7f", [("/note/pressure", (60.0, 1.0))], id="pressure of a key"),
    pytest.param("d07f", [("/pressure", (1.0,))], id="pressure"),
    pytest.param("e07f7f", [("/pitch_bend", (2.0,))], id="wheel"),
    pytest.param("b0407f", [("/sustain", (1.0,))], id="sustain"),
    pytest.param("b0427f", [("/sostenuto", (1.0,))], id="sostenuto"),
    pytest.param("b0437f", [("/soft", (1.0,))], id="soft"),
    pytest.param("b0077f", [("/volume", (1.0,))], id="volume"),
    pytest.param("b00b00", [("/expression", (0.0,))], id="expression"),
    pytest.param("c005", [("/program", (5.0,))], id="program"),
    pytest.param("b02001 c005", [("/program", (133.0,))], id="bank and program"),
    pytest.param("b07800", [("/panic", ())], id="all sound off"),
    *(
        pytest.param(f"b0{number:02x}00", [("/all_notes_off", ())], id=f"mode {number}")
        for number in range(123, 128)
    ),
]


@pytest.mark.parametrize("channel", [1, 2, 16])
@pytest.mark.parametrize(("stream", "said"), OF_A_CHANNEL)
def test_what_comes_on_a_channel_is_said_of_it_alone(channel: int, stream: str, said: Said) -> None:
    moved = "".join(
        f"{word[0]}{channel - 1:x}{word[2:]}" if word[0] in "89abcde" else word
        for word in stream.split()
    )
    assert decode(moved) == [on(channel, address, *value) for address, value in said]


@pytest.mark.parametrize("channel", [1, 2, 16])
def test_reset_of_a_channel_leaves_the_others(channel: int) -> None:
    """RP-015: wheel, pressure, pedals and expression of that channel go back; its volume stays, and
    so do the wheels of other channels."""
    nibble, other = f"{channel - 1:x}", channel % 16 + 1
    wheels = f"e{nibble}7f7f e{other - 1:x}7f7f"
    said = decode(f"{wheels} b{nibble}7900")[2:]
    assert sorted(said) == sorted([*at_rest(channel), on(channel, "/expression", 1.0)])
    # A new range bends what is bent: there, and no more here.
    ranges = "b{0}6500 b{0}6400 b{0}060c"
    later = decode(f"{wheels} b{nibble}7900 {ranges.format(f'{other - 1:x}')}")
    assert later[-1] == on(other, "/pitch_bend", 12.0)
    assert decode(f"{wheels} b{nibble}7900 {ranges.format(nibble)}") == decode(
        f"{wheels} b{nibble}7900"
    )


@pytest.mark.parametrize(("number", "address"), [(7, "/volume"), (11, "/expression")])
def test_volume_and_expression_give_way_to_the_map(number: int, address: str) -> None:
    """Bound with 7 or with 14 bits they move what the map says, and nothing else."""
    for kind in ("cc", "cc14"):
        bound = Map({(kind, number): "/codec/position"})
        said = decode(f"b1{number:02x}7f", bound)
        assert [target for target, _ in said] == ["/codec/position"]
        assert decode(f"b1{number:02x}7f", Map({(kind, 12): "/x"})) == [on(2, address, 1.0)]


def release(decoder: MidiDecoder, stream: str) -> Said:
    """What is said when the port goes away after a stream."""
    for message in MidiParser().feed(bytes.fromhex(stream)):
        decoder.decode(message)
    return [(event.target, event.value) for event in decoder.release()]


def test_a_port_that_goes_away_lets_go_of_the_channels_that_it_used() -> None:
    """Pedals before notes, so that none holds what is ended; and once."""
    decoder = MidiDecoder(MAPPING)
    said = release(decoder, "913c64 bf407f")
    for channel in (2, 16):
        mine = [(t, v) for t, v in said if t.startswith(f"/channel/{channel}/")]
        assert set(at_rest(channel)) <= set(mine)
        assert mine[-1] == on(channel, "/all_notes_off")
    assert {target.split("/")[2] for target, _ in said} == {"2", "16"}
    assert release(decoder, "") == []
    assert release(decoder, "c500")[-1] == on(6, "/all_notes_off")


def test_a_port_that_goes_away_without_a_word_says_nothing() -> None:
    """Neither system messages nor what the map doesn't listen to use a channel."""
    assert release(MidiDecoder(MAPPING), "fe f8 f8") == []
    assert release(MidiDecoder(Map(channel=3)), "913c64") == []
    assert release(MidiDecoder(Map(channel=3)), "923c64")[-1] == on(3, "/all_notes_off")


def test_a_port_that_goes_away_is_forgotten() -> None:
    """Another one at its place finds wheels and banks at rest."""
    decoder = MidiDecoder(MAPPING)
    release(decoder, "e17f7f b12001")
    assert [(e.target, e.value) for e in decoder.decode(bytes.fromhex("c105"))] == [
        on(2, "/program", 5.0)
    ]
    for message in ("b16500", "b16400", "b1060c"):
        assert decoder.decode(bytes.fromhex(message)) == ()


def test_only_its_channel() -> None:
    third = Map(channel=3)
    assert decode("923c64 913e64 c307 c207 b17b00 b27b00", third) == [
        on(3, "/note/on", 60.0, 100.0),
        on(3, "/program", 7.0),
        on(3, "/all_notes_off"),
    ]


def test_bend_range_is_the_mapping_s() -> None:
    assert decode("e07f7f", Map(bend_range=12.0)) == [on(1, "/pitch_bend", 12.0)]
    assert decode("e00000", Map(bend_range=0.0)) == [on(1, "/pitch_bend", 0.0)]


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
            expected = on(channel + 1, "/note/on", float(key), float(velocity))
            assert decode(note.hex()) == [expected]
        for pitch in (-8192, -1, 0, 1, 8191):
            wheel = mido.Message("pitchwheel", channel=channel, pitch=pitch)
            ((target, (bend,)),) = decode(wheel.hex())
            assert target == f"/channel/{channel + 1}/pitch_bend"
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
    notes = [e for e in events if e.target.endswith("/note/on")]
    assert notes
    assert all(0 <= v <= 127 for e in notes for v in e.value[:2])
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
