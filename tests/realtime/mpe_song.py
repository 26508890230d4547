"""A MIDI file in which every note has a bend and a pressure of its own."""

from __future__ import annotations

from pathlib import Path

import mido

TICKS = 480  # a quarter of 0.5 s


def mpe_song(path: Path) -> None:
    """Two notes of the key 60 on channels 2 and 3, each with a bend of its own; a third on key 67
    that is pressed; then the first slides up an octave and the manager bends all."""
    file = mido.MidiFile(ticks_per_beat=TICKS)
    track = mido.MidiTrack()
    file.tracks.append(track)

    def say(kind: str, channel: int, after: int = 0, **values: int) -> None:
        track.append(mido.Message(kind, channel=channel - 1, time=after, **values))

    for number, value in ((101, 0), (100, 6), (6, 15)):
        say("control_change", 1, control=number, value=value)
    for channel, semitones in ((2, 0), (3, -5), (4, 0)):
        say("pitchwheel", channel, pitch=wheel(semitones))
        say("aftertouch", channel, value=127 if channel == 4 else 0)
        say("note_on", channel, note=67 if channel == 4 else 60, velocity=100)
    say("pitchwheel", 2, TICKS, pitch=wheel(12))
    say("pitchwheel", 1, 0, pitch=8191)
    say("note_off", 2, TICKS, note=60)
    say("note_off", 3, TICKS, note=60)
    say("note_off", 4, 0, note=67)
    file.save(path)


def wheel(semitones: float) -> int:
    """Where a wheel that reaches 48 semitones stands."""
    return round(8192 * semitones / 48)
