"""MIDI Polyphonic Expression 1.0: zones, and each note's own bend, pressure and timbre."""

from __future__ import annotations

import random

import pytest

from realtime.midi.channel import LOWER, UPPER, Zones
from realtime.midi.decoder import MidiDecoder
from realtime.protocol.midi_parser import MidiParser
from realtime.supervisor.recall import Recall
from tests.realtime.midi.channel_events import Said, at_rest, on
from tests.realtime.midi_maps import Map

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
    said = player.say(LOWER_OF_15)
    for channel in range(1, 17):
        assert on(channel, "/all_notes_off") in said
        assert set(at_rest(channel)) <= set(said)
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
        on(1, "/note/on", 60.0, 100.0, 2.0),
        on(1, "/note/on", 60.0, 80.0, 3.0),
        on(1, "/note/off", 60.0, 2.0),
    ]


def test_a_member_s_bend_moves_its_note_by_up_to_48_semitones() -> None:
    """ "The default for the pitch bend sensitivity of member channels is 48 semitones"."""
    player = Player(LOWER_OF_15, "913c64 924064")
    assert player.say("e17f7f") == [on(1, "/note/bend", 60.0, 48.0, 2.0)]
    assert player.say("e20020") == [on(1, "/note/bend", 64.0, -24.0, 3.0)]
    assert player.say("e37f7f") == []  # nothing sounds there


def test_what_comes_before_a_note_is_said_with_it() -> None:
    """ "The sender sets bend, pressure and timbre of the channel, then sends the note on"."""
    player = Player(LOWER_OF_15, "e10060 d140 b14a7f")
    assert player.say("913c64") == approx(
        [
            on(1, "/note/on", 60.0, 100.0, 2.0),
            on(1, "/note/bend", 60.0, 48 * 4096 / 8191, 2.0),
            on(1, "/note/pressure", 60.0, 64 / 127, 2.0),
            on(1, "/note/timbre", 60.0, 1.0, 2.0),
        ]
    )
    assert player.say("923c64") == [on(1, "/note/on", 60.0, 100.0, 3.0)]


def test_manager_and_member_add_up() -> None:
    """ "Pitch bend of the manager channel and of the member channel are combined"; its default is
    2 semitones."""
    player = Player(LOWER_OF_15, "913c64 924064 e10060")
    member = 48 * 4096 / 8191
    assert player.say("e07f7f") == approx(
        [on(1, "/note/bend", 60.0, 2.0 + member, 2.0), on(1, "/note/bend", 64.0, 2.0, 3.0)]
    )
    assert player.say("d17f d07f") == approx(
        [
            on(1, "/note/pressure", 60.0, 1.0, 2.0),
            on(1, "/note/pressure", 60.0, 1.0, 2.0),
            on(1, "/note/pressure", 64.0, 1.0, 3.0),
        ]
    )


def test_timbre_rests_in_the_middle() -> None:
    """ "CC 74 is relative to 64"; no map is asked for it in a zone."""
    player = Player(LOWER_OF_15, "913c64")
    assert player.say("b14a40 b14a00 b14a7f") == [
        on(1, "/note/timbre", 60.0, 0.5, 2.0),
        on(1, "/note/timbre", 60.0, 0.0, 2.0),
        on(1, "/note/timbre", 60.0, 1.0, 2.0),
    ]
    assert Player().say("b14a7f") == [("/codec/latent/1", (1.0,))]


def test_a_range_told_to_one_member_is_all_members() -> None:
    """ "RPN 0 on any member channel applies to all member channels of the zone"."""
    player = Player(LOWER_OF_7, UPPER_OF_7, "b26500 b26400 b2060c", "913c64 9e3c64")
    assert player.say("e17f7f ee7f7f") == [
        on(1, "/note/bend", 60.0, 12.0, 2.0),
        on(16, "/note/bend", 60.0, 48.0, 15.0),
    ]
    player.say("b06500 b06400 b00605")
    assert player.say("e07f7f") == [on(1, "/note/bend", 60.0, 17.0, 2.0)]


def test_two_zones_bend_apart() -> None:
    player = Player(LOWER_OF_7, UPPER_OF_7, "913c64 9e4064")
    assert player.say("e07f7f") == [on(1, "/note/bend", 60.0, 2.0, 2.0)]
    assert player.say("ef7f7f") == [on(16, "/note/bend", 64.0, 2.0, 15.0)]


def test_channel_16_can_be_a_member() -> None:
    player = Player(LOWER_OF_15, "913c64 9f4064")
    assert player.say("ef7f7f") == [on(1, "/note/bend", 64.0, 48.0, 16.0)]


