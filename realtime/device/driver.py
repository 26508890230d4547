"""`Driver`: one thread that renders blocks ahead of the device that takes them.

    events ──> Renderer.render(block) ──> ring ──> Port (device or clock)

The port takes frames when it wants them; the driver keeps `lookahead` blocks waiting. Frames that
come too late are lost and counted. The queue never grows to make up for them: the latency stays as
it was.
This is the one place where `[channels, frames]` becomes `[frames, channels]`.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from realtime.device.ledger import Ledger
from realtime.device.meters import Meters
from realtime.engine.renderer import Array, Renderer
from realtime.namespace.event import Event
from synth.contract import ConfigError

FADE_S = 0.01
MAX_LATENCY_WAIT_S = 0.3
MAX_PENDING = 65_536
EVENTS_PER_BLOCK = 1_024
DEFAULT_BLOCK = 256
MAX_PERIOD = 8192
DEFAULT_LOOKAHEAD = 0
SAFE_S = 0.01  # what the default look-ahead lasts: a model's hop is often longer than a block
EARLY = 1 / 8  # of a block: how much later to wake if there was no room yet
HUNT = 1 / 128  # of a block: how much earlier to wake each time, to stay close to the device


class Port(Protocol):
    """The far end of the ring: something that takes frames at `sample_rate`.

    All but `asked` and `alive` is called from the render thread only.

    Attributes:
        sample_rate: Hz.
        channels, channels_in: of output and input.
        period: frames that it takes at once, known after `start`.
        latency: frames from the moment a frame is taken until it is heard.
    """

    sample_rate: int
    channels: int
    channels_in: int
    period: int
    latency: int

    def start(self, capacity: int) -> None:
        """Start, with room for at least `capacity` frames, but take none of them before `play`."""

    def play(self) -> None:
        """Begin to take frames, at the start and again after an underrun."""

    def playing(self) -> bool:
        """Whether frames are taken: not so before `play` and after an underrun."""

    def fill(self) -> int:
        """Frames of output that wait in the ring."""

    def fill_in(self) -> int:
        """Frames of input that wait."""

    def write(self, frames: Array) -> None:
        """Add `[n, channels]`, C-contiguous, to the ring."""

    def read(self, frames: int) -> Array:
        """Take up to `frames` of input, `[n, channels_in]`."""

    def counts(self) -> tuple[int, int]:
        """Frames asked for since the first `play` took hold, and how many of them were taken."""

    def asked(self) -> int:
        """Frames asked for so far; any thread. Stands still when the device is gone."""

    def alive(self) -> bool:
        """Whether the device still runs, as far as the host knows; any thread."""

    def close(self) -> None:
        """Release the device. May hang for minutes if the device is gone."""


@dataclass(frozen=True)
class DriverSettings:
    """The device to play on, and how far to render ahead of it.

    Args:
        kind: "device", or "null" (paced by the clock, no device).
        device, input: of the output and of the input: index, name or part of it; "" takes the
            default one, and no input where no instrument takes any.
        sample_rate: Hz, 8000 … 192000; 0 takes the device's own.
        block: frames rendered at once, 16 … 8192; 0 takes the device's own period.
        lookahead: blocks kept waiting for the device, 1 … 64: more are safer and add latency; 0
            takes as many as last 10 ms, at least 2.
        wait: seconds to wait for an absent device before giving up, from 0 up.

    Raises:
        ConfigError: a setting is out of its range.
    """

    kind: str = "device"
    device: str = ""
    input: str = ""
    sample_rate: int = 0
    block: int = 0
    lookahead: int = DEFAULT_LOOKAHEAD
    wait: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("device", "null"):
            raise ConfigError(f"driver {self.kind!r} is unknown; choose device or null")
        for name, low, high in (("block", 16, 8192), ("sample_rate", 8_000, 192_000)):
            value = getattr(self, name)
            if value and not low <= value <= high:
                raise ConfigError(f"{name} {value} is not in {low} … {high} (0 takes the device's)")
        if not 0 <= self.lookahead <= 64:
            raise ConfigError(
                f"lookahead {self.lookahead} is not in 1 … 64 blocks (0: about 10 ms)"
            )
        if not (math.isfinite(self.wait) and self.wait >= 0):
            raise ConfigError(f"wait {self.wait} is not allowed; give seconds, 0 or more")


class Driver:
    """Plays a renderer through a port until stopped.

    Args:
        renderer: the engine; after `start` only the render thread calls it.
        port: the device that takes the sound.
        block: frames rendered at once; 0 takes the port's period.
        lookahead: blocks that wait for the port; 0 takes as many as last 10 ms, at least 2.
    """

    def __init__(
        self,
        renderer: Renderer,
        port: Port,
        block: int = 0,
        lookahead: int = DEFAULT_LOOKAHEAD,
    ) -> None:
        self.renderer, self.port = renderer, port
        self.sample_rate, self.lookahead = port.sample_rate, lookahead
        self.block, self.ring = block, 0
        self.meters = Meters()
        self.failure: BaseException | None = None
        self.rendering_since = math.inf
        self.events = self.dropped_events = self.discarded_input = 0
        self._pending: deque[list[Event]] = deque()
        self._posted = 0
        self._stopping, self._finished = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._guarded_run, name="render", daemon=True)
        self._stats_wanted = True
        self._renderer_stats: dict[str, float | int] = {}
        self._gain = 0.0
        self._reviving = self._dry = False
        self._surplus = 0
        self.rendered = self.gaps = 0
        self._moment = (math.inf, 0, 0.0)

    def start(self) -> None:
        """Start the device and the render thread, which fills the ring and lets the device play.

        Raises:
            DeviceError: the device doesn't start.
        """
        safe = round(SAFE_S * self.sample_rate)
        most = self.block or MAX_PERIOD
        self.port.start(capacity=max(2 * safe, most * (self.lookahead or 2)) + most)
        period = self.port.period
        self.block = self.block or period or DEFAULT_BLOCK
        self.lookahead = self.lookahead or self._usual_lookahead()
        self.ring = self.block * max(self.lookahead, math.ceil(period / self.block))
        self.duration = self.block / self.sample_rate
        self.ledger = Ledger(self.sample_rate, period or self.block)
        self._fade_step = 1 / max(1, round(FADE_S / self.duration))
        self._interleaved = np.zeros((self.block, self.port.channels), np.float32)
        self._thread.start()

    def post(self, events: Iterable[Event]) -> None:
        """Hand events over to the renderer; one thread at a time.

        Up to 1 024 of them reach the renderer before the same block. When 65 536 already wait,
        further ones are dropped and counted.
        """
        batch = list(events)
        room = MAX_PENDING - (self._posted - self.events)
        if len(batch) > room:
            self.dropped_events += len(batch) - room
            batch = batch[:room]
        self._posted += len(batch)
        for start in range(0, len(batch), EVENTS_PER_BLOCK):
            self._pending.append(batch[start : start + EVENTS_PER_BLOCK])

    def stop(self, timeout: float = 1.0) -> bool:
        """Fade out, play the last block and close; returns whether `timeout` s were enough."""
        self._stopping.set()
        return self._finished.wait(timeout)

    @property
    def finished(self) -> bool:
        """Whether the render thread has ended, by `stop` or by a `failure`."""
        return self._finished.is_set()

    @property
    def latency(self) -> int:
        """Frames from an event's block to its sound, as declared by ring, device and renderer."""
        return self.ring + self.port.latency + self.renderer.latency

    def moment(self) -> tuple[int, float, int, int] | None:
        """The most punctual block since the last call: the one begun earliest for its sample.

        One reader, any thread; see `realtime.process.clock`.

        Returns:
            Its first sample, the `time.monotonic()` at which it was begun, the sample rate in Hz,
            and a number that changes with every gap. None if there was no block.
        """
        (_, sample, began), self._moment = self._moment, (math.inf, 0, 0.0)
        # When the device stood still, the relation of samples to seconds has changed as well.
        gaps = self.gaps + self.ledger.lost_device
        return (sample, began, self.sample_rate, gaps) if began else None

    def stats(self) -> dict[str, Any]:
        """Counters since the start, meters since the last call; one reader, any thread."""
        self._stats_wanted = True
        ledger = self.ledger
        return {
            **self.meters.read(self.duration),
            "lost_frames": ledger.lost,
            "lost_frames_ring": ledger.lost_ring,
            "lost_frames_device": ledger.lost_device,
            "longest_gap_ms": round(1000 * ledger.longest_gap / self.sample_rate, 2),
            "discarded_input": self.discarded_input,
            "events": self.events,
            "events_dropped": self.dropped_events,
            "engine": self._renderer_stats,
        }

    def describe(self) -> dict[str, Any]:
        """The formats agreed with the device, and the declared latency in frames."""
        return {
            "sample_rate": self.sample_rate,
            "block": self.block,
            "period": self.port.period,
            "ring": self.ring,
            "channels": self.port.channels,
            "channels_in": self.port.channels_in,
            "device_latency": self.port.latency,
            "latency": self.latency,
        }

    def _guarded_run(self) -> None:
        try:
            self._run()
            self._finish()
        except BaseException as error:  # noqa: BLE001 - the owner of the driver reports it
            self.failure = error
        finally:
            self._finished.set()

    def _run(self) -> None:
        port, duration, room = self.port, self.duration, self.ring - self.block
        deadline = time.perf_counter()
        while not self._stopping.is_set():
            late = time.perf_counter() - deadline
            if not port.playing():
                self._revive(late)
                deadline = time.perf_counter() + duration * (1 + EARLY)
            elif port.fill() <= room:
                self._render_block(late)
                self._count()
                # The time that this block took too long doesn't count as the next one's lateness.
                overdue = time.perf_counter() - duration
                deadline = max(deadline, overdue) + duration * (1 - HUNT)
                continue
            elif late >= 0:
                deadline += late + duration * EARLY
            time.sleep(max(0.0, deadline - time.perf_counter()))

    def _usual_lookahead(self) -> int:
        """The default look-ahead, in blocks."""
        return max(2, math.ceil(SAFE_S * self.sample_rate / self.block))

    def _render_block(self, late: float) -> None:
        began = time.perf_counter()
        self.rendering_since = began
        pending, schedule = self._pending, self.renderer.schedule
        due = 0
        while pending and due + len(pending[0]) <= EVENTS_PER_BLOCK:
            batch = pending.popleft()
            for event in batch:
                schedule(event)
            due += len(batch)
        self.events += due
        if not self._reviving:
            self._mark()
        audio_in = self._take_input() if self.port.channels_in else None
        audio = self.renderer.render(self.block, audio_in)
        self.rendered += self.block
        if not self._reviving and not self.port.playing():
            self._gain, self._dry = 0.0, True  # too late: this block is the first after the gap
        self._put(audio)
        if self._stats_wanted:
            self._stats_wanted = False
            self._renderer_stats = self.renderer.stats()
        self.rendering_since = math.inf
        self.meters.block(time.perf_counter() - began, late, self.duration)

    def _mark(self) -> None:
        """Remember the block that began earliest for its sample: all others were begun late."""
        now = time.monotonic()
        offset = now - self.rendered / self.sample_rate
        if offset < self._moment[0]:
            self._moment = (offset, self.rendered, now)

    def _count(self) -> None:
        asked, taken = self.port.counts()
        self.ledger.observe(time.perf_counter(), asked, taken)

    def _take_input(self) -> Array:
        """The next block of input `[channels_in, block]`.

        While all goes well the two rings together hold `ring` frames. More than that is a backlog
        of input from a gap in the output: its oldest frames are discarded, so that the latency
        stays as it was. A callback that is half done looks like a backlog too, but never twice.
        """
        port = self.port
        surplus = port.fill() + port.fill_in() - self.ring
        backlog = min(surplus, self._surplus)
        self._surplus = surplus
        if backlog > 0:
            self.discarded_input += len(port.read(backlog))
            self._surplus = 0
        frames = port.read(self.block)
        if len(frames) < self.block:
            frames = np.concatenate(
                (np.zeros((self.block - len(frames), port.channels_in), np.float32), frames)
            )
        return np.ascontiguousarray(frames.T)

    def _put(self, audio: Array) -> None:
        """Write a block to the port: the only place that turns `[channels, frames]` around."""
        out = self._interleaved
        if audio.shape[0] == out.shape[1]:
            out[:] = audio.T
        elif out.shape[1] == 1:
            out[:, 0] = audio.mean(0)
        else:
            out[:] = 0.0
            shared = min(audio.shape[0], out.shape[1])
            out[:, :shared] = audio[:shared].T
        if self._gain != 1.0 or self._stopping.is_set():
            self._ramp(out)
        self.port.write(out)

    def _ramp(self, out: Array) -> None:
        """Fade in at the start and after a gap, fade out at the stop."""
        step = -self._fade_step if self._stopping.is_set() else self._fade_step
        goal = min(1.0, max(0.0, self._gain + step))
        out *= np.linspace(self._gain, goal, len(out), endpoint=False, dtype=np.float32)[:, None]
        self._gain = goal

    def _revive(self, late: float) -> None:
        """Fill the ring and let the device take from it, at the start and after an underrun.

        After an underrun the device may begin as soon as the default look-ahead is there, unless
        there is an input to stay in step with. The rest of a longer look-ahead is filled while it
        plays, so that the gap stays short.
        """
        port = self.port
        if self.ledger.started:
            self.meters.underrun(late, self.duration)
            self.gaps += 1
            self._moment = (math.inf, 0, 0.0)
        if not port.fill():
            self._gain = 0.0
        blocks = (self.ring - port.fill()) // self.block
        if port.channels_in:
            backlog = port.fill_in() - blocks * self.block
            stale = len(port.read(backlog)) if backlog > 0 else 0
            self.discarded_input += stale if self.ledger.started else 0
        if self.ledger.started and not port.channels_in:
            blocks = min(blocks, self._usual_lookahead())
        self._reviving = True
        for _ in range(blocks):
            self._surplus = 0
            self._render_block(0.0)
        self._reviving = self._dry = False
        port.play()
        if not self.ledger.started:
            self.ledger.start(time.perf_counter())

    def _finish(self) -> None:
        """Render until the fade has reached silence, wait until the device took it all, close."""
        patience = time.perf_counter() + 0.5 + self.ring / self.sample_rate
        while self.port.playing() and time.perf_counter() < patience:
            if self._gain > 0.0 and self.port.fill() <= self.ring - self.block:
                self._render_block(0.0)
            else:
                time.sleep(self.duration / 4)
        if self._gain > 0.0 or self._dry:  # it ran dry before the end of the fade
            self.meters.underrun(self.duration, self.duration)
        time.sleep(min(MAX_LATENCY_WAIT_S, self.port.latency / self.sample_rate))
        self.port.close()
