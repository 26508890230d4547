"""MPE from a MIDI file, heard: the pitch and the loudness of every note are measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from synth.cli import main
from tests.realtime.mpe_song import mpe_song
from tests.realtime.sine_instrument import LEVEL, RATE, write_sine


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
