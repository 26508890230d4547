"""`MidiPort`: a MIDI port held by a process of its own (`realtime.midi.port_process`).

A MIDI library can hang (JACK's does when its server stalls) and then stops its whole process. A
process that hangs or whose port has vanished is replaced by one that waits for the port.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Self

from realtime.midi.ports import check_api, lasting
from realtime.process.child import ChildProcess, Report
from realtime.process.link import encode
from synth.contract import DeviceError, SynthError, error_named

START_S = 10.0
SILENCE_S = 3.0
LEAVE_S = 1.0


class MidiPort:
    """A port that is open from construction to `close`; a context manager.

    Subclasses take or send its messages.

    Args:
        port: a port's name or a part of it (upper or lower case; a full name is preferred); None
            takes the first port and, if there is none, makes a virtual port for others to connect
            to.
        api: "alsa", "coremidi", "winmm" or "jack"; "" takes the environment's SYNTH_MIDI_API, else
            the first of them that works here.
        direction: "input" or "output".

    Attributes:
        name: of the port.
        api: the API in use.
        virtual: whether the port was made here.

    Raises:
        ConfigError: the API's name is unknown.
        DeviceError: no MIDI system runs or answers, or no port fits; the message lists the ports.
    """

    def __init__(self, port: str | None, api: str, direction: str) -> None:
        self.name, self.api, self.virtual = "", check_api(api), False
        self._direction = direction
        self._wanted, self._there, self._closed = port, False, False
        self._gone = False
        self._error: SynthError | None = None
        self._changed = threading.Condition()
        self._process: ChildProcess | None = None
        self._start(wait=False)
        with self._changed:
            self._changed.wait_for(lambda: self._there or self._error, START_S)
            error = self._error
        if not self._there:
            self.close()
            raise error or DeviceError("the MIDI system doesn't answer; restart it, or play by OSC")
        if not self.virtual:
            self._wanted = port or lasting(self.name)

    def check(self) -> bool:
        """Whether the port is there. Never waits; meant to be called about once a second.

        A port doesn't report that it was unplugged: this call finds out, and calls `_lost`. A port
        that is plugged in again is opened again.
        """
        if self._closed:
            return False
        with self._changed:
            there, gone = self._there, self._gone
            silent = time.monotonic() - self._heard > SILENCE_S
        if gone or silent:
            self.renew()
            return False
        return there

    def renew(self) -> None:
        """Close the port and wait for it anew, as after the loss of a JACK server, whose ports
        vanish without notice."""
        if not self._closed:
            self._leave(0.0)
            self._start(wait=True)

    def close(self) -> None:
        """Let go of everything that it holds and release the port. May be called twice."""
        if not self._closed:
            self._closed = True
            self._leave(LEAVE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> None:
        """Called when the port is there, for the first time or again."""

    def _lost(self) -> None:
        """The port that was there is gone, or its sender is, as active sensing tells."""

    def _midi(self, data: bytes, at: float) -> None:
        """Called with bytes that came in at `at` s of `time.monotonic()`."""

    def _tell(self, line: bytes) -> None:
        """Send a line to the process, if its port is open."""
        with self._changed:
            if self._process is not None and self._there:
                self._process.outbox.put_message(line)

    def _start(self, wait: bool) -> None:
        self._heard = time.monotonic()
        process = ChildProcess(self._take, "realtime.midi.port_process")
        with self._changed:
            self._process, self._gone = process, False
        setup = {"port": self._wanted, "api": self.api, "wait": wait, "direction": self._direction}
        process.outbox.put_message(encode("setup", **setup))

    def _leave(self, patience: float) -> None:
        """End the process, whatever it is doing, and let go of everything that its port held."""
        with self._changed:
            process, self._process = self._process, None
        if process is not None:
            process.outbox.close()
            if process.reap(patience) is None:
                process.kill()
                process.reap()
        self._release()

    def _take(self, report: Report) -> None:
        """Take a message of the process, on its reading thread."""
        process, message = report
        kind = message["kind"]
        with self._changed:
            # The first message can come before the constructor has stored the process.
            if process is not (self._process or process):
                return
            self._heard = time.monotonic()
            self._update(kind, message)
            self._changed.notify_all()
        if kind == "midi":
            self._midi(bytes.fromhex(message["data"]), float(message["at"]))
        elif kind == "open":
            self._opened()
        elif kind == "silent":
            self._lost()
        elif kind == "gone":
            self._release()

    def _update(self, kind: str, message: dict[str, Any]) -> None:
        if kind == "open":
            self.name, self.api = str(message["name"]), str(message["api"])
            self.virtual, self._there = bool(message["virtual"]), True
        elif kind == "error":
            self._error = error_named(str(message["name"]), str(message["message"]))
        elif kind == "gone":
            self._gone = True
            self._error = self._error or DeviceError(
                "the process of the MIDI port has crashed; restart the MIDI system, or play by OSC"
            )

    def _release(self) -> None:
        with self._changed:
            there, self._there = self._there, False
        if there:
            self._lost()
