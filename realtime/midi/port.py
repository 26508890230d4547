"""`MidiPort`: a MIDI port held by a process of its own (`realtime.midi.port_process`).

A MIDI library can hang, JACK's does when its server stalls, and takes its whole process along. A
process that hangs or whose port vanished is replaced by one that waits for the port.
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
    """Open from construction to `close`; a context manager. What goes through is its heirs'.

    Args:
        port: a part of a port's name (upper or lower case), its full name first; None takes the
            first port there is, and where there is none makes a virtual port that others connect
            to.
        api: "alsa", "coremidi", "winmm" or "jack"; "" takes the environment's SYNTH_MIDI_API, else
            the first of them that works here.
        direction: "input" or "output".

    Attributes:
        name: of the port; api: in use; virtual: whether the port was made here.

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

        An unplugged port says nothing by itself: `_lost` is called as soon as it is missed. A port
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
        """Let go of the port and wait for it anew, as after the loss of a JACK server, which takes
        its ports along without a word."""
        if not self._closed:
            self._leave(0.0)
            self._start(wait=True)

    def close(self) -> None:
        """Let go of what it holds and give the port back. May be called twice."""
        if not self._closed:
            self._closed = True
            self._leave(LEAVE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> None:
        """The port is there, for the first time or again."""

    def _lost(self) -> None:
        """The port that was there is gone, or its sender is, as active sensing tells."""

    def _midi(self, data: bytes, at: float) -> None:
        """Bytes that came in at `at` s of `time.monotonic()`."""

    def _tell(self, line: bytes) -> None:
        """Say something to the process, if there is one."""
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
        """End the process, whatever it is doing, and what it held."""
        with self._changed:
            process, self._process = self._process, None
        if process is not None:
            process.outbox.close()
            if process.reap(patience) is None:
                process.kill()
                process.reap()
        self._release()

    def _take(self, report: Report) -> None:
        """What the process says, on its reader's thread."""
        process, message = report
        kind = message["kind"]
        with self._changed:
            # The first words can come before the constructor has the process in its hands.
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
                "the MIDI system ended the process that opened it"
            )

    def _release(self) -> None:
        with self._changed:
            there, self._there = self._there, False
        if there:
            self._lost()
