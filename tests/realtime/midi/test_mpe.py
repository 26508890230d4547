"""MIDI Polyphonic Expression 1.0: zones, and each note's own bend, pressure and timbre."""

from __future__ import annotations

import random

import pytest

from realtime.midi.channel import LOWER, UPPER, Zones
from realtime.midi.decoder import MidiDecoder
from realtime.namespace.event import NOW, Event
from realtime.protocol.midi_parser import MidiParser
from realtime.supervisor.recall import Recall
from tests.realtime.midi_maps import Map

Said = list[tuple[str, tuple[float, ...]]]
LOWER_OF_15 = "b06500 b06406 b0060f"
LOWER_OF_7 = "b06500 b06406 b00607"
UPPER_OF_7 = "bf6500 bf6406 bf0607"


class Player:
    """A decoder that is fed hexadecimal."""

    def __init__(self, *streams: str, members: int = 0) -> None:
        timbre = Map({("cc", 74): "/codec/latent/1"})
        self.parser, self.decoder = MidiParser(), MidiDecoder(timbre, members)
        for stream in streams:
            self.say(stream)

    def say(self, stream: str) -> Said:
        """Targets and values."""
        messages = self.parser.feed(bytes.fromhex(stream))
        return [(e.target, e.value) for m in messages for e in self.decoder.decode(m)]


def approx(said: Said) -> list[tuple[str, object]]:
    return [(target, pytest.approx(value)) for target, value in said]


def test_a_zone_is_made_by_the_configuration_message() -> None:
    """ "An MCM is RPN 6 on channel 1 or 16; data entry MSB: how many members"."""
    player = Player()
    assert ("/all_notes_off", ()) in player.say(LOWER_OF_15)
    assert player.decoder.zones.sizes == (15, 0)
    player.say("b06500 b06406 b00600")
    assert player.decoder.zones.sizes == (0, 0)
    player.say("b16500 b16406 b10605")  # no manager channel
    assert player.decoder.zones.sizes == (0, 0)


@pytest.mark.parametrize(
    ("configured", "sizes"),
    [
        ([(LOWER, 15)], (15, 0)),
        ([(LOWER, 7), (UPPER, 7)], (7, 7)),
        ([(LOWER, 15), (UPPER, 7)], (7, 7)),
        ([(LOWER, 7), (UPPER, 10)], (4, 10)),
        ([(UPPER, 7), (LOWER, 14)], (14, 0)),
        ([(UPPER, 7), (LOWER, 15)], (15, 0)),
        ([(LOWER, 7), (UPPER, 3), (LOWER, 0)], (0, 3)),
        ([(LOWER, 99)], (15, 0)),
    ],
)
def test_zones_share_the_channels(
    configured: list[tuple[int, int]], sizes: tuple[int, int]
) -> None:
    """ "If zones overlap, the most recent message wins, and the other one shrinks"."""
    zones = Zones()
    for manager, members in configured:
        zones.configure(manager, members)
    assert zones.sizes == sizes
    owners = [[m for m in (LOWER, UPPER) if c in zones.channels(m)] for c in range(1, 17)]
    assert all(len(owner) <= 1 for owner in owners)
    assert [o[0] if o else None for o in owners] == [zones.manager_of(c) for c in range(1, 17)]


def test_notes_of_one_key_are_kept_apart_by_their_channels() -> None:
    player = Player(LOWER_OF_15)
    assert player.say("913c64 923c50 813c40") == [
        ("/note/on", (60.0, 100.0, 2.0)),
        ("/note/on", (60.0, 80.0, 3.0)),
        ("/note/off", (60.0, 2.0)),
    ]


def test_a_member_s_bend_moves_its_note_by_up_to_48_semitones() -> None:
    """ "The default for the pitch bend sensitivity of member channels is 48 semitones"."""
    player = Player(LOWER_OF_15, "913c64 924064")
    assert player.say("e17f7f") == [("/note/bend", (60.0, 48.0, 2.0))]
    assert player.say("e20020") == [("/note/bend", (64.0, -24.0, 3.0))]
    assert player.say("e37f7f") == []  # nothing sounds there


def test_what_comes_before_a_note_is_said_with_it() -> None:
    """ "The sender sets bend, pressure and timbre of the channel, then sends the note on"."""
    player = Player(LOWER_OF_15, "e10060 d140 b14a7f")
    assert player.say("913c64") == approx(
        [
            ("/note/on", (60.0, 100.0, 2.0)),
            ("/note/bend", (60.0, 48 * 4096 / 8191, 2.0)),
            ("/note/pressure", (60.0, 64 / 127, 2.0)),
            ("/note/timbre", (60.0, 1.0, 2.0)),
        ]
    )
    assert player.say("923c64") == [("/note/on", (60.0, 100.0, 3.0))]


