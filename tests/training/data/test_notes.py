"""What a sound is called and on which key it was played."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synth.dsp import UNKNOWN, steady_key
from training.data.library import Clip
from training.data.notes import label_of, named

RATE = 16_000


@pytest.mark.parametrize(
    ("file", "name", "key"),
    [
        ("vibraphone_60_100.wav", "vibraphone", 60),
        ("nylon_guitar_7_127.wav", "nylon_guitar", 7),
        ("guitar_acoustic_010-068-100.wav", "guitar_acoustic_010", 68),
        ("keyboard_electronic_001-021-025.wav", "keyboard_electronic_001", 21),
    ],
)
def test_names_that_tell(file: str, name: str, key: int) -> None:
    assert named(Path(file)) == (name, key)


@pytest.mark.parametrize(
    "file", ["song.wav", "0a7c2a8d_nohash_0.wav", "take_128_100.wav", "piano_60.wav"]
)
def test_names_that_do_not_tell(file: str) -> None:
    assert named(Path(file)) is None


def test_a_steady_note_is_steady_key() -> None:
    time = np.arange(RATE) / RATE
    for key in (45.0, 60.25, 84.0):
        hz = 440 * 2 ** ((key - 69) / 12)
        note = sum(np.sin(2 * np.pi * hz * k * time) / k for k in (1, 2, 3)) * np.exp(-2 * time)
        assert steady_key(0.3 * note.astype(np.float32), RATE) == pytest.approx(key, abs=0.02)


def test_noise_and_glides_have_no_key() -> None:
    random = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    glide = np.sin(2 * np.pi * (200 * time + 200 * time**2))
    assert steady_key((0.1 * random.standard_normal(RATE)).astype(np.float32), RATE) == UNKNOWN
    assert steady_key(glide.astype(np.float32), RATE) == UNKNOWN
    assert steady_key(np.zeros(RATE, np.float32), RATE) == UNKNOWN


def test_only_where_the_name_is_silent_is_a_sound_listened_to(tmp_path: Path) -> None:
    time = np.arange(RATE) / RATE
    np.save(tmp_path / "a.npy", np.sin(2 * np.pi * 440 * time)[None].astype(np.float32))
    named_clip, unnamed = (
        Clip(Path(name), tmp_path / "a.npy", 0, RATE) for name in ("bell_50_90.wav", "bell.wav")
    )
    assert label_of(named_clip, RATE) == ("bell", 50)
    name, key = label_of(unnamed, RATE)
    assert name == "bell"
    assert key == pytest.approx(69, abs=0.02)


def test_the_sampler_and_the_coordinate_network_read_names_alike() -> None:
    """Three notes of one sound are one timbre, as they are one sound over the sampler's keys."""
    labels = [named(Path(f"cello_{note}.wav")) for note in ("A2", "A3", "A4")]
    assert labels == [("cello", 45), ("cello", 57), ("cello", 69)]
