"""Pitch: of tones whose pitch is known, and none where there is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.dsp.frames import by_chunks, frame_centres, windows_at
from synth.dsp.pitch import HIGH_HZ, pitch_at, pitch_track
from training.recipes.soundfont import RATE, Note, Slot, find_fluidsynth, find_soundfont, render

FALLING = tuple(1 / k for k in range(1, 13))
WEAK_FUNDAMENTAL = (0.05, *[1.0] * 11)
SINE = (1.0,)


def tone(
    hz: float, partials: Sequence[float], sample_rate: int, seconds: float = 0.3
) -> np.ndarray:
    """Partials in random phases, all under 45 % of the sample rate, peak 0.3."""
    random = np.random.default_rng(round(hz))
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    kept = [(k, a) for k, a in enumerate(partials, 1) if k * hz < 0.45 * sample_rate]
    wave = sum(a * np.sin(2 * np.pi * (k * hz * time + random.random())) for k, a in kept)
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)


def cents(hz: np.ndarray, expected: np.ndarray | float) -> np.ndarray:
    return 1200 * np.log2(hz / expected)


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("partials", [SINE, FALLING, WEAK_FUNDAMENTAL], ids=["sine", "saw", "weak"])
def test_steady_tones_within_a_cent(partials: Sequence[float], sample_rate: int) -> None:
    highest = 1_950 if partials is not WEAK_FUNDAMENTAL else min(1_400, sample_rate / 9)
    for hz in np.geomspace(51, highest, 12):
        found = pitch_track(tone(hz, partials, sample_rate), sample_rate, sample_rate // 60)
        inner = slice(2, -2)  # the window is filled
        assert found.voiced[inner].all()
        assert np.abs(cents(found.hz[inner], hz)).max() < 1.0
        assert found.confidence[inner].min() > 0.95


@settings(deadline=None, max_examples=20)
@given(hz=st.floats(60, 1_900), gain_db=st.floats(-50, 0), offset=st.floats(-0.3, 0.3))
def test_neither_level_nor_offset_matters(hz: float, gain_db: float, offset: float) -> None:
    audio = tone(hz, FALLING, 16_000) * 10 ** (gain_db / 20) + offset
    found = pitch_at(audio.astype(np.float32), 16_000, np.array([2_400.0]))
    assert abs(cents(found.hz, hz)[0]) < 5.0


@pytest.mark.parametrize("octaves_per_second", [-2.0, 0.5, 2.0])
def test_a_glide_is_followed_without_delay(octaves_per_second: float) -> None:
    sample_rate, hop = 16_000, 160
    time = np.arange(sample_rate) / sample_rate
    phase = 400 * (2 ** (octaves_per_second * time) - 1) / (octaves_per_second * np.log(2))
    audio = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 4))
    found = pitch_track(0.3 * np.asarray(audio, np.float32), sample_rate, hop)
    middles = frame_centres(sample_rate, hop) / sample_rate
    inner = (middles > 0.05) & (middles < 0.95)
    assert found.voiced[inner].all()
    off = cents(found.hz, 400 * 2 ** (octaves_per_second * middles))[inner]
    assert np.abs(off).max() < 5.0  # a delay of 5 ms would be 12 cents at 2 octaves a second


@pytest.mark.parametrize("kind", ["white", "last bit", "silence", "too high", "too low"])
def test_what_has_no_pitch(kind: str) -> None:
    random = np.random.default_rng(0)
    audio = {
        "white": 0.1 * random.standard_normal(32_000),
        "last bit": random.integers(-1, 2, 32_000) / 32_768,
        "silence": np.zeros(32_000),
        "too high": tone(1.15 * HIGH_HZ, SINE, 16_000, 2.0),
        "too low": tone(40.0, SINE, 16_000, 2.0),
    }[kind]
    found = pitch_track(audio.astype(np.float32), 16_000, 256)
    assert len(found.hz) == 125
    assert found.voiced[3:-3].mean() == 0.0
    if kind in ("last bit", "silence"):
        assert found.confidence.max() < 0.05


def test_noise_takes_confidence_before_pitch() -> None:
    noise = np.random.default_rng(1).standard_normal(16_000).astype(np.float32)
    clean = tone(220, FALLING, 16_000, 1.0)
    confidences = []
    for snr_db in (40, 20, 10):
        noisy = clean + noise * np.float32(clean.std() * 10 ** (-snr_db / 20))
        found = pitch_track(noisy, 16_000, 256)
        assert np.abs(cents(found.hz[3:-3], 220)).max() < 30
        confidences.append(float(np.median(found.confidence)))
    assert confidences == sorted(confidences, reverse=True)
    assert confidences[-1] < 0.97


@pytest.mark.peers
def test_octaves_of_rendered_notes() -> None:
    """Piano, flute, guitar, cello, oboe, bassoon, trumpet, saxophone and a voice."""
    programs = (0, 73, 24, 42, 68, 70, 56, 65, 53)
    keys = range(50, 87, 6)
    slots = [
        Slot(f"{program}_{key}", (program,), (Note(0, key, 90, 0, 700),), 750)
        for program in programs
        for key in keys
    ]
    clips = render(slots, find_fluidsynth(), find_soundfont())
    frames = octaves = apart = 0
    for name, audio in clips.items():
        expected = 440 * 2 ** ((int(name.partition("_")[2]) - 69) / 12)
        found = pitch_at(audio, RATE, np.arange(0.1 * RATE, 0.65 * RATE, 240))
        off = np.abs(cents(found.hz[found.voiced], expected))
        frames, octaves = frames + len(off), octaves + int((off > 600).sum())
        apart += int(((off > 50) & (off <= 600)).sum())
    assert frames > 0.95 * len(clips) * 55
    assert octaves < 0.01 * frames
    assert apart < 0.01 * frames


def test_windows_reach_over_the_ends_and_chunks_change_nothing() -> None:
    audio = np.arange(1, 11, dtype=np.float32)
    windows = windows_at(audio, np.array([-9.0, 0.0, 5.0, 10.0, 30.0]), 4)
    expected = [[0, 0, 0, 0], [0, 0, 1, 2], [4, 5, 6, 7], [9, 10, 0, 0], [0, 0, 0, 0]]
    assert windows.tolist() == expected
    assert windows_at(audio, np.zeros(0), 4).shape == (0, 4)
    centres = np.linspace(-5, 15, 50)
    whole = windows_at(audio, centres, 6).sum(1)
    for chunk in (1, 7, 50, 100):
        parts = by_chunks(lambda part: windows_at(audio, part, 6).sum(1), centres, chunk)
        assert np.array_equal(parts, whole)
