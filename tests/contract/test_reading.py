"""One rule of mixing and resampling: the mean of all channels, nothing above Nyquist."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from synth.contract import write_audio
from synth.contract.reading import mixed, read_audio_as, resampled


def tone(frequency_hz: float, rate: int, seconds: float = 0.5) -> NDArray[np.float32]:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)


def test_channels_are_the_mean_of_all() -> None:
    audio = np.stack([tone(200, 16_000), tone(300, 16_000), tone(500, 16_000)])
    np.testing.assert_allclose(mixed(audio, 1), audio.mean(0)[None])
    np.testing.assert_allclose(mixed(audio, 2), np.stack([audio.mean(0)] * 2))
    assert mixed(audio, 3) is audio


@pytest.mark.parametrize("shape", [(1, -1), (-1,)])
def test_a_tone_keeps_its_pitch_and_its_place(shape: tuple[int, ...]) -> None:
    audio = tone(1_000, 44_100).reshape(shape)
    made = resampled(audio, 44_100, 16_000)
    assert made.ndim == audio.ndim
    assert made.dtype == np.float32
    assert made.flags.c_contiguous
    # The tone begins at once, so its ends ring; what lies between is the tone itself.
    np.testing.assert_allclose(made.reshape(-1)[500:-500], tone(1_000, 16_000)[500:-500], atol=2e-5)


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    made = resampled(tone(9_000, 44_100), 44_100, 16_000)
    assert np.abs(made[500:-500]).max() < 1e-5


def test_the_same_rate_is_untouched() -> None:
    audio = tone(1_000, 44_100)
    assert resampled(audio, 44_100, 44_100) is audio


def test_a_file_is_read_mixed_and_resampled(tmp_path: Path) -> None:
    stereo = np.stack([tone(1_000, 48_000), np.zeros(24_000, np.float32)])
    write_audio(tmp_path / "a.wav", stereo, 48_000)
    made = read_audio_as(tmp_path / "a.wav", 24_000)
    assert made.shape == (1, 12_000)
    np.testing.assert_allclose(made[0, 500:-500], tone(1_000, 24_000)[500:-500] / 2, atol=2e-5)
    assert read_audio_as(tmp_path / "a.wav", 24_000, 2).shape == (2, 12_000)
