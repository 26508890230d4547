"""The engine's process, started by the supervisor: `python -m realtime.supervisor.engine_process`.

It reads messages on stdin and writes them on stdout (`realtime.process.link`), and holds the engine
and the device. It ends when told to, or when its parent or its device is gone. PortAudio can hang
for minutes on a vanished server, so the process leaves without cleaning up.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from realtime.device.driver import DEFAULT_BLOCK, Driver, DriverSettings, Port
from realtime.device.listing import AudioDevice, find_device, list_devices
from realtime.engine.renderer import Renderer
from realtime.namespace.event import Event
from realtime.namespace.global_addresses import HEARD_S
from realtime.process.link import decode_events, encode, read_message, take_over_stdio
from realtime.record.files import WavStream
from realtime.record.input_ring import InputRing
from realtime.record.recorder import Recorder
from realtime.record.tap import Tap
from synth.contract import DeviceError, SynthError, config_from_dict

TICK_S = 0.02
BEAT_S = 0.05
POLL_S = 0.15  # between two looks for an absent device; a look takes 5 ms
# A server that died is noticed at the next tick. One that only stalls gets this long, which is
# about what a new engine takes until it sounds.
STALL_S = 0.25
HANG_S = 1.0
FIRST_SOUND_S = 2.0
STOP_S = 0.4
SWITCH_INTERVAL_S = 0.0005
PRIORITY = 5
EXIT_LOST = 75
MAX_EARLY = 65_536
HEARD_CHANNELS = 2  # opened of an input that no instrument takes

Devices = tuple[AudioDevice, AudioDevice | None]
DEFAULT_RATE, DEFAULT_CHANNELS = 48_000, 2


class Stopped(Exception):
    """The control process has told this one to end, or is gone."""


class Lost(Exception):
    """The device, the renderer or the interpreter can't go on.

    Args:
        cause: "start", "device", "crash" or "hang".
        message: details, for people.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class Child:
    """The engine process, from its first message to its end.

    Args:
        reader: messages from the control process.
        writer: messages to it.
    """

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader, self._writer = reader, writer
        self._sending = threading.Lock()
        self._stop, self._go = threading.Event(), threading.Event()
        self._restore: dict[str, Any] = {"events": []}
        self._posting = threading.Lock()
        self._driver: Driver | None = None
        self._early: list[Event] = []
        self._recorder: Recorder | None = None
        self._ring: InputRing | None = None
        self._record_early = ""

    def send(self, kind: str, **fields: Any) -> None:
        """Send a message (see `encode`) to the control process; if that is gone, stop."""
        line = encode(kind, **fields)
        with self._sending:
            try:
                self._writer.write(line)
                self._writer.flush()
            except OSError:
                self._stop.set()

    def run(self) -> None:
        """Set up, play, and stop when told to.

        Raises:
            SynthError: a bad setting, model or device.
            Lost: it played and can't go on.
            Stopped: it was told to end before it played.
        """
        setup = read_message(self._reader)
        if setup is None:
            raise Stopped
        settings = config_from_dict(DriverSettings, setup["driver"])
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        renderer, devices, rate = self._prepare(setup, settings)
        self.send("ready", engine=renderer.describe())
        self._wait(self._go)
        port = _open_port(settings, devices, renderer, rate)
        if port.channels_in:
            self._ring = InputRing(port.sample_rate, HEARD_S[1])
        tap = Tap(renderer, self._ring)
        driver = Driver(tap, port, settings.block, settings.lookahead)
        self._prepare_recorder(setup, tap, port)
        self._post(decode_events(self._restore), driver)
        _quieten_interpreter()
        driver.start()
        _raise_priority()
        self._await_first_sound(driver)
        label = devices[0].label if devices else "null"
        self.send("playing", device=label, driver=driver.describe(), restored=driver.events)
        self._watch(driver, port)
        clean = driver.stop(STOP_S)
        if self._recorder is not None:
            self._recorder.close()
        self.send("stopped", clean=clean, stats=driver.stats())

    def _prepare(
        self, setup: dict[str, Any], settings: DriverSettings
    ) -> tuple[Renderer, Devices | None, int]:
        """Make the renderer and find the devices; returns them and the sample rate.

        The renderer must fit the device, so the device comes first. But if an earlier process had
        agreed on rate and channels ("agreed"), the renderer is made for these at once, so that it
        is ready when the device returns.
        """
        agreed = setup.get("agreed") or {}
        rate, outputs = agreed.get("sample_rate", 0), agreed.get("channels", 0)
        renderer = self._build(setup, rate, outputs) if rate and outputs else None
        found = self._find_devices(settings) if settings.kind == "device" else None
        actual = settings.sample_rate or (found[0].sample_rate if found else DEFAULT_RATE)
        ways = found[0].outputs if found else DEFAULT_CHANNELS
        if renderer is None or actual != rate or ways < outputs:
            renderer = self._build(setup, actual, ways)
        return renderer, found, actual

    def _listen(self) -> None:
        try:
            while (message := read_message(self._reader)) is not None:
                if message["kind"] == "events":
                    self._post(decode_events(message))
                elif message["kind"] == "play":
                    self._restore = message
                    self._go.set()
                elif message["kind"] == "record":
                    self._record(str(message["path"]))
                elif message["kind"] == "hear":
                    self._hear(message)
                elif message["kind"] == "stop":
                    break
        except (OSError, SynthError) as error:
            print(f"listening ends: {error}", file=sys.stderr)  # noqa: T201 - the parent keeps it
        self._stop.set()
        self._go.set()
        # End even if something hangs: nobody is left to kill this process, or it was asked to stop.
        timer = threading.Timer(2 * STOP_S, os._exit, (0,))
        timer.daemon = True
        timer.start()

    def _post(self, events: list[Event], driver: Driver | None = None) -> None:
        """Give events to the driver; those that come before it exists wait for it.

        Args:
            events: in order.
            driver: given once, when it exists, with the events that go before all others.
        """
        with self._posting:
            if driver is not None:
                self._driver, events, self._early = driver, events + self._early, []
            if self._driver is None:
                self._early += events[: MAX_EARLY - len(self._early)]
            else:
                self._driver.post(events)

    def _prepare_recorder(self, setup: dict[str, Any], tap: Tap, port: Port) -> None:
        """Make recordings possible; one that was asked for already has the first sample."""
        made = {"sample_rate": tap.sample_rate, "channels": tap.channels}
        taken = port.channels_in if tap.channels_in else 0
        told = {"engine": {**setup["engine"], **made}, **made, "channels_in": taken}
        with self._posting:
            self._recorder = Recorder(
                tap, told, lambda state, text: self.send("record", state=state, message=text)
            )
            if self._record_early:
                self._recorder.record(self._record_early)

    def _record(self, path: str) -> None:
        with self._posting:
            if self._recorder is None:
                self._record_early = path
            else:
                self._recorder.record(path)

    def _hear(self, message: dict[str, Any]) -> None:
        """Write the last seconds of input to a new file, and say so."""
        ring, path = self._ring, str(message["path"])
        problem = "" if ring is not None else "no input is open"
        if ring is not None:
            audio = ring.latest(float(message["seconds"]))
            try:
                file = WavStream(Path(path), ring.sample_rate, 1)
                file.write(audio)
                file.close()
            except OSError as error:
                problem = f"{path}: can't be written ({error.strerror})"
        self.send("heard", path=path, problem=problem)

    def _wait(self, event: threading.Event, timeout: float | None = None) -> None:
        event.wait(timeout)
        if self._stop.is_set():
            raise Stopped

    def _find_devices(self, settings: DriverSettings) -> Devices:
        """Find the devices to use; wait for them as long as the settings say."""
        patience = time.monotonic() + settings.wait
        rescan = False
        while True:
            try:
                devices = list_devices(rescan)
                output = find_device(devices, settings.device)
                has_input = settings.input or any(d.inputs for d in devices)
                return output, find_device(devices, settings.input, "input") if has_input else None
            except DeviceError as error:
                if time.monotonic() >= patience:
                    raise
                self.send("waiting", message=str(error))
            rescan = True
            self._wait(self._stop, POLL_S)

    def _build(self, setup: dict[str, Any], rate: int, outputs: int) -> Renderer:
        settings = dict(setup["engine"])
        settings["sample_rate"] = rate
        settings["channels"] = min(settings.get("channels", DEFAULT_CHANNELS), outputs)
        if not setup.get("renderer"):
            return _engine(settings)
        module, _, function = str(setup["renderer"]).partition(":")
        return cast(Renderer, getattr(importlib.import_module(module), function)(settings))

    def _await_first_sound(self, driver: Driver) -> None:
        patience = time.monotonic() + FIRST_SOUND_S
        while not driver.ledger.started:
            if driver.finished or time.monotonic() > patience:
                raise Lost("start", f"no first block ({driver.failure or 'too slow'})")
            self._wait(self._stop, 0.002)

    def _watch(self, driver: Driver, port: Port) -> None:
        """Send heartbeats and watch the device and the renderer, until told to stop."""
        stall = max(STALL_S, 4 * port.period / port.sample_rate)
        asked, still, beat = -1, 0.0, 0.0
        before = time.perf_counter()
        cpu_before = time.process_time()
        while not self._stop.wait(TICK_S):
            now = time.perf_counter()
            # If this thread itself was held up, the device is not to blame.
            passed, before = min(now - before, 2 * TICK_S), now
            still = still + passed if port.asked() == asked else 0.0
            asked = port.asked()
            if driver.finished:
                raise Lost("crash", f"the render thread ended ({driver.failure!r})")
            if not port.alive():
                raise Lost("device", "the device or its server is gone")
            if still > stall:
                raise Lost("device", f"the device took nothing for {still:.2f} s")
            if now - driver.rendering_since > HANG_S:
                raise Lost("hang", f"one block took longer than {HANG_S} s")
            if now - beat >= BEAT_S:
                cpu = time.process_time()
                share = (cpu - cpu_before) / max(now - beat, BEAT_S) if beat else 0.0
                beat, cpu_before = now, cpu
                stats = {**driver.stats(), "cpu": round(share, 4)}
                stats["recording"] = self._recorder.status() if self._recorder else {}
                self.send("beat", stats=stats, moment=driver.moment())


