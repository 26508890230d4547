"""The pitch of recordings is measured to a cent."""

from __future__ import annotations

import numpy as np
import pytest

from export.codec.pitch_deviation import measure_cents

RATE = 24_000


def _tone(key: float, harmonics: int = 6, seconds: float = 1.5) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    frequency = 440 * 2 ** ((key - 69) / 12)
    parts = [
        np.sin(2 * np.pi * h * frequency * time + h) / h
        for h in range(1, harmonics + 1)
        if h * frequency < RATE / 2
    ]
    return (0.2 * np.sum(parts, axis=0)).astype(np.float32)[None]


@pytest.mark.parametrize("key", [36, 48, 60, 72, 84, 96])
@pytest.mark.parametrize("cents", [-40.0, -9.0, 0.0, 3.0, 55.0])
def test_a_tone_off_its_key_is_measured(key: int, cents: float) -> None:
    """Sharp and flat tones with harmonics, over five octaves, within 1.5 cents."""
    measured = measure_cents(_tone(key + cents / 100), RATE, key)
    assert measured == pytest.approx(cents, abs=1.5)


def test_decay_and_noise_do_not_matter() -> None:
    """A plucked tone in noise 30 dB down."""
    tone = _tone(60.1) * np.exp(-np.arange(36_000) / 12_000, dtype=np.float32)
    noise = np.random.default_rng(0).normal(0, 0.003, tone.shape).astype(np.float32)
    assert measure_cents(tone + noise, RATE, 60) == pytest.approx(10, abs=2)


def test_what_has_no_pitch_there_gives_none() -> None:
    """Noise, a tone of another key, and a file too short to tell."""
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 36_000)).astype(np.float32)
    assert measure_cents(noise, RATE, 60) is None
    assert measure_cents(_tone(63, harmonics=1), RATE, 60) is None
    assert measure_cents(_tone(60, seconds=0.05), RATE, 60) is None
