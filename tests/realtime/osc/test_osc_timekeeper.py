"""Time tags: distances that are exact, clocks that drift, jitter and are set, and policies."""

from __future__ import annotations

import random

import pytest

from realtime.namespace.event import NOW
from realtime.osc.timekeeper import (
    CLAMP_S,
    MAX_AHEAD_S,
    MAX_ANCHORS,
    Due,
    FarError,
    Timekeeper,
)
from realtime.process.clock import SampleClock
from synth.contract import ConfigError

RATE = 48_000
UNIX = 2_208_988_800


def tag(unix: float) -> int:
    """A time tag of a Unix time."""
    return round((unix + UNIX) * 2**32) % 2**64


class World:
    """A wall clock, a monotonic clock and an engine that began with sample 0 at second 100."""

    def __init__(self, policy: str = "trust", unix: float = 1_790_000_000.0) -> None:
        self.seconds, self.unix = 105.0, unix
        self.clock = SampleClock()
        self.clock.feed(0, 100.0, RATE)
        self.keeper = Timekeeper(
            self.clock, policy, wall=lambda: self.wall(), monotonic=lambda: self.seconds
        )

    def wall(self, ahead: float = 0.0) -> float:
        return self.unix + self.seconds + ahead

    def due(self, ahead: float, client: object = "a") -> int:
        return self.keeper.due(client, tag(self.wall(ahead))).time


