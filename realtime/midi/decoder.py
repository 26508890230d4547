"""`MidiDecoder`: turns MIDI messages into events. No I/O.

It knows MIDI 1.0 with registered and non-registered parameters, 14-bit controllers, clock and song
position, and MIDI Polyphonic Expression 1.0.

    raw bytes ── MidiParser.feed ──> whole messages ── MidiDecoder.decode ──> events
                     drivers and files that deliver whole messages begin ──^
"""

from __future__ import annotations

from realtime.midi.channel import (
    BEND_RANGE,
    COARSE_TUNING,
    FINE_TUNING,
    LOWER,
    MEMBER_BEND_RANGE,
    MPE_CONFIGURATION,
    UPPER,
    Channel,
    Parameter,
    Zones,
)
from realtime.midi.clock import MidiClock
from realtime.namespace.event import NOW, Event
from realtime.namespace.global_addresses import MAX_BEND_SEMITONES, channel_address
from realtime.namespace.sources import Mover, Source
from realtime.protocol.midi_parser import is_whole

_TIMBRE, _ALL_SOUND_OFF, _RESET_CONTROLLERS, _ALL_NOTES_OFF = 74, 120, 121, 123
_PEDALS = {64: "/sustain", 66: "/sostenuto", 67: "/soft"}
_LEVELS = {7: "/volume", 11: "/expression"}
_BANK = (0, 32)
_STATE = (*_BANK, 6, 38, *range(96, 102))  # change what later messages mean
_CLOCK = (0xF2, 0xF8, 0xFA, 0xFB, 0xFC, 0xFE)
_EXPRESSION = {"/note/bend": 0.0, "/note/pressure": 0.0, "/note/timbre": 0.5}
# The values of a channel that are 0 when nobody touches anything.
_REST = ("/pitch_bend", "/sustain", "/sostenuto", "/soft", "/pressure")


