"""MIDI clock: tempo out of jittering ticks, start, stop, continue and song position."""

from __future__ import annotations

import random

import pytest

from realtime.midi.decoder import MidiDecoder
from realtime.namespace.event import Event
from tests.realtime.midi_maps import Map

TICK, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"


class Sequencer:
    """Sends ticks at a tempo, late by up to `jitter` s, to a decoder."""

    def __init__(self, tempo: float, jitter: float = 0.0, seed: int = 5) -> None:
        self.decoder = MidiDecoder(Map())
        self.tempo, self.jitter, self.now = tempo, jitter, 100.0
        self.random = random.Random(seed)

    def run(self, ticks: int) -> list[Event]:
        """What comes of so many ticks."""
        events: list[Event] = []
        for _ in range(ticks):
            late = self.random.uniform(0, self.jitter)
            events += self.decoder.decode(TICK, self.now + late)
            self.now += 60 / self.tempo / 24
        return events

    def say(self, message: bytes) -> list[Event]:
        """What comes of another message now."""
        return list(self.decoder.decode(message, self.now))


def tempos(events: list[Event]) -> list[float]:
    return [e.value[0] for e in events if e.target == "/tempo"]


def places(events: list[Event]) -> list[tuple[str, tuple[float, ...]]]:
    return [(e.target, e.value) for e in events if e.target != "/tempo"]


@pytest.mark.parametrize("tempo", [30.0, 120.0, 174.5, 300.0])
def test_tempo_is_told_within_a_beat_and_once(tempo: float) -> None:
    """24 clocks are a quarter note, whether the song runs or not."""
    sequencer = Sequencer(tempo)
    assert tempos(sequencer.run(24)) == [pytest.approx(tempo, rel=1e-6)]
    assert tempos(sequencer.run(240)) == []


def test_jitter_is_filtered() -> None:
    """Ticks up to 3 ms late, on 21 ms: the tempo is within half a per cent after two beats, and
    its mean exact."""
    sequencer = Sequencer(120.0, jitter=0.003)
    sequencer.run(48)
    told = tempos(sequencer.run(24 * 40))
    assert all(tempo == pytest.approx(120.0, rel=5e-3) for tempo in told)
    assert len(told) <= 45


def test_a_jump_of_the_tempo_is_followed_within_a_beat() -> None:
    sequencer = Sequencer(120.0)
    sequencer.run(96)
    sequencer.tempo = 180.0
    assert tempos(sequencer.run(26))[-1] == pytest.approx(180.0, rel=1e-3)


def test_a_ramp_is_followed() -> None:
    sequencer = Sequencer(100.0)
    sequencer.run(96)
    for step in range(96):
        sequencer.tempo = 100.0 + 10 * step / 96
        sequencer.run(1)
    assert tempos(sequencer.run(72))[-1] == pytest.approx(110.0, rel=2e-3)


def test_a_lost_tick_and_a_late_one_change_no_tempo() -> None:
    sequencer = Sequencer(120.0)
    sequencer.run(96)
    sequencer.decoder.decode(TICK, sequencer.now + 0.012)  # and the next one is in time again
    sequencer.now += 60 / 120 / 24
    assert tempos(sequencer.run(96)) == []


def test_a_clock_that_pauses_begins_anew() -> None:
    sequencer = Sequencer(120.0)
    sequencer.run(48)
    sequencer.now += 10.0
    sequencer.tempo = 90.0
    assert tempos(sequencer.run(24)) == [pytest.approx(90.0, rel=1e-6)]


@pytest.mark.parametrize("tempo", [2.0, 900.0])
def test_no_tempo_beyond_the_range_is_told(tempo: float) -> None:
    assert tempos(Sequencer(tempo).run(200)) == []


def test_start_runs_from_the_next_clock() -> None:
    """ "Upon receipt of start, the song is played from its beginning with the next clock"."""
    sequencer = Sequencer(120.0)
    sequencer.run(24)
    assert sequencer.say(START) == []
    events = places(sequencer.run(25))
    assert events == [
        ("/transport/start", ()),
        ("/transport/position", (pytest.approx(1.0, abs=1e-6),)),
    ]
    assert places(sequencer.say(STOP)) == [("/transport/stop", ())]
    assert sequencer.say(STOP) == []


def test_continue_goes_on_with_the_next_clock() -> None:
    """ "Continue: from where it was stopped, at the next clock"."""
    sequencer = Sequencer(120.0)
    sequencer.say(START)
    sequencer.run(36)  # ticks 0 … 35
    sequencer.say(STOP)
    assert places(sequencer.run(10)) == []
    sequencer.say(CONTINUE)
    assert places(sequencer.run(1)) == [
        ("/transport/position", (1.5,)),
        ("/transport/continue", ()),
    ]


def test_song_position_counts_sixteenths() -> None:
    """ "Song position pointer: MIDI beats since the start, each of six clocks; LSB first"."""
    sequencer = Sequencer(120.0)
    assert places(sequencer.say(bytes((0xF2, 0x05, 0x01)))) == [("/transport/position", (33.25,))]
    sequencer.say(CONTINUE)
    assert places(sequencer.run(1))[0] == ("/transport/position", (33.25,))


def test_beats_are_told_without_the_jitter_of_their_ticks() -> None:
    """A late tick says that its beat is over by as much."""
    sequencer = Sequencer(120.0, jitter=0.004, seed=8)
    sequencer.run(96)
    sequencer.say(START)
    begun = sequencer.now
    told = []
    for _ in range(24 * 16):
        late = sequencer.random.uniform(0, sequencer.jitter)
        for event in sequencer.decoder.decode(TICK, sequencer.now + late):
            if event.target == "/transport/position":
                told.append(event.value[0] - (sequencer.now + late - begun) * 2)
        sequencer.now += 60 / 120 / 24
    assert len(told) == 15
    # Half the jitter as a constant, and little of its spread (4 ms are 0.008 beats).
    assert max(told) - min(told) < 0.003


def test_a_lost_port_stops_what_runs() -> None:
    sequencer = Sequencer(120.0)
    sequencer.say(START)
    sequencer.run(1)
    assert ("/transport/stop", ()) in [(e.target, e.value) for e in sequencer.decoder.release()]