def _engine(settings: dict[str, Any]) -> Renderer:
    from realtime.engine.settings import EngineSettings
    from realtime.plugins.rack import build_engine

    return build_engine(config_from_dict(EngineSettings, settings))


def _open_port(
    settings: DriverSettings,
    devices: Devices | None,
    renderer: Renderer,
    rate: int,
) -> Port:
    if devices is None:
        from realtime.device.null import NullPort

        period = settings.block or DEFAULT_BLOCK
        ways_in = _inputs(settings, renderer, HEARD_CHANNELS)
        return NullPort(rate, renderer.channels, ways_in, period)
    from realtime.device.sound_card import DevicePort

    output, source = devices
    inputs = _inputs(settings, renderer, source.inputs) if source else 0
    channels = min(max(renderer.channels, 1), output.outputs)
    return DevicePort(output, source, rate, channels, inputs, settings.block)


def _inputs(settings: DriverSettings, renderer: Renderer, there: int) -> int:
    """Channels of input to open, of those that are there. An input that was named is open also
    where no instrument takes it: its last seconds can be asked for."""
    unheard = HEARD_CHANNELS if settings.input else 0
    return min(renderer.channels_in or unheard, there)


def _quieten_interpreter() -> None:
    """Prevent pauses for garbage collection, and let threads take turns quickly."""
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def _raise_priority() -> None:
    """Give all threads real-time scheduling, where the system allows it to this user.

    All of them, because each may hold the interpreter while the render thread needs it. The
    priority is below that of JACK's own threads.
    """
    if not hasattr(os, "sched_setscheduler"):
        return
    for thread in threading.enumerate():
        try:
            os.sched_setscheduler(thread.native_id or 0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        except OSError:
            return


def main() -> NoReturn:
    """Run, and leave without cleaning up: an audio library that hangs would never let go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle
    child = Child(*take_over_stdio())
    code = 0
    try:
        child.run()
    except Stopped:
        child.send("stopped", clean=True, stats={})
    except Lost as lost:
        child.send("lost", cause=lost.cause, message=str(lost))
        code = EXIT_LOST
    except SynthError as error:
        code = error.exit_code
        child.send("error", name=type(error).__name__, message=str(error), exit_code=code)
    except Exception as error:  # noqa: BLE001 - the last resort: reported to the parent
        traceback.print_exc()
        code = 1
        message = f"{type(error).__name__}: {error}"
        child.send("error", name="SynthError", message=message, exit_code=code)
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
