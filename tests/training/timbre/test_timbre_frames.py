"""Notes as frames: where they lie, what they hold, and that the cache notices changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from space_rig import RATE

from synth.models.timbre import TimbreConfig
from training.data.library import Clip, build_library
from training.timbre.frames.analysis import frame_rate, log_magnitudes
from training.timbre.frames.note import find_note
from training.timbre.frames.table import frame_numbers

CONFIG = TimbreConfig(resolution=24, maximum_hz=10_000.0)
KEY_HZ = 440.0


def recorded(folder: Path, audio: np.ndarray, name: str = "note.wav") -> Clip:
    folder.mkdir(exist_ok=True)
    soundfile.write(folder / name, audio, RATE, subtype="FLOAT")
    library = build_library(folder / name, RATE, 1, cache=folder / "cache")
    return library.clips[0]


def sine(seconds: float, before: float = 0.0, after: float = 0.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    tone = 0.25 * np.sin(2 * np.pi * KEY_HZ * time)
    return np.concatenate([np.zeros(round(before * RATE)), tone, np.zeros(round(after * RATE))])


def test_a_note_is_found_between_silences(tmp_path: Path) -> None:
    note = find_note(recorded(tmp_path, sine(0.5, 0.2, 0.4)), RATE)
    assert note.onset / RATE == pytest.approx(0.2, abs=0.006)
    assert note.end / RATE == pytest.approx(0.7, abs=0.006)


def test_silence_is_a_note_as_long_as_its_recording(tmp_path: Path) -> None:
    clip = recorded(tmp_path, sine(0.5, 0.0, 0.5))
    silence = replace(clip, start=round(0.6 * RATE))
    assert tuple(find_note(silence, RATE)) == (0, silence.frames)


@pytest.mark.parametrize("seconds", [0.4, 1.0, 3.3])
@pytest.mark.parametrize("before", [0.0, 0.3])
def test_a_sine_is_a_peak_of_its_amplitude_at_its_pitch(
    tmp_path: Path, seconds: float, before: float
) -> None:
    """Whatever the length of the note, and of the silence before it."""
    clip = recorded(tmp_path, sine(seconds, before))
    (logs,) = log_magnitudes(clip, CONFIG, [seconds / 2])
    frequencies = np.array(CONFIG.bands.frequencies)
    assert abs(np.log2(frequencies[logs.argmax()] / KEY_HZ)) < 1 / 24
    assert np.exp(float(logs.max())) == pytest.approx(0.25, rel=0.15)


def test_the_end_of_a_note_does_not_reach_round_to_its_beginning(tmp_path: Path) -> None:
    """A note with a loud end: bands wide enough to tell are silent at its onset."""
    audio = sine(1.0) * (np.arange(RATE) > 0.8 * RATE)
    audio[:200] += 1e-2 * np.random.default_rng(0).normal(size=200)
    clip = recorded(tmp_path, audio)
    logs = log_magnitudes(clip, CONFIG, [0.0, 0.9])
    band = np.abs(np.array(CONFIG.bands.frequencies) - KEY_HZ).argmin()
    assert logs[0, band] < logs[1, band] - np.log(100)


def test_frames_end_with_the_note(tmp_path: Path) -> None:
    clip = recorded(tmp_path, sine(0.1, 0.0, 0.5))
    rate = frame_rate(CONFIG)
    assert len(frame_numbers(clip, CONFIG, (0, 1_000))) == pytest.approx(
        0.1 * rate, abs=0.01 * rate
    )
    assert list(frame_numbers(clip, CONFIG, (4, 30, 5)))[:3] == [4, 9, 14]
    assert not len(frame_numbers(clip, CONFIG, (500, 600)))


def test_kept_frames_are_found_again_unless_something_has_changed(tmp_path: Path) -> None:
    clip = recorded(tmp_path, sine(0.5))
    first = log_magnitudes(clip, CONFIG, [0.1, 0.2])
    kept = list((tmp_path / "cache" / "frames").glob("*.npy"))
    assert len(kept) == 1
    stamp = kept[0].stat().st_mtime_ns
    np.testing.assert_array_equal(log_magnitudes(clip, CONFIG, [0.1, 0.2]), first)
    assert kept[0].stat().st_mtime_ns == stamp
    log_magnitudes(clip, CONFIG, [0.1, 0.3])
    log_magnitudes(clip, replace(CONFIG, resolution=20), [0.1, 0.2])
    other = recorded(tmp_path, 0.5 * sine(0.5))
    assert not np.array_equal(log_magnitudes(other, CONFIG, [0.1, 0.2]), first)
    assert len(list(kept[0].parent.glob("*.npy"))) == 4
    kept[0].write_bytes(b"damaged")
    np.testing.assert_array_equal(log_magnitudes(clip, CONFIG, [0.1, 0.2]), first)


def test_nothing_lies_under_the_floor_of_the_model(tmp_path: Path) -> None:
    clip = recorded(tmp_path, sine(0.5))
    quiet, loud = (
        log_magnitudes(clip, replace(CONFIG, floor=floor), [0.2]) for floor in (1e-6, 1e-2)
    )
    assert quiet.min() < np.log(1e-4)
    assert loud.min() == pytest.approx(np.log(1e-2), abs=0.01)
