"""14-bit controllers, banks, registered and other parameters: byte-literal, with what MIDI says."""

from __future__ import annotations

import pytest

from realtime.midi.decoder import MidiDecoder
from realtime.protocol.midi_parser import MidiParser
from tests.realtime.midi.channel_events import Said, on
from tests.realtime.midi_maps import Map


def bind(*bound: tuple[str, int]) -> Map:
    """Binds these sources, each to an address of its own."""
    return Map({source: f"/{source[0]}/{source[1]}" for source in bound})


def decode(stream: str, *bound: tuple[str, int]) -> Said:
    """Targets and values of a stream in hexadecimal."""
    parser, decoder = MidiParser(), MidiDecoder(bind(*bound))
    events = [e for m in parser.feed(bytes.fromhex(stream)) for e in decoder.decode(m)]
    assert decoder.counters["malformed"] == 0
    return [(event.target, event.value) for event in events]


def test_fine_position_is_msb_then_lsb() -> None:
    """ "When both are used, the MSB is sent first, and 32 is added for the number of the LSB"."""
    moves = decode("b0 01 40 b0 21 01", ("cc14", 1))
    assert moves == [("/cc14/1", (0x2000 / 16383,)), ("/cc14/1", (0x2001 / 16383,))]


def test_msb_resets_lsb() -> None:
    """ "Upon receipt of a new MSB the receiver sets its idea of the LSB to zero"."""
    assert decode("b0 01 40 b0 21 7f b0 01 41", ("cc14", 1))[-1] == ("/cc14/1", (0x2080 / 16383,))


def test_lsb_alone_is_a_fine_adjustment() -> None:
    """ "If only a fine adjustment is needed, the MSB need not be sent again"."""
    assert decode("b0 01 7f b0 21 10 b0 21 7f", ("cc14", 1))[-1] == ("/cc14/1", (1.0,))


def test_seven_bits_are_enough_where_no_pair_is_bound() -> None:
    assert decode("b0 01 7f b0 21 7f", ("cc", 1), ("cc", 33)) == [
        ("/cc/1", (1.0,)),
        ("/cc/33", (1.0,)),
    ]


@pytest.mark.parametrize(
    ("stream", "index"),
    [
        ("c003", 3),
        ("b00001 c003", 1 * 16384 + 3),
        ("b00000 b02002 c003", 2 * 128 + 3),
        ("b02002 b00000 c003", 3),  # the MSB resets the LSB
        ("b0007f b0207f c07f", 2_097_151),
        ("b10001 c003", 3),  # another channel's bank
    ],
)
def test_bank_and_program(stream: str, index: int) -> None:
    """ "Bank select MSB, LSB, then program change": 16 384 banks of 128 sounds."""
    assert decode(stream) == [on(1, "/program", float(index))]


@pytest.mark.parametrize(
    ("stream", "semitones"),
    [
        ("e07f7f", 2.0),
        ("b06500 b06400 b0060c e07f7f", 12.0),
        ("b06500 b06400 b0060c b02632 e07f7f", 12.5),
        ("65006400 060c", None),  # data before any status
        ("b06500 6400 060c e07f7f", 12.0),  # running status
        ("b06400 b06500 b0060c e07f7f", 12.0),  # either half first
        ("b06500 b06400 b0607f e07f7f", 2.01),
        ("b06500 b06400 b00603 b0617f e07f7f", 2.99),
        ("b06500 b06400 b00605 b02663 b0607f e07f7f", 6.0),  # 5.99 and a cent
        ("b06500 b06400 b00600 b0617f e07f7f", 0.0),
        ("b06500 b06400 b0067f e07f7f", 96.0),  # the most there is
    ],
)
def test_bend_range(stream: str, semitones: float | None) -> None:
    """ "RPN 00 00: MSB is semitones, LSB cents"; data increment and decrement move it by a cent."""
    events = decode(stream)
    if semitones is None:
        assert events == []
    else:
        assert events[-1][0] == "/channel/1/pitch_bend"
        assert events[-1][1] == pytest.approx((semitones,))


