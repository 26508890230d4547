"""`Supervisor`: keeps an engine process playing, whatever happens to it or to its device.

It runs in the control process, in one thread that makes all decisions. A process that crashed,
hangs or lost its device is killed and replaced, and the new one is told all values and held notes.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from realtime.device.driver import DriverSettings
from realtime.namespace.event import Event
from realtime.process.child import ChildProcess, Report
from realtime.process.clock import SampleClock
from realtime.process.link import encode, encode_events
from realtime.record.log import further_take
from realtime.supervisor.recall import Recall
from realtime.supervisor.status import Happening, Phase, Status
from synth.contract import DeviceError, SynthError, error_named

TICK_S = 0.05
HISTORY = 256
FOREVER_S = 1e9


@dataclass(frozen=True)
class Patience:
    """Waiting times, in seconds, and the number of crashes to put up with.

    Args:
        silence: time without a heartbeat after which a playing process counts as hung.
        start: the same for a process that doesn't play yet: it may have to load a big model.
        stop: time until a process that was asked to stop is killed.
        crashes, window: the supervisor gives up after that many crashes within that time.
        back_off: pause before the second restart in a row, doubled for each further one, up to 1 s.
    """

    silence: float = 0.5
    start: float = 60.0
    stop: float = 0.6
    crashes: int = 5
    window: float = 60.0
    back_off: float = 0.1


class _Loss(Exception):
    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


class Supervisor:
    """An engine that is replaced as soon as it fails.

    Args:
        engine: settings of the engine (plain data, see `realtime.engine.settings.EngineSettings`);
            the device determines sample rate and channels.
        driver: the device and how to play on it.
        patience: waiting times.
        renderer: "module:function" that makes another renderer from `engine`, for tests.
        heard: called with each heartbeat's stats, on the supervisor's thread; must not block.

    Attributes:
        clock: maps the computer's clock to the samples of the current engine.

    Example::

        with Supervisor({"test_tone": True}, DriverSettings(kind="null")) as engine:
            engine.send(Event(NOW, "/note/on", (60.0, 100.0)))
    """

    def __init__(
        self,
        engine: dict[str, Any],
        driver: DriverSettings | None = None,
        patience: Patience | None = None,
        renderer: str = "",
        heard: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.clock = SampleClock()
        self._heard = heard
        self._engine_settings, self._renderer = engine, renderer
        self._driver_settings = driver or DriverSettings()
        self._patience = patience or Patience()
        self._changed = threading.Condition()
        self._recall = Recall()
        self._status = Status()
        self._happenings: deque[Happening] = deque(maxlen=HISTORY)
        self._inbox: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._process: ChildProcess | None = None
        self._listening = False
        self._record_to: Path | None = None
        self._asked: dict[str, Callable[[str], None]] = {}
        self._refused = 0
        self._crashes: deque[float] = deque()
        self._lost_at = 0.0
        self._origin = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self, timeout: float = FOREVER_S) -> Self:
        """Start the engine and wait until it plays, at most `timeout` s.

        Raises:
            SynthError: the engine process's own error: bad model, no device, bad setting.
            DeviceError: the engine didn't play in time.
        """
        self._thread.start()
        self.wait_for(Phase.PLAYING, Phase.FAILED, timeout=timeout)
        status = self.status()
        if status.phase is not Phase.PLAYING:
            error = status.error or DeviceError(f"the engine didn't play within {timeout:.1f} s")
            self.stop()
            raise error
        return self

    def send(self, event: Event) -> None:
        """Pass an event on to the engine; never waits. It is remembered even if no engine runs.

        Events with numbers that are not finite are refused and counted.
        """
        self.send_group((event,))

    def send_group(self, events: Sequence[Event]) -> None:
        """Pass on events that belong together; those for now take effect at the same sample."""
        finite = [event for event in events if all(map(math.isfinite, event.value))]
        self._refused += len(events) - len(finite)
        if not finite:
            return
        with self._changed:
            for event in finite:
                self._recall.observe(event)
            if self._listening and self._process is not None:
                self._process.outbox.put_group(finite)

    def record(self, path: Path | None) -> None:
        """Record to a file from the next block on, or (None) end that; any thread, never waits.

        If called before `start`, the recording begins with the first sample. When the engine is
        replaced, it goes on in a further file, with "-2" and so on in its name. Its progress is in
        `Status.recording` and `Status.recording_problem`.
        """
        with self._changed:
            self._record_to = path
            if self._listening and self._process is not None:
                self._process.outbox.put_message(encode("record", path=str(path or "")))

    def hear(self, path: Path, seconds: float, then: Callable[[str], None]) -> None:
        """Have the last seconds of input written to a file; any thread, never waits.

        Args:
            path: of the WAV file to make, of floats at the device's rate.
            seconds: how many, at most 10; the file has fewer if less has come.
            then: called once on the supervisor's thread, with "" when the file is there, otherwise
                with the reason why not; must not block.
        """
        with self._changed:
            there = self._listening and self._process is not None
            if there and self._process is not None:
                self._asked[str(path)] = then
                message = encode("hear", path=str(path), seconds=seconds)
                self._process.outbox.put_message(message)
        if not there:
            then("the engine doesn't play")

    def status(self) -> Status:
        """The latest state; cheap, any thread."""
        with self._changed:
            link = {"refused": self._refused, "forgotten": self._recall.forgotten}
            if self._process is not None:
                box = self._process.outbox
                link |= {
                    "coalesced": box.coalesced,
                    "dropped_values": box.dropped_values,
                    "dropped_moments": box.dropped_moments,
                }
            return replace(self._status, link=link, happenings=tuple(self._happenings))

    def wait_for(self, *phases: Phase, timeout: float = FOREVER_S) -> bool:
        """Wait until one of the phases is reached; False if that took longer than `timeout` s."""
        with self._changed:
            return self._changed.wait_for(lambda: self._status.phase in phases, timeout)

    def stop(self) -> None:
        """Fade out and end, in at most 1 s. May be called twice and from any thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # Everything below runs in the supervisor's own thread.

    def _run(self) -> None:
        failures = 0
        cause = ""
        while True:
            try:
                self._live(cause)
                break
            except _Loss as loss:
                played = self._status.phase is Phase.PLAYING
                failures = 0 if played else failures + 1
                cause = self._mourn(loss, cause)
            except SynthError as error:
                self._bury()
                self._enter(Phase.FAILED, str(error), error=error)
                return
            if self._stopping.is_set() or self._status.phase is Phase.FAILED:
                break
            self._enter(Phase.RESTARTING, cause)
            wait = min(1.0, self._patience.back_off * 2**failures) if failures else 0.0
            if self._stopping.wait(wait):
                break
        self._bury()
        if self._status.phase is not Phase.FAILED:
            self._enter(Phase.STOPPED)

    def _live(self, cause: str) -> None:
        """Run one process, from its start to its requested end.

        Args:
            cause: why the one before it was lost; "" for the first process.

        Raises:
            _Loss: it ended without being asked to.
            SynthError: the first process can't start.
        """
        if not cause:
            self._enter(Phase.STARTING)
        process = self._process = ChildProcess(
            self._inbox.put, "realtime.supervisor.engine_process"
        )
        self._update(pid=process.pid)
        driver = self._driver_settings
        if cause:
            # The same device as before, however it had been chosen.
            driver = replace(driver, device=self._status.device or driver.device, wait=FOREVER_S)
            driver = replace(driver, device="") if driver.kind == "null" else driver
        setup = encode(
            "setup",
            engine=self._engine_settings,
            driver=asdict(driver),
            renderer=self._renderer,
            agreed=self._status.driver,
        )
        process.outbox.put_message(setup)
        limit = self._patience.start
        silence, before = 0.0, time.monotonic()
        while not self._stopping.is_set():
            message = self._next(process)
            now = time.monotonic()
            # Time in which this thread was held up doesn't count: the process may have spoken then.
            silence += min(now - before, 2 * TICK_S)
            before = now
            if message is not None:
                silence = 0.0
                self._hear(process, message, first=not cause)
                if self._status.phase is Phase.PLAYING:
                    limit = self._patience.silence
            if silence > limit:
                raise _Loss("hang", f"no sign of life for {silence:.1f} s")
        self._end(process)

    def _next(self, process: ChildProcess) -> dict[str, Any] | None:
        try:
            sender, message = self._inbox.get(timeout=TICK_S)
        except queue.Empty:
            return None
        return message if sender is process else None

    def _hear(self, process: ChildProcess, message: dict[str, Any], first: bool) -> None:
        kind = message["kind"]
        if kind == "beat":
            self._beat(message)
        elif kind == "record":
            self._hear_of_recording(message["state"], message["message"])
        elif kind == "heard":
            self._answer(str(message["path"]), str(message["problem"]))
        elif kind == "waiting" and self._status.phase is not Phase.WAITING:
            self._enter(Phase.WAITING, message["message"])
        elif kind == "ready":
            self._update(engine=message["engine"])
            self._tell_all(process, first)
        elif kind == "playing":
            down = self._status.down_s + (0.0 if first else time.monotonic() - self._lost_at)
            self._enter(
                Phase.PLAYING,
                message["device"],
                device=message["device"],
                driver=message["driver"],
                down_s=down,
            )
        elif kind == "lost":
            raise _Loss(message["cause"], message["message"])
        elif kind == "error":
            error = error_named(str(message.get("name")), str(message.get("message")))
            if first:
                raise error
            raise _Loss("device" if isinstance(error, DeviceError) else "crash", str(error))
        elif kind in ("gone", "stopped"):
            code = process.reap()
            last = process.stderr[-1] if process.stderr else "no message"
            raise _Loss("crash", f"the engine process ended with code {code} ({last})")

    def _beat(self, message: dict[str, Any]) -> None:
        self._update(stats=message["stats"])
        if message.get("moment"):
            self.clock.feed(*message["moment"])
        if self._heard is not None:
            self._heard(message["stats"])

    def _answer(self, path: str, problem: str) -> None:
        """Answer the one who asked for the input, see `hear`."""
        with self._changed:
            then = self._asked.pop(path, None)
        if then is not None:
            then(problem)

    def _hear_of_recording(self, state: str, message: str) -> None:
        if state == "recording":
            self._update(recording=message, recording_problem="")
        elif state == "recorded":
            self._update(recording="")
        else:
            self._update(recording="", recording_problem=message)

    def _tell_all(self, process: ChildProcess, first: bool) -> None:
        """Let it play: tell it all remembered values and notes, and every event from here on."""
        with self._changed:
            events = self._recall.events()
            if self._record_to is not None:
                path = self._record_to if first else further_take(self._record_to)
                process.outbox.put_message(encode("record", path=str(path)))
            process.outbox.put_message(encode_events("play", events))
            self._listening = True
        if not first:
            self._enter(Phase.RESTORED, f"{len(events)} values and notes")

    def _mourn(self, loss: _Loss, before: str) -> str:
        """Record a loss, remove what is left of the process, and return the cause."""
        self.clock.reset()
        playing = self._status.phase is Phase.PLAYING
        if playing:
            self._lost_at = time.monotonic()
        # PortAudio aborts when the server vanishes during the start: that is the device's fault.
        starting_again = before == "device" and not playing
        cause = "device" if starting_again or loss.cause == "device" else loss.cause
        cause = cause if cause in ("device", "hang") else "crash"
        restarts = dict(self._status.restarts)
        restarts[cause] = restarts.get(cause, 0) + 1
        self._enter(Phase.LOST, f"{cause}: {loss}", restarts=restarts, stats={})
        self._bury()
        if cause != "device":
            self._crashes.append(time.monotonic())
            while self._crashes[0] < time.monotonic() - self._patience.window:
                self._crashes.popleft()
        if not before and not playing:
            self._give_up(f"the engine process didn't start: {loss}")
        elif len(self._crashes) >= self._patience.crashes:
            self._give_up(f"the engine was lost {len(self._crashes)} times in a row; last: {loss}")
        return cause

    def _give_up(self, reason: str) -> None:
        self._enter(Phase.FAILED, reason, error=SynthError(reason))

    def _end(self, process: ChildProcess) -> None:
        """Ask the process to fade out and leave."""
        self._enter(Phase.STOPPING)
        process.outbox.put_message(encode("stop"))
        process.reap(self._patience.stop)

    def _bury(self) -> None:
        """Kill the process, if it still runs."""
        with self._changed:
            process, self._process, self._listening = self._process, None, False
            unanswered = list(self._asked)
        for path in unanswered:
            self._answer(path, "the engine was lost meanwhile")
        if process is not None:
            process.kill()
            process.reap()
            self._update(pid=None)

    def _enter(self, phase: Phase, detail: str = "", **changes: Any) -> None:
        with self._changed:
            self._status = replace(self._status, phase=phase, **changes)
            seconds = round(time.monotonic() - self._origin, 3)
            self._happenings.append(Happening(seconds, phase, detail))
            self._changed.notify_all()

    def _update(self, **changes: Any) -> None:
        with self._changed:
            self._status = replace(self._status, **changes)