def test_channels_outside_of_the_zones_stay_what_they_were() -> None:
    player = Player("b06500 b06406 b00603")
    assert player.say("953c64 e57f7f d57f 853c00") == [
        on(6, "/note/on", 60.0, 100.0),
        on(6, "/pitch_bend", 2.0),
        on(6, "/pressure", 1.0),
        on(6, "/note/off", 60.0),
    ]
    assert player.say("b5407f b5077f c503 b57b00 b57800") == [
        on(6, "/sustain", 1.0),
        on(6, "/volume", 1.0),
        on(6, "/program", 3.0),
        on(6, "/all_notes_off"),
        on(6, "/panic"),
    ]


@pytest.mark.parametrize(
    ("zone", "manager", "member"),
    [(LOWER_OF_7, 1, 3), (UPPER_OF_7, 16, 14)],
    ids=["lower", "upper"],
)
def test_a_zone_is_heard_as_its_manager(zone: str, manager: int, member: int) -> None:
    """Notes of members are said of the manager, with the member as their id."""
    player = Player(zone)
    note, own = f"{member - 1:x}", float(member)
    assert player.say(f"9{note}3c64 a{note}3c7f d{note}7f b{note}4a7f e{note}7f7f") == [
        on(manager, "/note/on", 60.0, 100.0, own),
        on(manager, "/note/pressure", 60.0, 1.0, own),
        on(manager, "/note/pressure", 60.0, 1.0, own),
        on(manager, "/note/timbre", 60.0, 1.0, own),
        on(manager, "/note/bend", 60.0, 48.0, own),
    ]
    assert player.say(f"8{note}3c00") == [on(manager, "/note/off", 60.0, own)]


@pytest.mark.parametrize(
    ("zone", "manager"), [(LOWER_OF_7, 1), (UPPER_OF_7, 16)], ids=["lower", "upper"]
)
def test_pedals_levels_and_programs_of_a_zone_are_its_manager_s(zone: str, manager: int) -> None:
    """ "Program change, bank select, sustain … are sent on the manager channel"; on a member they
    are counted as ignored."""
    nibble, member = f"{manager - 1:x}", "1" if manager == 1 else "e"
    player = Player(zone)
    said = "b{0}407f b{0}427f b{0}437f b{0}077f b{0}0b7f c{0}05"
    before = player.decoder.counters["ignored"]
    assert player.say(said.format(member)) == []
    assert player.decoder.counters["ignored"] == before + 6
    assert player.say(said.format(nibble)) == [
        on(manager, "/sustain", 1.0),
        on(manager, "/sostenuto", 1.0),
        on(manager, "/soft", 1.0),
        on(manager, "/volume", 1.0),
        on(manager, "/expression", 1.0),
        on(manager, "/program", 5.0),
    ]


@pytest.mark.parametrize("number", [120, 123, 127])
def test_a_member_ends_its_own_notes_alone(number: int) -> None:
    player = Player(LOWER_OF_7, "913c64 914064 923c64")
    assert player.say(f"b1{number:02x}00") == [
        on(1, "/note/off", 60.0, 2.0),
        on(1, "/note/off", 64.0, 2.0),
    ]
    assert player.say(f"b1{number:02x}00") == []
    assert player.say("e27f7f") == [on(1, "/note/bend", 60.0, 48.0, 3.0)]


def test_a_member_ends_a_key_as_often_as_it_began() -> None:
    """Two note-ons of a key on a channel need two note-offs: so many are said."""
    player = Player(LOWER_OF_7, "913c64 913c50")
    assert player.say("b17b00") == [on(1, "/note/off", 60.0, 2.0)] * 2
    player.say("913c64 913c50 813c00")
    assert player.say("e17f7f") == [on(1, "/note/bend", 60.0, 48.0, 2.0)]


@pytest.mark.parametrize(
    ("number", "address"), [(120, "/panic"), (123, "/all_notes_off"), (127, "/all_notes_off")]
)
def test_a_manager_ends_the_notes_of_its_zone(number: int, address: str) -> None:
    """And no others: those of the other zone can be bent still."""
    player = Player(LOWER_OF_7, UPPER_OF_7, "913c64 923c64 9e4064")
    assert player.say(f"b0{number:02x}00") == [on(1, address)]
    assert player.say("e07f7f e17f7f e27f7f") == []
    assert player.say("ee7f7f") == [on(16, "/note/bend", 64.0, 48.0, 15.0)]


