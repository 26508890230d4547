"""Times of MIDI messages: distances are the driver's, order is never lost."""

from __future__ import annotations

import random

import pytest

from realtime.midi.arrival import ArrivalClock, SampleTimes
from realtime.namespace.event import NOW
from realtime.process.clock import SampleClock


def test_a_late_thread_changes_no_distance() -> None:
    """Delivered up to 20 ms late now and then, stamped by the driver: after some messages the
    stamps are the driver's times on our clock, and never later than the delivery."""
    random_ = random.Random(2)
    clock, came, stamps, true = ArrivalClock(), 1_000.0, [], []
    before = came
    for _ in range(400):
        came += random_.uniform(0.001, 0.05)
        arrival = came + (0.0002 if random_.random() < 0.6 else random_.uniform(0.0002, 0.02))
        stamps.append(clock.stamp(came - before if true else 0.0, arrival))
        assert stamps[-1] <= arrival + 1e-9
        true.append(came)
        before = came
    errors = [stamp - at for stamp, at in zip(stamps, true, strict=True)][100:]
    assert all(-1e-6 <= error < 0.001 for error in errors)


def test_clocks_that_drift_are_followed() -> None:
    """100 ppm between driver and computer for an hour, either way."""
    for drift in (1e-4, -1e-4):
        clock = ArrivalClock()
        for second in range(3_600):
            stamp = clock.stamp(1.0 + drift if second else 0.0, 50.0 + second)
            assert stamp == pytest.approx(50.0 + second, abs=1e-3)


def test_a_clock_that_stood_still_is_taken_up_anew() -> None:
    clock = ArrivalClock()
    clock.stamp(0.0, 10.0)
    assert clock.stamp(1.0, 500.0) == pytest.approx(500.0)


def test_a_short_pause_of_the_driver_s_clock_is_found_out() -> None:
    """It lost 60 ms: some messages later the stamps are right again."""
    clock = ArrivalClock()
    for n in range(40):
        pause = 0.06 if n >= 20 else 0.0
        stamp = clock.stamp(0.01 if n else 0.0, 5.0 + n * 0.01 + pause)
    assert stamp == pytest.approx(5.0 + 39 * 0.01 + 0.06, abs=1e-3)


def test_messages_keep_their_distances_behind_a_constant_delay() -> None:
    clock = SampleClock()
    times = SampleTimes(clock, lambda: 0.01)
    assert times(4.0) == NOW  # nothing plays yet
    clock.feed(48_000, 5.0, 48_000)
    first = times(5.0)
    assert first == 48_480
    assert times(5.0005) - first == 24


def test_the_order_is_kept_when_the_map_moves() -> None:
    """A note's end that came with its beginning must not go before it."""
    clock = SampleClock()
    times = SampleTimes(clock, lambda: 0.005)
    clock.feed(48_000, 5.0, 48_000)
    on = times(5.2)
    clock.feed(96_000, 6.01, 48_000)  # a late block
    clock.feed(144_000, 6.999, 48_000)  # an early one
    assert times(5.2) >= on
    clock.reset()
    clock.feed(0, 9.0, 48_000)
    assert times(9.1) < on  # another engine: its clock begins again


def test_before_the_engine_plays_all_is_now() -> None:
    assert SampleTimes(SampleClock(), lambda: 0.0)(1.0) == NOW
