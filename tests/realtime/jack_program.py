"""JACK clients as a process of their own: `python jack_program.py KIND ARGUMENTS`.

A call into libjack can wait for ever on a server that stalls, with the interpreter held, so none is
made in the process of a test. Started and asked by `jack_peers`: one command a line on stdin, one
JSON value a line on stdout. The process ends with its stdin.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import time
from typing import Any

import numpy as np

CYCLE_S = 2.0
GOODBYE_S = 1.0
CAPACITY = 60_000  # blocks that a listener can keep


def block_type(period: int) -> np.dtype[Any]:
    """What a listener's file is made of; the first block's `time` counts the blocks behind it."""
    return np.dtype([("time", np.int64), ("audio", np.float32, (period,))])


class Listen:
    """Writes what a port says to a file, with the server's frame times."""

    def __init__(self, server: str, path: str) -> None:
        import jack

        self._client = jack.Client("listener", servername=server, no_start_server=True)
        self._port = self._client.inports.register("in")
        period = self._client.blocksize
        self._blocks = np.memmap(path, block_type(period), "w+", shape=CAPACITY)
        self._count = 0
        self._client.set_process_callback(self._process)
        self._client.activate()
        patience = time.monotonic() + CYCLE_S
        while not self._count:  # now and then the server never calls a new client
            if time.monotonic() > patience:
                raise SystemExit("no cycle")
            time.sleep(0.005)
        self.greeting = period

    def leave(self) -> None:
        self._client.deactivate()
        self._client.close()

    def connect(self, source: str) -> bool:
        ports = self._client.get_ports(f"{source}.*:", is_audio=True, is_output=True)
        if ports and ports[0] not in self._client.get_all_connections(self._port):
            self._client.connect(ports[0], self._port)
        return bool(ports)

    def _process(self, frames: int) -> None:
        if self._count + 1 < CAPACITY:
            self._count += 1
            block = self._blocks[self._count]
            block["time"], block["audio"] = self._client.last_frame_time, self._port.get_array()
            self._blocks[0]["time"] = self._count


class Speak:
    """Says an impulse of 0.5 into the first input port of `sink`, every `every` frames."""

    def __init__(self, server: str, every: str, sink: str) -> None:
        import jack

        self._said: list[int] = []
        self._every = self._countdown = int(every)
        self._client = jack.Client("speaker", servername=server, no_start_server=True)
        self._port = self._client.outports.register("out")
        self._client.set_process_callback(self._process)
        self._client.activate()
        # PortAudio connects its inputs to the hardware's; only this client shall be heard.
        for port in self._client.get_ports(f"{sink}.*:", is_audio=True, is_input=True):
            for other in self._client.get_all_connections(port):
                self._client.disconnect(other, port)
            self._client.connect(self._port, port)
        self.greeting = 0

    def leave(self) -> None:
        self._client.deactivate()
        self._client.close()

    def impulses(self) -> list[int]:
        return list(self._said)

    def _process(self, frames: int) -> None:
        out = self._port.get_array()
        out[:] = 0.0
        if self._countdown < frames:
            out[self._countdown] = 0.5
            self._said.append(self._client.last_frame_time + self._countdown)
            self._countdown += self._every
        self._countdown -= frames


class Loop:
    """Plays a sound again and again into the input ports of `sink`.

    Args:
        path: of a `.npy` file, `[samples]`.
    """

    def __init__(self, server: str, path: str, sink: str) -> None:
        import jack

        self._sound, self._at = np.load(path), 0
        self._client = jack.Client("loop", servername=server, no_start_server=True)
        self._port = self._client.outports.register("out")
        self._client.set_process_callback(self._process)
        self._client.activate()
        for port in self._client.get_ports(f"{sink}.*:", is_audio=True, is_input=True):
            for other in self._client.get_all_connections(port):
                self._client.disconnect(other, port)
            self._client.connect(self._port, port)
        self.greeting = 0

    def leave(self) -> None:
        self._client.deactivate()
        self._client.close()

    def _process(self, frames: int) -> None:
        places = np.arange(self._at, self._at + frames) % len(self._sound)
        self._port.get_array()[:] = self._sound[places]
        self._at += frames


class Keys:
    """A MIDI output: a port of its own, or connected to the first input whose name begins so."""

    def __init__(self, client: str, target: str) -> None:
        import rtmidi

        self._port = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=client)
        if target:
            names = [str(name) for name in self._port.get_ports()]
            self._port.open_port([name.startswith(target) for name in names].index(True))
        else:
            self._port.open_virtual_port("keys")
        self.greeting = 0

    def leave(self) -> None:
        self._port.close_port()
        self._port.delete()

    def play(self, hexadecimal: str) -> None:
        self._port.send_message(list(bytes.fromhex(hexadecimal)))


class Pianist:
    """A MIDI output that plays at frames of the server's clock."""

    def __init__(self, client: str) -> None:
        import jack

        self._due: list[tuple[int, bytes]] = []
        self._client = jack.Client(client, no_start_server=True)
        self._port = self._client.midi_outports.register("keys")
        self._client.set_process_callback(self._process)
        self._client.activate()
        self.greeting = self._client.samplerate

    def leave(self) -> None:
        self._client.deactivate()
        self._client.close()

    def play(self, distances: list[int], hexadecimal: str) -> None:
        """The same message again and again, so many frames after the one before."""
        at = self._client.frame_time + 4 * self._client.blocksize
        due = []
        for distance in distances:
            at += distance
            due.append((at, bytes.fromhex(hexadecimal)))
        self._due = due

    def left(self) -> int:
        return len(self._due)

    def _process(self, frames: int) -> None:
        self._port.clear_buffer()
        began = self._client.last_frame_time
        while self._due and self._due[0][0] < began + frames:
            at, message = self._due.pop(0)
            self._port.write_midi_event(max(at - began, 0), message)


class Desk:
    """A MIDI input that others connect to; remembers what came, in hexadecimal."""

    def __init__(self, client: str) -> None:
        import rtmidi

        self._came: list[str] = []
        self._port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=client)
        self._port.set_callback(lambda delivered, _: self._came.append(bytes(delivered[0]).hex()))
        self._port.open_virtual_port("faders")
        self.greeting = 0

    def leave(self) -> None:
        self._port.close_port()
        self._port.delete()

    def came(self) -> list[str]:
        return list(self._came)


def main() -> None:
    kinds = {
        "listen": Listen, "speak": Speak, "loop": Loop, "keys": Keys, "desk": Desk,
        "pianist": Pianist,
    }  # fmt: skip
    peer = kinds[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(peer.greeting), flush=True)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        print(json.dumps(getattr(peer, command)(*arguments)), flush=True)
    # A server that is stopped while a client just died hangs, so clients say goodbye; that can hang
    # too, with the interpreter held, which this timer doesn't need.
    faulthandler.dump_traceback_later(GOODBYE_S, exit=True)
    peer.leave()
    os._exit(0)


if __name__ == "__main__":
    main()
