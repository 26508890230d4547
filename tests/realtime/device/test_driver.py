"""The driver's loop with a device made of a clock."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime.device.driver import EVENTS_PER_BLOCK, MAX_PENDING, Driver, DriverSettings
from realtime.device.null import NullPort
from realtime.namespace.event import NOW, Event
from synth.contract import ConfigError
from tests.realtime.fault_renderers import Sine
from tests.realtime.jack_peers import silences, wait_until

RATE = 48_000


class Tape:
    """A null port that keeps what was taken, with zeros where nothing was there."""

    def __init__(self, period: int = 128, channels: int = 2, channels_in: int = 0) -> None:
        self.cycles: list[NDArray[np.float32]] = []
        self.port = NullPort(RATE, channels, channels_in, period, listener=self._take)
        self._period = period

    def _take(self, frames: NDArray[np.float32]) -> None:
        missing = np.zeros((self._period - len(frames), frames.shape[1]), np.float32)
        self.cycles.append(np.concatenate((frames, missing)))

    def audio(self) -> NDArray[np.float32]:
        return np.concatenate(self.cycles)


def play(tape: Tape, block: int = 0, lookahead: int = 4, channels: int = 2) -> tuple[Driver, Sine]:
    renderer = Sine(
        {"sample_rate": RATE, "channels": channels, "channels_in": tape.port.channels_in}
    )
    driver = Driver(renderer, tape.port, block, lookahead)
    driver.start()
    assert wait_until(lambda: driver.meters.blocks > 50)
    return driver, renderer


@pytest.mark.parametrize(("block", "period"), [(0, 256), (64, 256), (512, 128), (192, 128)])
def test_the_clock_sets_the_pace(block: int, period: int) -> None:
    """Over a second, frames taken = time x rate, whatever the sizes of block and period; the ring
    never holds more than declared, and nothing is doubled or left out."""
    tape = Tape(period)
    began = time.perf_counter()
    driver, renderer = play(tape, block, 6)
    assert wait_until(lambda: time.perf_counter() - began > 1.0)
    assert tape.port.fill() <= driver.ring
    assert driver.describe()["latency"] == driver.ring
    assert driver.stop()
    elapsed = time.perf_counter() - began
    assert len(tape.audio()) <= elapsed * RATE
    assert len(tape.audio()) >= (elapsed - 0.1) * RATE - driver.ring - driver.ledger.lost
    assert driver.failure is None
    assert renderer.played - len(tape.audio()) <= driver.ring


def test_an_underrun_ends_in_a_fade_and_is_counted_by_its_cause() -> None:
    """A block that takes 60 ms: what another listener missed is what is reported, to the frame."""
    tape = Tape(128)
    driver, _ = play(tape)
    before = driver.ledger.lost_ring
    driver.post([Event(NOW, "/stall", (0.06,))])
    assert wait_until(lambda: driver.ledger.lost_ring > before)
    assert driver.stop()
    stats = driver.stats()
    holes = [n for _, n in silences(tape.audio()[: -2 * driver.ring, 0], 100)]
    assert abs(sum(holes) - stats["lost_frames_ring"]) <= 128  # the last, faded blocks aside
    assert stats["longest_gap_ms"] >= 60 - 1000 * driver.ring / RATE - 3
    assert stats["underruns_render"] >= 1
    assert stats["late_render"] >= 1
    steps = np.abs(np.diff(tape.audio()[:, 0]))
    louder = steps > 0.04  # the sine's own steepest step is 0.033
    assert louder.sum() <= stats["underruns"]  # the break itself, not the return


class WatchedPort(NullPort):
    """Remembers what was waiting whenever it was told to play."""

    def __init__(self, period: int) -> None:
        super().__init__(RATE, 2, 0, period)
        self.fills: list[int] = []

    def play(self) -> None:
        self.fills.append(self.fill())
        super().play()


def test_after_an_underrun_a_long_look_ahead_is_refilled_while_it_plays() -> None:
    """The gap doesn't last until all of it is rendered again; latency returns to what it was."""
    port = WatchedPort(128)
    driver = Driver(Sine({"sample_rate": RATE, "channels": 2, "channels_in": 0}), port, 0, 40)
    driver.start()
    assert wait_until(lambda: driver.meters.blocks > 80)
    driver.post([Event(NOW, "/stall", (0.25,))])
    assert wait_until(lambda: len(port.fills) > 1)
    assert port.fills[0] == driver.ring == 40 * 128
    assert port.fills[1] in (4 * 128, 5 * 128)  # 10 ms, and the block that came too late
    assert wait_until(lambda: port.fill() > driver.ring - 2 * 128)
    assert driver.stop()


