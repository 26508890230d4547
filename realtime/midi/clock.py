"""`MidiClock`: turns MIDI's clock, start, stop and song position into tempo and transport.

There are 24 ticks a quarter note, some 20 ms apart, with a jitter of milliseconds; so the tempo
comes from a filter over the ticks of two quarters.
"""

from __future__ import annotations

from realtime.namespace.beats import MAX_TEMPO, MIN_TEMPO
from realtime.namespace.event import NOW, Event

TICKS_PER_BEAT = 24
MEMORY = 48  # ticks
SETTLED = 12  # ticks after which the tempo is exact enough to report
JUMP = 0.3  # of a period: two ticks in a row that are further off mean another tempo
TELL = 0.005  # relative change of tempo that is reported at once; smaller ones once a beat …
SAME = 2e-4  # … and none below this
GAP_S = 0.5
_TICK, _START, _CONTINUE, _STOP, _SONG_POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2


class TickFilter:
    """Times of ticks, smoothed: a least squares line through the last `MEMORY` of them, in its
    recursive form (the alpha-beta filter whose gains shrink with the number of ticks).

    Attributes:
        time: of the last tick, s.
        period: between two ticks, s.
        count: ticks in the filter, up to `MEMORY`.
    """

    def __init__(self) -> None:
        self.time = self.period = 0.0
        self.count = 0
        self._last, self._odd = 0.0, 0

    @property
    def tempo(self) -> float:
        """Beats a minute; 0 if it isn't known yet, or is outside 20 … 500."""
        if self.count < SETTLED or self.period <= 0:
            return 0.0
        tempo = 60 / (TICKS_PER_BEAT * self.period)
        return tempo if MIN_TEMPO <= tempo <= MAX_TEMPO else 0.0

    def tick(self, at: float) -> None:
        """Take a tick that came at `at` s."""
        last, self._last = self._last, at
        if not self.count or at - last > GAP_S:
            self.time, self.period, self.count, self._odd = at, 0.0, 1, 0
            return
        expected = self.time + self.period
        error = at - expected
        if self.count > 2 and abs(error) > JUMP * self.period:
            self._odd += 1
            if self._odd > 1:
                self.time, self.period, self.count, self._odd = at, at - last, 2, 0
            else:
                self.time = expected
            return
        self._odd = 0
        self.count = n = min(self.count + 1, MEMORY)
        self.time = expected + error * 2 * (2 * n - 1) / (n * (n + 1))
        self.period += error * 6 / (n * (n + 1))


class MidiClock:
    """Turns the system messages of a sequencer into events.

    Attributes:
        playing: whether the song runs, between a start and a stop.
    """

    def __init__(self) -> None:
        self.playing = False
        self._filter = TickFilter()
        self._armed = self._from_start = False
        self._next = 0  # number of the next tick in the song
        self._told = 0.0
        self._since_told = 0

    def decode(self, message: bytes, at: float) -> tuple[Event, ...]:
        """The events of a message.

        Args:
            message: a real-time message or a song position.
            at: its time, s of any steady clock.
        """
        status = message[0]
        if status == _TICK:
            return self._tick(at)
        if status in (_START, _CONTINUE):
            # The song runs from the next tick on.
            self._armed, self._from_start = True, status == _START
            self._next = 0 if status == _START else self._next
        elif status == _STOP:
            return self.stop()
        elif status == _SONG_POSITION:  # in sixteenths, of six ticks each
            self._next = 6 * (message[1] | message[2] << 7)
            return (Event(NOW, "/transport/position", (self._next / TICKS_PER_BEAT,)),)
        return ()

    def stop(self) -> tuple[Event, ...]:
        """Stop the song, if it runs."""
        running, self.playing, self._armed = self.playing, False, False
        return (Event(NOW, "/transport/stop"),) if running else ()

    def _tick(self, at: float) -> tuple[Event, ...]:
        self._filter.tick(at)
        events = self._tempo()
        if not (self.playing or self._armed):
            return tuple(events)
        number, self._next = self._next, self._next + 1
        beat = number / TICKS_PER_BEAT
        if self._armed:
            self._armed, self.playing = False, True
            if self._from_start:
                return (*events, Event(NOW, "/transport/start"))
            there = Event(NOW, "/transport/position", (beat,))
            return (*events, there, Event(NOW, "/transport/continue"))
        if number % TICKS_PER_BEAT == 0 and self._filter.tempo:
            # Where the song is now: the tick itself may be late.
            late = (at - self._filter.time) * self._filter.tempo / 60
            events.append(Event(NOW, "/transport/position", (max(beat + late, 0.0),)))
        return tuple(events)

    def _tempo(self) -> list[Event]:
        self._since_told += 1
        tempo = self._filter.tempo
        least = SAME if self._since_told >= TICKS_PER_BEAT else TELL
        if not tempo or abs(tempo - self._told) < least * tempo:
            return []
        self._told, self._since_told = tempo, 0
        return [Event(NOW, "/tempo", (tempo,))]
