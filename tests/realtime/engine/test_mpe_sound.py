"""MPE from a MIDI file, heard: the pitch and the loudness of every note are measured."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from synth.cli import main
from tests.realtime.sine_instrument import LEVEL, RATE, write_sine

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


def partials(audio: np.ndarray, count: int) -> list[tuple[float, float]]:
    """Pitch (MIDI key, with its fraction) and level of the strongest sines, from the lowest."""
    window = np.hanning(len(audio))
    spectrum = np.abs(np.fft.rfft(audio * window)) / window.sum() * 2
    peaks = [
        i for i in range(2, len(spectrum) - 1)
        if spectrum[i - 1] < spectrum[i] >= spectrum[i + 1]
    ]  # fmt: skip
    found = sorted(sorted(peaks, key=lambda i: spectrum[i])[-count:])
    made = []
    for i in found:
        low, here, high = np.log(spectrum[i - 1 : i + 2])
        offset = 0.5 * (low - high) / (low - 2 * here + high)
        level = np.exp(here - 0.25 * (low - high) * offset)
        hertz = (i + offset) * RATE / len(audio)
        made.append((69 + 12 * np.log2(hertz / 440), float(level)))
    return made


def test_every_note_of_an_mpe_file_has_its_own_pitch_and_pressure(tmp_path: Path) -> None:
    """In cents and per cent, from what `synth render` wrote."""
    instrument = write_sine(tmp_path)
    song, out = tmp_path / "song.mid", tmp_path / "out.wav"
    mpe_song(song)
    arguments = ["render", str(instrument), "--midi", str(song), "--out", str(out)]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--rate", str(RATE), "--tail", "0.2"])
    assert not end.value.code
    audio = soundfile.read(out)[0][:, 0]

    def heard(start: float, stop: float, count: int) -> list[tuple[float, float]]:
        return partials(audio[round(start * RATE) : round(stop * RATE)], count)

    first = heard(0.1, 0.48, 3)
    assert [key for key, _ in first] == pytest.approx([55.0, 60.0, 67.0], abs=0.03)
    quiet, middle, pressed = (level for _, level in first)
    assert quiet == pytest.approx(middle, rel=0.05)
    assert pressed == pytest.approx(2 * quiet, rel=0.05)
    assert quiet == pytest.approx(LEVEL, rel=0.05)
    # The manager's wheel reaches 2 semitones and adds to each note's own bend.
    second = heard(0.6, 0.98, 3)
    assert [key for key, _ in second] == pytest.approx([57.0, 69.0, 74.0], abs=0.03)
    # The end of one of the two notes of the key 60 leaves the other one.
    third = heard(1.1, 1.48, 2)
    assert [key for key, _ in third] == pytest.approx([57.0, 69.0], abs=0.03)
    assert np.abs(audio[round(1.6 * RATE) :]).max() < 1e-3
