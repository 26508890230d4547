"""Levels along a note that is kept."""

from __future__ import annotations

import numpy as np
import pytest

from training.timbre.anchors import LOWEST_DB, anchor_times, levels_at

RATE = 22_050


@pytest.mark.parametrize("key", [24, 48, 69.5, 100])
def test_the_level_of_a_steady_note_is_the_same_at_every_moment(key: float) -> None:
    """However long a period is."""
    time = np.arange(RATE) / RATE
    pitch = 440 * 2 ** ((key - 69) / 12)
    wave = sum(np.sin(2 * np.pi * n * pitch * time + n) / n for n in (1, 2, 3))
    audio = (0.1 * wave).astype(np.float32)
    wanted = 20 * np.log10(0.1 * np.sqrt((1 + 1 / 4 + 1 / 9) / 2))
    levels = levels_at(audio, RATE, np.linspace(4000, 18_000, 200), key)
    assert np.abs(levels - wanted).max() < 0.1


def test_levels_follow_an_attack_and_end_in_silence() -> None:
    audio = np.zeros(RATE, np.float32)
    audio[8000:12_000] = 0.5 * np.sin(np.arange(4000) * 0.3)
    before, middle, after = levels_at(audio, RATE, np.array([7000.0, 10_000.0, 21_900.0]), 70)
    assert before == after == LOWEST_DB
    assert middle == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.3)


def test_times_are_dense_where_a_note_begins() -> None:
    times = anchor_times(96)
    assert times[0] == 0
    assert np.all(np.diff(times) > 0)
    assert np.sum(times < 0.2) > 35
    assert 2 < times[-1] < 4
