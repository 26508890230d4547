"""The keys that are in tune: found by playing, with the deviation that they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_rig import RATE, STEERED, small_instrument

from export.samplernn.tuning_range import Tuning, find_tuning


class Sines:
    """A session that plays every key as a sine, so many cents off."""

    def __init__(self, cents: dict[int, float]) -> None:
        self.cents = cents

    def run(self, names: list[str], feed: dict[str, Any]) -> list[np.ndarray]:
        """One output, `[keys, 1, samples]`."""
        time = np.arange(RATE) / RATE
        keys = [key + self.cents.get(round(key), 0.0) / 100 for key in feed["key"][:, 0].tolist()]
        hertz = np.array([440 * 2 ** ((key - 69) / 12) for key in keys])
        return [0.3 * np.sin(2 * np.pi * hertz[:, None] * time)[:, None].astype(np.float32)]


def test_a_deviation_is_said_and_ends_the_exact_run(tmp_path: Path) -> None:
    """Keys 60 to 67, one 30 cents off, one a semitone: the run, its worst key, its exact part."""
    instrument = small_instrument(tmp_path, STEERED)
    tuning = find_tuning(instrument, Sines({62: 30.0, 66: 100.0, 61: -8.0}), 60, 67)
    assert tuning.keys == (60, 65)
    assert tuning.cents == pytest.approx(30.0, abs=2.0)
    assert tuning.exact_keys == (63, 65)


def test_an_instrument_that_plays_no_key_says_so(tmp_path: Path) -> None:
    """Every key a tritone off."""
    instrument = small_instrument(tmp_path, STEERED)
    off = {key: 600.0 for key in range(60, 64)}
    assert find_tuning(instrument, Sines(off), 60, 63) == Tuning(None, None, None)