class MidiDecoder:
    """Turns whole messages into events.

    A message acts on its own channel alone: notes, pedals, wheel, pressure, program and mode. The
    events of an MPE zone are those of its manager channel. In a zone every note has a member
    channel, whose number is the note's id: wheel, pressure and controller 74 of that channel move
    that note alone. Those of the manager move all notes of the zone, and only the manager has
    pedals and programs. The registered parameter 6 makes a zone.

    Args:
        mapping: the map of controllers, the range of the pitch wheel, the channel listened to.
        members: of a lower zone that exists from the start, 0 … 15.

    Attributes:
        counters: `messages` in all, `ignored` (of another channel, or without effect here) and
            `malformed` ones (not a whole message).
    """

    def __init__(self, mapping: Mover, members: int = 0) -> None:
        self.mapping = mapping
        self.counters: dict[str, int] = {"messages": 0, "ignored": 0, "malformed": 0}
        self.zones = Zones(members)
        self.clock = MidiClock()
        self._channels = {number: Channel(number) for number in range(1, 17)}
        self._used: set[int] = set()  # channels that anything came on
        self._spread_members(LOWER)

    def decode(self, message: bytes, at: float = 0.0) -> tuple[Event, ...]:
        """The events of one message, with the time `NOW`; often one.

        Never raises: bytes that aren't a message are counted.

        Args:
            message: a whole one, status byte first.
            at: its time, s of any steady clock; tempo and beat follow from it.
        """
        self.counters["messages"] += 1
        if not is_whole(message):
            self.counters["malformed"] += 1
            return ()
        if message[0] >= 0xF0:
            known = message[0] in _CLOCK
            events = self._system(message, at)
        else:
            known = message[0] >> 4 == 0xB and message[1] in _STATE
            events = self._channel(message)
        if not (events or known):
            self.counters["ignored"] += 1
        return events

    def release(self) -> tuple[Event, ...]:
        """Release everything that channels hold, as when their port is gone: wheels, pedals,
        pressure, all notes and a running clock."""
        events: list[Event] = []
        for number in sorted(self._used):
            channel = self._channels[number]
            channel.rest()
            channel.keys.clear()
            channel.controllers[:] = bytes(128)
            if self.zones.manager_of(number) in (None, number):
                events += [*_at_rest(number), _about(number, "/all_notes_off")]
        self._used.clear()
        return (*events, *self.clock.stop())

    def _channel(self, message: bytes) -> tuple[Event, ...]:
        channel = self._channels[(message[0] & 0x0F) + 1]
        if self.mapping.channel not in (None, channel.number):
            return ()
        self._used |= {channel.number, self.zones.manager_of(channel.number) or channel.number}
        kind, first, last = message[0] >> 4, message[1], message[-1]
        if kind == 0x9 and last > 0:
            return self._note_on(channel, first, last)
        if kind in (0x8, 0x9):
            return self._note_off(channel, first)
        if kind == 0xB:
            return self._controller(channel, first, last)
        if kind == 0xC:
            return self._program(channel, first)
        if kind == 0xE:
            channel.wheel = _both_ways((first | last << 7) - 8192, 8192)
            return self._bent(channel)
        return self._pressed(channel, None if kind == 0xD else first, last / 127)

    def _program(self, channel: Channel, number: int) -> tuple[Event, ...]:
        if self._is_member(channel):
            return ()
        bank = channel.controllers[0] << 7 | channel.controllers[32]
        return (_about(channel.number, "/program", float(bank << 7 | number)),)

    def _note_on(self, channel: Channel, key: int, velocity: int) -> tuple[Event, ...]:
        note = (float(key), float(velocity))
        if self.zones.manager_of(channel.number) is None:
            moved = self._moved("note", key, channel, velocity / 127)
            return moved or (_about(channel.number, "/note/on", *note),)
        channel.keys[key] = channel.keys.get(key, 0) + 1
        ident = float(channel.number)
        said = [
            self._about_note(address, channel, float(key), value, ident)
            for address, rest in _EXPRESSION.items()
            if (value := self._total(address, channel)) != rest
        ]
        return (self._about_note("/note/on", channel, *note, ident), *said)

    def _note_off(self, channel: Channel, key: int) -> tuple[Event, ...]:
        if self.zones.manager_of(channel.number) is None:
            moved = self._moved("note", key, channel, 0.0)
            return moved or (_about(channel.number, "/note/off", float(key)),)
        if channel.keys.get(key, 0) > 1:
            channel.keys[key] -= 1
        else:
            channel.keys.pop(key, None)
        return (self._about_note("/note/off", channel, float(key), float(channel.number)),)

    def _pressed(self, channel: Channel, key: int | None, position: float) -> tuple[Event, ...]:
        """Events for pressure (0 … 1) on a key or, without one, on the channel."""
        if self.zones.manager_of(channel.number) is not None:
            if key is not None:
                note = (float(key), position, float(channel.number))
                return (self._about_note("/note/pressure", channel, *note),)
            channel.pressure = position
            return self._express("/note/pressure", channel)
        if key is not None:
            moved = self._moved("key_pressure", key, channel, position)
            return moved or (_about(channel.number, "/note/pressure", float(key), position),)
        moved = self._moved("pressure", 0, channel, position)
        return moved or (_about(channel.number, "/pressure", position),)

    def _controller(self, channel: Channel, number: int, value: int) -> tuple[Event, ...]:
        pair = channel.control(number, value)
        if number == _TIMBRE and self.zones.manager_of(channel.number) is not None:
            channel.timbre = 0.5 + 0.5 * _both_ways(value - 64, 64)
            return self._express("/note/timbre", channel)
        moved = self._moved("cc14", number % 32, channel, pair / 16383) if number < 64 else ()
        moved = moved or self._moved("cc", number, channel, value / 127)
        if moved:
            return moved
        if number in _PEDALS:
            if self._is_member(channel):
                return ()
            return (_about(channel.number, _PEDALS[number], 1.0 if value >= 64 else 0.0),)
        if number in _LEVELS:
            if self._is_member(channel):
                return ()
            return (_about(channel.number, _LEVELS[number], value / 127),)
        if number in _STATE:
            parameter = channel.parameter(number, value) if number not in _BANK else None
            return () if parameter is None else self._parameter(channel, parameter)
        if number == _RESET_CONTROLLERS:
            return self._reset(channel)
        if number == _ALL_SOUND_OFF:
            return self._end(channel, "/panic")
        # The mode messages above "all notes off" end all notes, too.
        return self._end(channel, "/all_notes_off") if number >= _ALL_NOTES_OFF else ()

    def _reset(self, channel: Channel) -> tuple[Event, ...]:
        channel.rest()
        if self.zones.manager_of(channel.number) is None:
            return self._bent(channel) + _at_rest(channel.number)[1:]
        said = [event for address in _EXPRESSION for event in self._express(address, channel)]
        return tuple(said) if self._is_member(channel) else (*said, *_at_rest(channel.number)[1:])

    def _end(self, channel: Channel, address: str) -> tuple[Event, ...]:
        """End the notes of a channel; those of a zone's member one by one."""
        if self._is_member(channel):
            ident = float(channel.number)
            ends = [float(key) for key, times in channel.keys.items() for _ in range(times)]
            channel.keys.clear()
            return tuple(self._about_note("/note/off", channel, key, ident) for key in ends)
        manages = self.zones.manager_of(channel.number) == channel.number
        for number in self.zones.channels(channel.number) if manages else (channel.number,):
            self._channels[number].keys.clear()
        return (_about(channel.number, address),)

    def _is_member(self, channel: Channel) -> bool:
        return self.zones.manager_of(channel.number) not in (None, channel.number)

    def _about_note(self, address: str, channel: Channel, *value: float) -> Event:
        """An event about a note of a zone: on the channel of its manager."""
        return _about(self.zones.manager_of(channel.number) or channel.number, address, *value)

    def _moved(
        self, kind: str, number: int, channel: Channel, position: float
    ) -> tuple[Event, ...]:
        return self.mapping.moved(Source(kind, number, channel.number), position)

    def _parameter(self, channel: Channel, parameter: Parameter) -> tuple[Event, ...]:
        kind, number, value = parameter
        if kind == "rpn" and number == BEND_RANGE:
            channel.bend_range = min((value >> 7) + (value & 0x7F) / 100, MAX_BEND_SEMITONES)
            manager = self.zones.manager_of(channel.number)
            if manager not in (None, channel.number):
                self._spread_members(manager or LOWER, channel.bend_range)
            return self._bent(channel) if channel.wheel else ()
        if kind == "rpn" and number in (FINE_TUNING, COARSE_TUNING):
            if number == FINE_TUNING:
                channel.fine = (value - 8192) / 8192
            else:
                channel.coarse = float((value >> 7) - 64)
            return self._bent(channel)
        if kind == "rpn" and number == MPE_CONFIGURATION and channel.number in (LOWER, UPPER):
            return self._configure(channel.number, value >> 7)
        return self._moved(kind, number, channel, value / 16383)

    def _configure(self, manager: int, members: int) -> tuple[Event, ...]:
        """Set the size of a zone; end all notes on its channels, and reset these."""
        before = {number: self.zones.manager_of(number) for number in self._channels}
        self.zones.configure(manager, members)
        # The other zone may have shrunk: a zone that lost or gained channels begins anew, too.
        moved = {n for n, owner in before.items() if owner != self.zones.manager_of(n)}
        owners = {owner for n in moved if (owner := before[n]) is not None}
        numbers = sorted({*moved, *owners, *self.zones.channels(manager), manager})
        for number in numbers:
            self._channels[number].rest()
            self._channels[number].keys.clear()
            if self.zones.manager_of(number) is None:
                self._channels[number].bend_range = None
        self._channels[manager].bend_range = None
        self._spread_members(manager)
        ends = [_about(number, "/all_notes_off") for number in numbers]
        return (*ends, *(event for number in numbers for event in _at_rest(number)))

    def _spread_members(self, manager: int, semitones: float = MEMBER_BEND_RANGE) -> None:
        """Set the bend range of all members of a zone."""
        for number in self.zones.channels(manager):
            if number != manager:
                self._channels[number].bend_range = semitones

    def _bent(self, channel: Channel) -> tuple[Event, ...]:
        if self.zones.manager_of(channel.number) is not None:
            return self._express("/note/bend", channel)
        bend = channel.bend(self.mapping.bend_range)
        return (_about(channel.number, "/pitch_bend", _semitones(bend)),)

    def _express(self, address: str, channel: Channel) -> tuple[Event, ...]:
        """The new bend, pressure or timbre of each note that a channel of a zone moves."""
        manages = self.zones.manager_of(channel.number) == channel.number
        numbers = self.zones.channels(channel.number) if manages else (channel.number,)
        return tuple(
            self._about_note(
                address, member, float(key), self._total(address, member), float(number)
            )
            for number in numbers
            for member in (self._channels[number],)
            for key in member.keys
        )

    def _total(self, address: str, channel: Channel) -> float:
        """Bend, pressure or timbre of a note: the sum of its channel's and its manager's."""
        manager = self._channels[self.zones.manager_of(channel.number) or channel.number]
        parts = [channel] if manager is channel else [channel, manager]
        if address == "/note/bend":
            return _semitones(sum(part.bend(self.mapping.bend_range) for part in parts))
        if address == "/note/pressure":
            return min(sum(part.pressure for part in parts), 1.0)
        return min(max(0.5 + sum(part.timbre - 0.5 for part in parts), 0.0), 1.0)

    def _system(self, message: bytes, at: float) -> tuple[Event, ...]:
        if message[0] == 0xFF:
            for channel in self._channels.values():
                channel.keys.clear()
            return (Event(NOW, "/panic"),)
        return self.clock.decode(message, at)


def _both_ways(offset: int, reach: int) -> float:
    """Scale -reach … reach - 1 to -1 … 1, so that both ends and 0 are exact."""
    return offset / (reach - 1 if offset > 0 else reach)


def _semitones(bend: float) -> float:
    return min(max(bend, -MAX_BEND_SEMITONES), MAX_BEND_SEMITONES)


def _about(channel: int, address: str, *value: float) -> Event:
    return Event(NOW, channel_address(channel, address), value)


def _at_rest(channel: int) -> tuple[Event, ...]:
    rests = [_about(channel, address, 0.0) for address in _REST]
    return (*rests, _about(channel, "/expression", 1.0))