def test_manager_and_member_add_up() -> None:
    """ "Pitch bend of the manager channel and of the member channel are combined"; its default is
    2 semitones."""
    player = Player(LOWER_OF_15, "913c64 924064 e10060")
    member = 48 * 4096 / 8191
    assert player.say("e07f7f") == approx(
        [("/note/bend", (60.0, 2.0 + member, 2.0)), ("/note/bend", (64.0, 2.0, 3.0))]
    )
    assert player.say("d17f d07f") == approx(
        [
            ("/note/pressure", (60.0, 1.0, 2.0)),
            ("/note/pressure", (60.0, 1.0, 2.0)),
            ("/note/pressure", (64.0, 1.0, 3.0)),
        ]
    )


def test_timbre_rests_in_the_middle() -> None:
    """ "CC 74 is relative to 64"; no map is asked for it in a zone."""
    player = Player(LOWER_OF_15, "913c64")
    assert player.say("b14a40 b14a00 b14a7f") == [
        ("/note/timbre", (60.0, 0.5, 2.0)),
        ("/note/timbre", (60.0, 0.0, 2.0)),
        ("/note/timbre", (60.0, 1.0, 2.0)),
    ]
    assert Player().say("b14a7f") == [("/codec/latent/1", (1.0,))]


def test_a_range_told_to_one_member_is_all_members() -> None:
    """ "RPN 0 on any member channel applies to all member channels of the zone"."""
    player = Player(LOWER_OF_7, UPPER_OF_7, "b26500 b26400 b2060c", "913c64 9e3c64")
    assert player.say("e17f7f ee7f7f") == [
        ("/note/bend", (60.0, 12.0, 2.0)),
        ("/note/bend", (60.0, 48.0, 15.0)),
    ]
    player.say("b06500 b06400 b00605")
    assert player.say("e07f7f") == [("/note/bend", (60.0, 17.0, 2.0))]


def test_two_zones_bend_apart() -> None:
    player = Player(LOWER_OF_7, UPPER_OF_7, "913c64 9e4064")
    assert player.say("e07f7f") == [("/note/bend", (60.0, 2.0, 2.0))]
    assert player.say("ef7f7f") == [("/note/bend", (64.0, 2.0, 15.0))]


def test_channel_16_can_be_a_member() -> None:
    player = Player(LOWER_OF_15, "913c64 9f4064")
    assert player.say("ef7f7f") == [("/note/bend", (64.0, 48.0, 16.0))]


def test_channels_outside_of_the_zones_stay_what_they_were() -> None:
    player = Player("b06500 b06406 b00603")
    assert player.say("953c64 e57f7f d57f 853c00") == [
        ("/note/on", (60.0, 100.0)),
        ("/pitch_bend", (2.0,)),
        ("/pressure", (1.0,)),
        ("/note/off", (60.0,)),
    ]


def test_a_new_configuration_ends_notes_and_forgets_bends() -> None:
    """ "A receiver ends all notes of the channels concerned", and starts with default values."""
    player = Player(LOWER_OF_15, "b26500 b26400 b2060c 913c64 e17f7f")
    assert player.say(LOWER_OF_15)[0] == ("/all_notes_off", ())
    assert player.say("e17f7f") == []
    assert player.say("913c64") == [
        ("/note/on", (60.0, 100.0, 2.0)),
        ("/note/bend", (60.0, 48.0, 2.0)),
    ]


def test_a_zone_can_be_there_from_the_start() -> None:
    """A controller that was switched on earlier has sent its configuration already."""
    player = Player("913c64", members=15)
    assert player.say("e17f7f") == [("/note/bend", (60.0, 48.0, 2.0))]


def test_reset_all_controllers_of_a_member() -> None:
    player = Player(LOWER_OF_15, "913c64 e17f7f d17f")
    said = player.say("b17900")
    assert ("/note/bend", (60.0, 0.0, 2.0)) in said
    assert ("/note/pressure", (60.0, 0.0, 2.0)) in said
    assert ("/sustain", (0.0,)) in said


def test_no_note_hangs_whatever_comes() -> None:
    """Random legal bytes on all channels, zones that come and go; after all keys are up, or after
    the port is gone, nothing is held."""
    random_ = random.Random(11)
    decoder, recall = MidiDecoder(Map()), Recall()
    statuses = [0x80, 0x90, 0x90, 0xA0, 0xB0, 0xD0, 0xE0]
    for _ in range(4_000):
        status = random_.choice(statuses) | random_.randrange(16)
        data = [random_.randrange(60, 64) if status < 0xA0 else random_.randrange(128)]
        data += [] if status >> 4 == 0xD else [random_.randrange(128)]
        if random_.random() < 0.02:
            for number, value in ((101, 0), (100, 6), (6, random_.randrange(16))):
                message = bytes((0xB0 | random_.choice((0, 15)), number, value))
                for event in decoder.decode(message):
                    recall.observe(event)
        for event in decoder.decode(bytes((status, *data))):
            recall.observe(event)
    for channel in range(16):
        for key in range(60, 64):
            for event in decoder.decode(bytes((0x80 | channel, key, 0))):
                recall.observe(event)
    assert [e for e in recall.events() if e.target.startswith("/note/")] == []
    decoder.decode(bytes.fromhex("903c64"))
    assert decoder.release()[-1] == Event(NOW, "/all_notes_off")
