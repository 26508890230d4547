"""`Transport`, the tempo and position of the music, and `BeatSync`, controls that follow its beat.

Beats are quarter notes, as in MIDI.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from realtime.engine.plugin import Array
from realtime.namespace.beats import DEFAULT_TEMPO, MAX_BEATS, MAX_TEMPO, MIN_TEMPO
from synth.contract import Control
from synth.contract.roles import TRANSPORT, mover


class Transport:
    """A song position that is exact between the events that move it.

    Args:
        sample_rate: Hz.

    Attributes:
        tempo: beats a minute, 20 … 500.
        playing: whether the beat runs.
    """

    def __init__(self, sample_rate: int) -> None:
        self.tempo, self.playing = DEFAULT_TEMPO, False
        self._rate = sample_rate
        self._beat, self._since = 0.0, 0.0

    def beat_at(self, sample: float) -> float:
        """Beats since the start of the song, at a sample of the engine's clock."""
        if not self.playing:
            return self._beat
        return self._beat + (sample - self._since) * self.tempo / (60 * self._rate)

    def set_tempo(self, sample: int, tempo: float) -> None:
        """Set the tempo.

        Args:
            sample: of the engine's clock, from which on it holds.
            tempo: beats a minute, 20 … 500.
        """
        self._settle(sample)
        self.tempo = min(max(tempo, MIN_TEMPO), MAX_TEMPO)

    def locate(self, sample: int, beat: float) -> None:
        """Go to a beat.

        Args:
            sample: of the engine's clock, at which the song is there.
            beat: quarters since the start of the song, 0 … 1 000 000.
        """
        self._beat, self._since = min(max(beat, 0.0), MAX_BEATS), sample

    def run(self, sample: int, playing: bool) -> None:
        """Start or stop the beat.

        Args:
            sample: of the engine's clock, from which on it runs or stands.
            playing: whether it runs.
        """
        self._settle(sample)
        self.playing = playing

    def _settle(self, sample: int) -> None:
        self._beat, self._since = self.beat_at(sample), sample


class BeatSync:
    """Controls that sweep from one value to another, again and again, in time with the beat.

    Args:
        controls: the plugin's controls.
    """

    def __init__(self, controls: Sequence[Control]) -> None:
        self._controls = {c.name: c for c in controls}
        self._runs: dict[tuple[str, int], tuple[float, float, float]] = {}
        self._told = [c for c in controls if mover(c.role) == TRANSPORT]

    @property
    def used(self) -> bool:
        """Whether `apply` has anything to do."""
        return bool(self._runs or self._told)

    def follow(self, name: str, element: int, beats: float, low: float, high: float) -> None:
        """Let an element of a control sweep from one value to another, again and again.

        Args:
            name: of the control.
            element: its index, from 0.
            beats: duration of a sweep; 0 ends the sweeps.
            low, high: its first and last value, in the control's unit.
        """
        self._runs.pop((name, element), None)
        if beats > 0:
            self._runs[name, element] = (beats, low, high)

    def apply(self, transport: Transport, sample: float, values: Mapping[str, Array]) -> None:
        """Set the controls that follow the beat, and those of the roles "tempo" and "beat".

        Args:
            transport: the beat.
            sample: of the engine's clock.
            values: `[r, size]` for each control, changed in place.
        """
        beat = transport.beat_at(sample)
        for (name, element), (beats, low, high) in self._runs.items():
            control = self._controls[name]
            value = low + (high - low) * (beat / beats % 1.0)
            whole = control.curve in ("integer", "toggle")
            values[name][:, element] = round(value) if whole else value
        for control in self._told:
            value = transport.tempo if control.role == "tempo" else beat
            values[control.name][:] = min(max(value, control.minimum[0]), control.maximum[0])
