"""`MidiOutput`: sends the values of controls to motor faders and lit rings."""

from __future__ import annotations

import threading
import time

from realtime.midi.faders import Faders, Values
from realtime.midi.port import MidiPort
from realtime.process.link import encode

PERIOD_S = 0.02


class MidiOutput(MidiPort):
    """Sends from construction to `close`; a context manager.

    A port that is plugged in again is sent everything again.

    Args:
        port, api: see `MidiPort`; a virtual port is called "synth".
        faders: makes the messages.
        values: returns the last value of an address, or None; called on any thread.

    Raises:
        ConfigError: the API's name is unknown.
        DeviceError: no MIDI system runs or answers, or no port fits; the message lists the ports.
    """

    def __init__(self, port: str | None, faders: Faders, values: Values, api: str = "") -> None:
        self._faders, self._values = faders, values
        self.sent = 0
        self._fresh = True
        self._stopping = threading.Event()
        super().__init__(port, api, "output")
        self._thread = threading.Thread(target=self._run, name="midi out", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop sending and release the port. May be called twice."""
        self._stopping.set()
        super().close()

    def _opened(self) -> None:
        self._fresh = True

    def _run(self) -> None:
        while not self._stopping.wait(PERIOD_S):
            if not self._there:
                continue
            if self._fresh:
                self._fresh = False
                self._faders.forget()
            for message in self._faders.due(self._values, time.monotonic()):
                self._tell(encode("send", data=message.hex()))
                self.sent += 1