def test_a_tag_is_mapped_to_its_sample() -> None:
    world = World()
    assert abs(world.due(0.5) - 5.5 * RATE) <= 1


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_tags_n_samples_apart_land_exactly_n_samples_apart(rate: int) -> None:
    """Whatever the jitter of the computer's clocks: wall time read 0.1 ms too early or too late,
    blocks begun up to 2 ms too late."""
    world = World()
    world.clock.feed(0, 100.0, rate)
    for beat in range(100):
        world.clock.feed(beat * rate // 20, 100.0 + beat / 20, rate)
    random_ = random.Random(5)
    first = world.wall(0.3)
    landed, expected = [], []
    for step in range(2_000):
        samples = step * 37 + step % 5
        world.seconds = 105.0 + samples / rate
        world.unix = 1_790_000_000.0 + random_.uniform(-1e-4, 1e-4)
        played = round((world.seconds - 100.0) * rate)
        world.clock.feed(played, world.seconds + random_.random() * 0.002, rate)
        landed.append(world.keeper.due("a", tag(first + samples / rate)).time)
        expected.append(samples)
    # A float of seconds since 1970 is good for 0.2 µs: tags are exact to a fiftieth of a sample.
    assert [x - landed[0] for x in landed] == expected


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_drift_is_followed_one_sample_at_a_time(drift: float) -> None:
    """Ten bundles a second for ten minutes of a device whose clock drifts badly."""
    world = World()
    true = RATE * (1 + drift)
    before, worst, steps = None, 0.0, 0
    for beat in range(6_000):
        world.seconds = 105.0 + beat / 10
        world.clock.feed(round((world.seconds - 100.0) * true), world.seconds, RATE)
        sample = world.due(0.2)
        if before is not None:
            moved = abs(sample - before - RATE // 10)
            assert moved <= 1
            steps += moved
        before = sample
        worst = max(worst, abs(sample - (world.seconds + 0.2 - 100.0) * true))
    assert worst / RATE < 0.001
    assert steps > 0


def test_what_is_sent_together_keeps_its_distance_while_the_map_follows() -> None:
    world = World()
    for round_ in range(1_000):
        world.seconds = 105.0 + round_ / 3
        world.clock.feed(round((world.seconds - 100.0) * RATE * 1.0002), world.seconds, RATE)
        tag_ = tag(world.wall(0.1))
        first, second = (world.keeper.due("a", tag_ + x * 2**32 // RATE).time for x in (0, 4_800))
        assert second - first == 4_800
    assert world.keeper.moved > 100


def test_a_clock_that_is_set_is_followed_at_once() -> None:
    world = World()
    world.due(0.5)
    world.unix += 3_600.0
    assert abs(world.due(0.5) - 5.5 * RATE) <= 1
    assert world.keeper.moved == 1


def test_after_a_gap_of_the_sound_the_map_counts() -> None:
    """Five milliseconds without sound: that bundles before and after it keep their distance would
    leave all that follows five milliseconds too early."""
    world = World()
    world.due(0.5)
    world.clock.feed(5 * RATE, 105.005, RATE, gaps=1)
    assert abs(world.due(0.5) - 5.495 * RATE) <= 1
    assert world.keeper.moved == 1


def test_a_new_engine_has_its_own_samples() -> None:
    world = World()
    world.due(0.5)
    world.clock.reset()
    assert world.due(0.5) == NOW
    world.clock.feed(0, 105.0, RATE)
    assert abs(world.due(0.5) - 0.5 * RATE) <= 1


def test_clients_have_anchors_of_their_own_and_those_are_bounded() -> None:
    world = World()
    for client in range(10 * MAX_ANCHORS):
        world.due(0.5, client)
    assert len(world.keeper._anchors) == MAX_ANCHORS


def test_late_is_now_and_says_how_late() -> None:
    world = World()
    due = world.keeper.due("a", tag(world.wall(-0.25)))
    assert due.time == NOW
    assert due.late == pytest.approx(0.25, abs=1e-6)
    assert (world.keeper.late, world.keeper.far) == (1, 0)


def test_immediately_is_not_late() -> None:
    world = World()
    assert {world.keeper.due("a", timetag) for timetag in (0, 1)} == {Due(NOW)}
    assert world.keeper.late == 0


@pytest.mark.parametrize("ahead", [MAX_AHEAD_S + 0.1, 3_600.0, 100 * 365 * 86_400.0])
def test_far_is_dropped_and_counted(ahead: float) -> None:
    """A century ahead too: tags have 136 years, and the nearest era counts."""
    world = World()
    if ahead < 60 * 365 * 86_400:
        with pytest.raises(FarError, match="ahead"):
            world.due(ahead)
        assert world.keeper.far == 1
    else:  # in the nearest era this lies in the past
        assert world.due(ahead) == NOW
        assert world.keeper.late == 1


def test_the_counter_of_ntp_overflows_in_2036() -> None:
    world = World(unix=2_085_978_496.0 - 105.1)  # 0.1 s before
    assert abs(world.due(0.05) - 5.05 * RATE) <= 1
    assert abs(world.due(0.30) - 5.30 * RATE) <= 1


def test_clamp_waits_a_second_at_most() -> None:
    world = World("clamp")
    assert abs(world.due(3_600.0) - (5 + CLAMP_S) * RATE) <= 1
    assert abs(world.due(0.5) - 5.5 * RATE) <= 1
    assert world.due(-3_600.0) == NOW
    assert (world.keeper.far, world.keeper.late) == (0, 1)


def test_immediate_looks_at_no_tag() -> None:
    world = World("immediate")
    assert {world.due(x) for x in (-5.0, 0.5, 1e6)} == {NOW}
    assert (world.keeper.far, world.keeper.late) == (0, 0)


def test_policies_have_names() -> None:
    with pytest.raises(ConfigError, match="trust, clamp, immediate"):
        Timekeeper(SampleClock(), "never")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1_234.5, "1234 s ago (uptime)"),
        (30 * 86_400.0, "(uptime)"),
        (1_790_000_105.0, "since 1970"),
        (1_790_000_105.0 + UNIX + 7_200.2, "+2 h off"),
        (1_790_000_105.0 + UNIX - 5 * 3_600, "-5 h off"),
        (1_790_000_105.0 + UNIX + 20_700, "+5.75 h off"),
    ],
)
def test_tags_of_other_clocks_are_named_and_played_when_clamped(seconds: float, words: str) -> None:
    foreign = round(seconds * 2**32)
    clamped = World("clamp")
    due = clamped.keeper.due("a", foreign)
    if words.startswith("+"):  # it may be meant
        assert abs(due.time - (5 + CLAMP_S) * RATE) <= 1
    else:
        assert due.time == NOW
    assert words in due.clock
    assert (clamped.keeper.foreign, clamped.keeper.far) == (1, 0)
    trusting = World("trust")
    if "-5" in words:  # what is late is played, as ever
        assert words in trusting.keeper.due("a", foreign).clock
    else:
        with pytest.raises(FarError, match=r"--timetags clamp") as refused:
            trusting.keeper.due("a", foreign)
        assert words in str(refused.value)


@pytest.mark.parametrize("ahead", [-300.0, -9.9, -0.1, 0.0, 0.2, 5.0, 9.9, 60.0, 86_400.0 * 3 + 17])
@pytest.mark.parametrize("unix", [1_790_000_000.0, 2_085_978_496.0 - 200.0, 2_085_978_600.0])
def test_tags_of_the_right_clock_are_not_taken_for_others(ahead: float, unix: float) -> None:
    """Also around the day in 2036 on which NTP's counter begins at 0 again, as an uptime does."""
    world = World("clamp", unix)
    assert world.keeper.due("a", tag(world.wall(ahead))).clock == ""
    assert world.keeper.foreign == 0