def test_the_stop_fades_to_silence() -> None:
    """No step at the end is steeper than the sine; the last frame is silent; 1 s is enough."""
    tape = Tape(128)
    driver, _ = play(tape)
    began = time.perf_counter()
    assert driver.stop()
    assert time.perf_counter() - began < 0.5
    tail = tape.audio()[-1500:, 0]
    assert np.abs(tail[-1]) < 1e-3
    assert not tape.port.alive()
    assert np.abs(np.diff(tail)).max() < 0.04 or driver.stats()["underruns"]


def test_inputs_reach_the_renderer_in_its_own_shape() -> None:
    """A renderer with inputs gets `[channels_in, block]` of what the port has."""
    tape = Tape(128, channels_in=1)
    driver, _ = play(tape)
    assert driver.stop()
    assert driver.failure is None
    assert not tape.audio().any()  # the input is silence, and the renderer passes it on


@pytest.mark.parametrize(("made", "ways"), [(1, 2), (2, 1), (2, 4)])
def test_channels_are_fitted_to_the_device(made: int, ways: int) -> None:
    """Two into one are mixed; of missing ones the device's others stay silent."""
    tape = Tape(128, channels=ways)
    driver, _ = play(tape, channels=made)
    assert driver.stop()
    audio = tape.audio()
    assert np.abs(audio[:, 0]).max() == pytest.approx(0.5, abs=1e-3)
    assert not audio[:, made:].any()


@pytest.mark.parametrize(("block", "ring"), [(64, 512), (128, 512), (256, 512), (512, 1024)])
def test_the_default_look_ahead_lasts_ten_milliseconds(block: int, ring: int) -> None:
    """480 frames at 48 kHz, in whole blocks, at least two."""
    driver, _ = play(Tape(block), block, lookahead=0)
    assert driver.describe()["ring"] == ring
    assert driver.stop()


def test_a_flood_of_events_is_bounded() -> None:
    """More than 65 536 waiting events are dropped and counted; a block takes 1 024 at most, so
    that a flood costs latency of events, not sound."""
    tape = Tape(128)
    driver = Driver(Sine({"sample_rate": RATE, "channels": 2}), tape.port)
    driver.post(Event(NOW, "/sine/level", (0.1,)) for _ in range(MAX_PENDING + 7))
    assert driver.dropped_events == 7
    driver.start()
    assert wait_until(lambda: driver.events == MAX_PENDING)
    assert driver.stop()
    assert driver.meters.blocks >= MAX_PENDING // EVENTS_PER_BLOCK


def test_a_renderer_that_raises_ends_the_driver_with_the_reason() -> None:
    """The owner sees what happened; nothing is printed, nothing hangs."""
    tape = Tape(128)
    driver, _ = play(tape)
    driver.post([Event(NOW, "/raise")])
    assert wait_until(lambda: driver.finished)
    assert isinstance(driver.failure, RuntimeError)


@given(
    period=st.integers(16, 512),
    writes=st.lists(st.tuples(st.floats(0, 0.02), st.integers(0, 900)), min_size=1, max_size=30),
)
def test_the_null_port_counts_every_frame(period: int, writes: list[tuple[float, int]]) -> None:
    """For any writing and any waiting: asked = taken + missing, and what was taken is what was
    written, in order."""
    now = 0.0
    taken: list[NDArray[np.float32]] = []
    port = NullPort(RATE, 1, 0, period, lambda: now, taken.append)
    port.start(0)
    written = 0
    asked = 0
    for wait, count in writes:
        now += wait
        was_playing = port.playing()
        numbers = np.arange(written, written + count, dtype=np.float32)[:, None]
        port.write(numbers)
        written += count
        if not was_playing:
            port.play()
        asked, total = port.counts()
        assert total == sum(map(len, taken)) <= asked
        assert total + port.fill() == written
    heard = np.concatenate([np.zeros((0, 1), np.float32), *taken])[:, 0]
    assert np.array_equal(heard, np.arange(len(heard)))
    assert asked % period == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "tape"},
        {"block": 5},
        {"block": 100_000},
        {"lookahead": -1},
        {"lookahead": 65},
        {"sample_rate": 44},
        {"wait": float("nan")},
        {"wait": -1.0},
    ],
)
def test_settings_out_of_range_are_refused(bad: dict[str, object]) -> None:
    """The message names the value and the range."""
    with pytest.raises(ConfigError, match=str(next(iter(bad.values())))):
        DriverSettings(**bad)  # type: ignore[arg-type]
