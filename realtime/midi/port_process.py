"""The process of a MIDI port: `python -m realtime.midi.port_process`, started by `midi.port`.

A process serves one port: it opens the port (or waits for it), passes messages on, and ends when
the port vanishes. If the library hangs, the process is killed from outside, and nothing is left.

    control -> here   setup {port, api, wait, direction}, send {data}
    here -> control   open {name, api, virtual}, midi {data, at}, silent, beat, error
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from typing import Any, BinaryIO, NoReturn, cast

from realtime.midi.active_sensing import ActiveSensing
from realtime.midi.arrival import ArrivalClock
from realtime.midi.ports import names, new_client, open_port
from realtime.process.link import encode, read_message, take_over_stdio
from synth.contract import DeviceError, SynthError

LOOK_S = 0.5
LOOKS_OF_A_CLIENT = 4
SENSE_S = 0.05  # between two looks whether a sender that promised to be heard still is
LEAVE_S = 0.4


class MidiChild:
    """The process of a port, from its first message to its end.

    Args:
        reader: messages from the control process.
        writer: messages to it.
    """

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader, self._writer = reader, writer
        self._sending = threading.Lock()
        self._ended = threading.Event()
        self._arrivals = ArrivalClock()
        self._api, self._client = "", cast(Any, None)
        self._looks = 0
        self._sensing = ActiveSensing()

    def run(self) -> None:
        """Open a port and pass its messages on, until it vanishes or the control process is gone.

        Raises:
            SynthError: there is no such port, and the process was not told to wait for it.
        """
        setup = read_message(self._reader)
        if setup is None:
            return
        output = setup["direction"] == "output"
        if not output:
            threading.Thread(target=self._end_with_parent, daemon=True).start()
        opened = self._open(setup)
        while opened is None:
            self._send("beat")
            if self._ended.wait(LOOK_S):
                return
            opened = self._open(setup)
        client, api, name, virtual = opened
        if output:
            threading.Thread(target=self._speak, args=(client,), daemon=True).start()
        self._send("open", name=name, api=api, virtual=virtual)
        while virtual or name in names(client):
            self._send("beat")
            if self._rest():
                break
        # A JACK server stumbles over clients that just die, so they close properly. But it may not
        # answer, and the call holds the interpreter: this timer works without it.
        faulthandler.dump_traceback_later(LEAVE_S, exit=True)
        client.close_port()
        client.delete()

    def _open(self, setup: dict[str, Any]) -> tuple[Any, str, str, bool] | None:
        """Open the port; None if it isn't there and the process shall wait for it."""
        self._looks += 1
        try:
            if self._client is None:
                self._api, self._client = new_client(setup["api"], setup["direction"])
                if setup["direction"] == "input":
                    self._client.ignore_types(sysex=True, timing=False, active_sense=False)
                    self._client.set_callback(self._receive)
            name, virtual = open_port(self._client, self._api, setup["port"])
        except DeviceError:
            # A client of a server that is gone never sees a port again, and a server stumbles over
            # clients that come and go all the time: so one client serves for some looks.
            done = not setup["wait"] or self._looks % LOOKS_OF_A_CLIENT == 0
            if done and self._client is not None:
                self._client.delete()
                self._client = None
            if not setup["wait"]:
                raise
            return None
        return self._client, self._api, name, virtual

    def _receive(self, delivered: tuple[Any, ...], _: object = None) -> None:
        data, delta, *ahead = delivered  # a third number: how much later than delivered it counts
        now = time.monotonic()
        at = self._arrivals.stamp(delta, now) + sum(ahead)
        if self._sensing.heard(data, now):
            self._send("midi", data=bytes(data).hex(), at=at)

    def _rest(self) -> bool:
        """Wait for the next look at the ports, and tell if a sender falls silent meanwhile that
        promised not to; whether nobody listens any more."""
        until = time.monotonic() + LOOK_S
        while (now := time.monotonic()) < until:
            if self._sensing.silent(now):
                self._send("silent")
            if self._ended.wait(min(SENSE_S, until - now)):
                return True
        return False

    def _speak(self, client: Any) -> None:
        """Send the control process's messages to the port, until it ends."""
        try:
            while (message := read_message(self._reader)) is not None:
                if message["kind"] == "send":
                    client.send_message(list(bytes.fromhex(message["data"])))
        except Exception as error:  # noqa: BLE001 - the library's own errors share no base class
            print(f"sending ends: {error}", file=sys.stderr)  # noqa: T201 - the parent keeps it
        self._ended.set()

    def _send(self, kind: str, **fields: Any) -> None:
        line = encode(kind, **fields)
        with self._sending:
            try:
                self._writer.write(line)
                self._writer.flush()
            except OSError:
                self._ended.set()  # nobody listens

    def _end_with_parent(self) -> None:
        while self._reader.read(1):
            pass
        self._ended.set()


def main() -> NoReturn:
    """Serve a port and leave."""
    child = MidiChild(*take_over_stdio())
    code = 0
    try:
        child.run()
    except SynthError as error:
        code = error.exit_code
        child._send("error", name=type(error).__name__, message=str(error))
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
