"""What leaves the guard is finite, bounded and free of clicks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from realtime.engine.signal.guard import CEILING, Guard
from realtime.engine.strip import DcBlock

RATE = 48_000


@given(
    hnp.arrays(
        np.float32, (2, 64), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
    )
)
def test_whatever_comes_in_is_bounded(block: np.ndarray) -> None:
    """No input makes a sample above -1 dBFS or one that is not finite."""
    guard = Guard(RATE)
    with np.errstate(all="ignore"):
        for _ in range(3):
            out = guard.process(block)
            assert np.isfinite(out).all()
            assert np.abs(out).max() <= CEILING + 1e-6


def test_quiet_signals_pass_unchanged() -> None:
    """Under the knee, at a gain of 1, after the fade in, the guard is a wire."""
    guard = Guard(RATE)
    guard.process(np.zeros((2, 1000), np.float32))
    block = np.random.default_rng(0).uniform(-0.6, 0.6, (2, 256)).astype(np.float32)
    assert np.array_equal(guard.process(block), block)


def test_it_fades_in_at_the_start_and_out_on_demand() -> None:
    """The first sample is 0; a step is never larger than the ramp's."""
    guard = Guard(RATE)
    ones = np.full((1, 2400), 0.5, np.float32)
    start = guard.process(ones)[0]
    guard.fade_out()
    end = guard.process(ones)[0]
    assert start[0] == 0
    assert start[-1] == 0.5
    assert end[-1] == 0
    joined = np.concatenate([start, end])
    assert np.abs(np.diff(joined)).max() < 0.5 / guard.fade_samples * 1.01


def test_nan_mutes_the_block_and_sound_fades_back() -> None:
    """One bad block is silent and counted; 10 ms later all is as before."""
    guard = Guard(RATE)
    good = np.full((1, 480), 0.5, np.float32)
    bad = good.copy()
    bad[0, 7] = np.nan
    guard.process(good)
    guard.process(good)
    assert not guard.process(bad).any()
    assert guard.muted == 1
    back = guard.process(good)[0]
    assert back[0] == 0
    assert guard.process(good)[0, -1] == 0.5


def test_two_seconds_of_full_scale_are_ducked() -> None:
    """Above -3 dBFS RMS for two seconds, the level drops by 20 dB."""
    guard = Guard(RATE)
    loud = np.full((1, 4800), 5.0, np.float32)
    levels = [float(np.abs(guard.process(loud)).max()) for _ in range(60)]
    assert levels[5] > 0.8
    assert guard.ducked == 1
    # 20 dB under what came in, which the ceiling holds as before.
    assert levels[-1] <= 0.5 + 1e-6


def test_dc_block_removes_dc_and_leaves_tones() -> None:
    """Gain 0 at 0 Hz; at 100 Hz less than 0.02 dB is lost."""
    block = DcBlock(1, 128, RATE)
    time = np.arange(RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 100 * time)
    signal = (tone + 0.5).astype(np.float32)
    out = np.concatenate([block.process(signal[None, i : i + 128]) for i in range(0, RATE, 128)], 1)
    settled = out[0, RATE // 2 :]
    assert abs(settled.mean()) < 1e-4
    assert np.sqrt(2) * settled.std() > 0.3 * 10 ** (-0.02 / 20)