def test_null_function_shuts_data_entry_off() -> None:
    """ "RPN 7F 7F disables data entry, increment and decrement until a new one is selected"."""
    assert decode("b06500 b06400 b0657f b0647f b0060c b0607f e07f7f") == [on(1, "/pitch_bend", 2.0)]


def test_no_parameter_is_selected_at_the_start_or_after_reset() -> None:
    """Recommended practice RP-015: reset all controllers sets RPN and NRPN to null."""
    assert decode("b0060c e07f7f") == [on(1, "/pitch_bend", 2.0)]
    assert decode("b06500 b06400 b07900 b0060c e07f7f")[-1] == on(1, "/pitch_bend", 2.0)


def test_reset_leaves_the_range() -> None:
    """RP-015: it doesn't reset what parameters have set."""
    assert decode("b06500 b06400 b0060c b07900 e07f7f")[-1] == on(1, "/pitch_bend", 12.0)


def test_a_range_is_its_channel_s() -> None:
    assert decode("b06500 b06400 b0060c e17f7f") == [on(2, "/pitch_bend", 2.0)]


def test_a_new_range_bends_what_is_bent() -> None:
    assert decode("e07f7f b06500 b06400 b0060c") == [
        on(1, "/pitch_bend", 2.0),
        on(1, "/pitch_bend", 12.0),
    ]


def test_tuning_adds_to_the_wheel() -> None:
    """ "RPN 00 01: fine tuning, 100/8192 cents a step; RPN 00 02: coarse, 100 cents a step"."""
    assert decode("b06500 b06402 b00641") == [on(1, "/pitch_bend", 1.0)]
    assert decode("b06500 b06401 b00600") == [on(1, "/pitch_bend", -1.0)]
    assert decode("b06500 b06402 b0063f e07f7f")[-1] == on(1, "/pitch_bend", 1.0)
    assert decode("b06500 b06402 b0607f") == [on(1, "/pitch_bend", 1.0)]


def test_other_parameters_are_sources() -> None:
    """ "NRPN: 99 MSB, 98 LSB, then data entry 6, 38"; values are 14 bits."""
    moves = decode("b0630a b0620b b0067f b0267f b0617f", ("nrpn", 10 << 7 | 11))
    assert moves == [
        ("/nrpn/1291", (0x3F80 / 16383,)),
        ("/nrpn/1291", (1.0,)),
        ("/nrpn/1291", (16382 / 16383,)),
    ]
    assert decode("b06503 b06404 b0067f", ("rpn", 3 << 7 | 4)) == [("/rpn/388", (0x3F80 / 16383,))]
    assert decode("b0630a b0620b b0067f") == []


def test_the_kind_that_was_selected_last_gets_the_data() -> None:
    moves = decode("b06500 b06400 b06301 b06200 b0060c e07f7f", ("nrpn", 128))
    assert moves == [("/nrpn/128", (0x600 / 16383,)), on(1, "/pitch_bend", 2.0)]


def test_what_is_bound_goes_before_its_usual_meaning() -> None:
    assert decode("b0067f", ("cc", 6)) == [("/cc/6", (1.0,))]
    assert decode("d07f a03c7f 903c7f 803c00", ("pressure", 0), ("key_pressure", 60)) == [
        ("/pressure/0", (1.0,)),
        ("/key_pressure/60", (1.0,)),
        on(1, "/note/on", 60.0, 127.0),
        on(1, "/note/off", 60.0),
    ]
    assert decode("903c7f 803c00 903d7f", ("note", 60)) == [
        ("/note/60", (1.0,)),
        ("/note/60", (0.0,)),
        on(1, "/note/on", 61.0, 127.0),
    ]


def test_parameters_without_end_are_not_kept() -> None:
    """All 16 383 of both kinds, moved in turn, and the last ones still know their values."""
    decoder = MidiDecoder(bind(("nrpn", 16382)))
    for number in range(16_383):
        for message in ((99, number >> 7), (98, number & 127), (6, 1)):
            decoder.decode(bytes((0xB0, *message)))
    assert len(decoder._channels[1]._values) <= 256
    (event,) = decoder.decode(bytes((0xB0, 96, 0)))
    assert event.value == (129 / 16383,)