def test_reset_all_controllers_of_one_member() -> None:
    """Its own bend, pressure and timbre; the pedals are the manager's, and so is its wheel."""
    player = Player(LOWER_OF_7, "e07f7f 913c64 924064 e17f7f d17f b14a7f e27f7f")
    assert player.say("b17900") == [
        on(1, "/note/bend", 60.0, 2.0, 2.0),
        on(1, "/note/pressure", 60.0, 0.0, 2.0),
        on(1, "/note/timbre", 60.0, 0.5, 2.0),
    ]


def test_reset_all_controllers_of_a_manager() -> None:
    """Its wheel and pedals; what members have said of their notes stays."""
    player = Player(LOWER_OF_7, "e07f7f 913c64 e17f7f")
    said = player.say("b07900")
    assert on(1, "/note/bend", 60.0, 48.0, 2.0) in said
    assert {target for target, _ in said} >= {target for target, _ in at_rest(1)[1:]}
    assert all(target.startswith("/channel/1/") for target, _ in said)


def test_a_port_that_goes_away_ends_the_notes_of_its_zones() -> None:
    """Heard as the managers, which are let go of though nothing came on them; other channels are
    not, if nothing came there."""
    player = Player("913c64 bd407f", members=7)
    said = [(event.target, event.value) for event in player.decoder.release()]
    for channel in (1, 14):
        mine = [(t, v) for t, v in said if t.startswith(f"/channel/{channel}/")]
        assert set(at_rest(channel)) <= set(mine)
        assert mine[-1] == on(channel, "/all_notes_off")
    assert {target.split("/")[2] for target, _ in said} == {"1", "14"}
    assert player.say("e17f7f") == []


def test_a_new_configuration_ends_notes_and_forgets_bends() -> None:
    """ "A receiver ends all notes of the channels concerned", and starts with default values."""
    player = Player(LOWER_OF_15, "b26500 b26400 b2060c 913c64 e17f7f")
    assert player.say(LOWER_OF_15)[0] == on(1, "/all_notes_off")
    assert player.say("e17f7f") == []
    assert player.say("913c64") == [
        on(1, "/note/on", 60.0, 100.0, 2.0),
        on(1, "/note/bend", 60.0, 48.0, 2.0),
    ]


def test_a_new_configuration_leaves_channels_outside_of_it() -> None:
    player = Player("953c64 e57f7f b5407f")
    assert {int(target.split("/")[2]) for target, _ in player.say("b06500 b06406 b00603")} == {
        1, 2, 3, 4,
    }  # fmt: skip
    assert player.say("b56500 b56400 b5060c") == [on(6, "/pitch_bend", 12.0)]


@pytest.mark.parametrize(
    ("first", "note", "then", "manager"),
    [
        pytest.param(UPPER_OF_7, "9e3c64", "b06500 b06406 b0060e", 16, id="the other zone goes"),
        pytest.param(LOWER_OF_7, "953c64", "bf6500 bf6406 bf060a", 1, id="the other one shrinks"),
        pytest.param(LOWER_OF_7, "953c64", "b06500 b06406 b00603", 1, id="a zone shrinks"),
        pytest.param(LOWER_OF_7, "953c64", "b06500 b06406 b00600", 1, id="a zone goes"),
    ],
)
def test_a_note_whose_channel_leaves_its_zone_ends(
    first: str, note: str, then: str, manager: int
) -> None:
    """It was heard as that manager; its own end is said of another channel from now on."""
    player = Player(first, note)
    said = player.say(then)
    ends = (on(manager, "/all_notes_off"), on(manager, "/note/off", 60.0, int(note[1], 16) + 1.0))
    assert set(said) & set(ends)


def test_a_channel_that_leaves_a_zone_bends_as_others_do() -> None:
    player = Player(LOWER_OF_7, "b06500 b06406 b00600")
    assert player.say("e17f7f") == [on(2, "/pitch_bend", 2.0)]


def test_a_zone_can_be_there_from_the_start() -> None:
    """A controller that was switched on earlier has sent its configuration already."""
    player = Player("913c64", members=15)
    assert player.say("e17f7f") == [on(1, "/note/bend", 60.0, 48.0, 2.0)]


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
    assert [e for e in recall.events() if "/note/" in e.target] == []
    for channel in range(16):
        for event in decoder.decode(bytes((0x90 | channel, 60, 100))):
            recall.observe(event)
    assert sum(e.target.endswith("/note/on") for e in recall.events()) == 16
    for event in decoder.release():
        recall.observe(event)
    assert [e for e in recall.events() if "/note/" in e.target] == []
