"""The clock of samples: what late threads, drift, gaps and new engines do to it."""

from __future__ import annotations

import random

import pytest

from realtime.namespace.event import NOW
from realtime.process.clock import STEP_PAIRS, SampleClock

RATE = 48_000


def play(
    clock: SampleClock,
    seconds: float,
    *,
    begin: float = 0.0,
    drift: float = 0.0,
    late: float = 0.002,
    start: float = 100.0,
    gaps: int = 0,
) -> None:
    """Feed twenty pairs a second of a device that runs faster by `drift`, woken up to `late` s too
    late; sample 0 is at `start`."""
    random_ = random.Random(3)
    for beat in range(round(begin * 20), round((begin + seconds) * 20)):
        sample = beat * RATE // 20
        true = start + sample / (RATE * (1 + drift))
        clock.feed(sample, true + random_.random() * late, RATE, gaps)


def error_ms(clock: SampleClock, moment: float, true: float) -> float:
    return 1000 * (clock.sample_at(moment) - true) / RATE


def test_without_an_engine_it_is_now() -> None:
    clock = SampleClock()
    assert clock.sample_at(100.0) == NOW
    assert clock.rate == 0
    clock.feed(0, 100.0, RATE)
    assert (clock.sample_at(100.5), clock.rate) == (24_000, RATE)
    assert clock.sample_at(1.0) == 0  # before the first sample, never a negative one
    clock.reset()
    assert clock.sample_at(100.5) == NOW


@pytest.mark.parametrize("drift", [0.0, 100e-6, -100e-6])
def test_late_threads_do_not_move_it_and_drift_is_followed(drift: float) -> None:
    """Woken up to 2 ms late, after a minute it is right within 0.3 ms whatever the drift."""
    clock = SampleClock()
    play(clock, 60.0, drift=drift)
    moment = 100.0 + 60.0
    assert abs(error_ms(clock, moment, 60.0 * RATE * (1 + drift))) < 0.3


def test_a_burst_of_lateness_moves_it_by_drift_at_most() -> None:
    clock = SampleClock()
    play(clock, 5.0, late=0.0)
    before = clock.sample_at(105.0)
    for beat in range(10):
        sample = round((5.0 + beat / 20) * RATE)
        clock.feed(sample, 105.0 + beat / 20 + 0.015, RATE)
    assert abs(clock.sample_at(105.0) - before) <= 0.0002 * RATE
    assert clock.steps == 0


def test_a_gap_starts_the_map_anew() -> None:
    clock = SampleClock()
    play(clock, 2.0, late=0.0)
    play(clock, 0.05, begin=2.0, start=100.3, late=0.0, gaps=1)
    assert clock.sample_at(102.3) == 2 * RATE
    assert clock.steps == 1


def test_a_lasting_step_is_followed_without_being_told() -> None:
    """As when the computer slept: no gap was counted, yet all is late from then on."""
    clock = SampleClock()
    play(clock, 2.0, late=0.0)
    play(clock, (STEP_PAIRS + 1) / 20, begin=2.0, start=100.5, late=0.0)
    moment = 100.5 + 2.0
    assert abs(error_ms(clock, moment, 2.0 * RATE)) < 1.0
    assert clock.steps == 1


def test_what_was_learnt_too_late_after_a_gap_is_corrected_by_a_step() -> None:
    """The first block after a gap is begun late by a busy machine: the next one corrects it, and
    those who count from a sample that was wrong are told by `steps`."""
    clock = SampleClock()
    play(clock, 2.0, late=0.0)
    clock.feed(2 * RATE, 102.007, RATE, gaps=1)
    before = clock.steps
    clock.feed(2 * RATE + 2_400, 102.05, RATE, gaps=1)
    assert clock.steps == before + 1
    assert abs(error_ms(clock, 103.0, 3.0 * RATE)) < 0.1


def test_another_rate_is_another_engine() -> None:
    clock = SampleClock()
    play(clock, 2.0)
    clock.feed(0, 200.0, 44_100)
    assert clock.sample_at(201.0) == 44_100
