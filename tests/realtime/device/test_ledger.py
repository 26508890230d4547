"""Lost frames told by clock and counters: drift is no loss, every lost cycle is one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.device.ledger import Ledger

RATE, PERIOD = 48_000, 128


def play(ledger: Ledger, seconds: float, drift: float, losses: dict[int, int], seed: int) -> None:
    """A device that runs `drift` too fast, skips `losses[cycle]` frames, and is looked at after
    every cycle with a jitter of up to a quarter of it."""
    jitter = np.random.default_rng(seed)
    skipped = 0
    ledger.start(0.0)
    for cycle in range(1, int(seconds * RATE / PERIOD)):
        skipped += losses.get(cycle, 0)
        now = (cycle * PERIOD + skipped) / (RATE * (1 + drift))
        late = float(jitter.uniform(0, PERIOD / 4)) / RATE
        ledger.observe(now + late, cycle * PERIOD, cycle * PERIOD)


@pytest.mark.parametrize("drift_ppm", [-100, 0, 100])
def test_drift_of_the_clocks_is_no_loss(drift_ppm: int) -> None:
    """Two minutes at 100 ppm are 576 frames of drift and none lost."""
    ledger = Ledger(RATE, PERIOD)
    play(ledger, 120, drift_ppm * 1e-6, {}, 0)
    assert ledger.lost == 0


@settings(max_examples=25, deadline=None)
@given(
    losses=st.dictionaries(st.integers(800, 4000), st.integers(PERIOD, 20_000), max_size=4),
    drift_ppm=st.integers(-100, 100),
    seed=st.integers(0, 1000),
)
def test_every_lost_cycle_is_counted(losses: dict[int, int], drift_ppm: int, seed: int) -> None:
    """Cycles that never came are found to within half a period each."""
    ledger = Ledger(RATE, PERIOD)
    play(ledger, 14, drift_ppm * 1e-6, losses, seed)
    assert abs(ledger.lost_device - sum(losses.values())) <= PERIOD * max(1, len(losses)) / 2
    assert ledger.lost_ring == 0


def test_frames_asked_for_and_not_given_are_exact() -> None:
    """What the device asked for and didn't get is lost, each gap counted with its length."""
    ledger = Ledger(RATE, PERIOD)
    ledger.start(0.0)
    ledger.observe(0.1, 4800, 4800)
    ledger.observe(0.2, 9600, 9000)
    ledger.observe(0.3, 14400, 13700)
    assert (ledger.lost_ring, ledger.longest_gap) == (700, 600)


def test_a_device_that_catches_up_has_lost_nothing() -> None:
    """Cycles that come late, in a burst, look like a loss for a while; then it is taken back."""
    ledger = Ledger(RATE, PERIOD)
    ledger.start(0.0)
    asked = 0
    for step in range(600):
        if not 200 <= step < 460:  # 0.7 s without cycles …
            asked = step * PERIOD  # … and then all of them at once
        ledger.observe(step * PERIOD / RATE, asked, asked)
    assert ledger.lost <= PERIOD
