"""Measure `synth play`: time from start to first sound, from OSC or MIDI to the changed sample.

    python bench/latency.py [--period 128] [--times 200] [--instrument FILE] [--midi]

A JACK client sends OSC (with --midi, it sends the notes as MIDI) and watches the output of `synth
play` on the same dummy server. The engine itself moves `gain`; a note must pass through the model,
which adds at most one of its hops and the filter of the sample rate. The script prints each figure
beside the latency that `synth play` declares; MIDI has a delay of one block and a millisecond.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import jack
import numpy as np
import psutil
from jack_server import headline, jack_server

from realtime.namespace.address import Address
from realtime.osc.server import encode_message

PORT = 9371


class Watcher:
    """Listens to the output of PortAudio's client and finds the frame of its first sound."""

    def __init__(self, server: str) -> None:
        self.client = jack.Client("watcher", servername=server)
        self.port = self.client.inports.register("in")
        self.keys = self.client.midi_outports.register("keys")
        self.played: deque[bytes] = deque()
        self.first = 0
        self.next = 0  # frame that the next cycle should begin with
        self.missed = False  # whether cycles were lost, by this client or by the server
        self.wanted = False
        self.sounding = False
        self.found = threading.Event()
        self.client.set_process_callback(self._process)
        self.client.activate()

    def _process(self, frames: int) -> None:
        block = self.port.get_array()
        loud = np.flatnonzero(np.abs(block) > 1e-6)
        now = self.client.last_frame_time
        self.keys.clear_buffer()
        while self.played:
            self.keys.write_midi_event(0, self.played.popleft())
        self.missed |= now != self.next
        self.next = now + frames
        self.sounding = len(loud) > 0
        if self.wanted and len(loud):
            self.wanted = False
            self.first = now + int(loud[0])
            self.found.set()

    def connect(self) -> None:
        """Wait for the player's port."""
        while not (ports := self.client.get_ports("synth.*:", is_audio=True, is_output=True)):
            time.sleep(0.002)
        self.client.connect(ports[0], self.port)

    def await_silence(self) -> None:
        """Return after 50 ms of silence."""
        since = time.monotonic()
        while time.monotonic() - since < 0.05:
            if self.sounding:
                since = time.monotonic()
            time.sleep(0.002)

    def measure(self, cause: Callable[[], None]) -> int | None:
        """Frames from the cause to the first sound; None if cycles were lost meanwhile."""
        self.found.clear()
        self.missed = False
        self.wanted = True
        sent = self.client.frame_time
        cause()
        if not self.found.wait(5):
            sys.exit("no sound within 5 s")
        return None if self.missed else self.first - sent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--period", type=int, default=128)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--lookahead", type=int, default=None)
    parser.add_argument("--instrument", default=None)
    parser.add_argument("--midi", action="store_true")
    options = parser.parse_args()
    print(headline())
    with (
        tempfile.TemporaryDirectory() as folder,
        jack_server(options.period, Path(folder) / "jack.log") as server,
    ):
        watcher = Watcher(server.name)
        started = time.perf_counter()
        player = start_player(options)
        try:
            run(watcher, player, started, options)
        finally:
            player.terminate()
            player.wait()


def start_player(options: argparse.Namespace) -> subprocess.Popen[bytes]:
    """`synth play` on the server."""
    command = [sys.executable, "-c", "from synth.cli import main; main()", "play"]
    command += [options.instrument] if options.instrument else []
    command += ["--osc-port", str(PORT), "--block", str(options.period)]
    command += ["--midi", "watcher"] if options.midi else []
    if options.lookahead is not None:
        command += ["--lookahead", str(options.lookahead)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, "SYNTH_MIDI_API": "jack"}
    )


def run(
    watcher: Watcher,
    player: subprocess.Popen[bytes],
    started: float,
    options: argparse.Namespace,
) -> None:
    """All figures of one player."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect(("127.0.0.1", PORT))

    def send(address: str, *args: float) -> None:
        with contextlib.suppress(ConnectionRefusedError):  # nobody listens yet
            udp.send(encode_message(address, list(args)))

    def note() -> None:
        if options.midi:
            watcher.played.append(bytes((0x90, 60, 127)))
        else:
            send("/note/on", 60, 127)

    watcher.connect()
    while not watcher.sounding:
        send("/note/on", 60, 100)
        time.sleep(0.005)
    print(f"start to first sound: {time.perf_counter() - started:.2f} s")
    send("/panic")
    watcher.await_silence()
    while not watcher.sounding:  # the MIDI port is opened after the first sound
        note()
        time.sleep(0.1)
    send("/panic")
    watcher.await_silence()
    notes, gains = [], []
    for turn in range(options.times):
        # Steps of prime length, so that events meet blocks and hops at every phase.
        time.sleep(0.003 + turn * 0.0017 % 0.011)
        notes.append(watcher.measure(note))
        send("/panic")
        watcher.await_silence()
    name = Path(options.instrument).stem if options.instrument else "default"
    send(str(Address(name, "loop")), 2)
    send("/note/on", 60, 127)
    time.sleep(0.3)
    for turn in range(options.times):
        send("/gain", -80)
        watcher.await_silence()
        time.sleep(0.003 + turn * 0.0017 % 0.011)
        gains.append(watcher.measure(lambda: send("/gain", 0)))
        time.sleep(0.02)
    report("gain", gains, options)
    report("note by MIDI" if options.midi else "note", notes, options)
    tree = [psutil.Process(player.pid), *psutil.Process(player.pid).children(recursive=True)]
    peak = sum(held(p.pid, "VmHWM") for p in tree)
    shared = sum(held(p.pid, "RssShmem") for p in tree)
    print(
        f"peak memory of {len(tree)} processes: {(peak - shared) / 1e6:.0f} MB, and"
        f" {shared / 1e6:.0f} MB that the JACK server shares with its clients"
    )


def report(name: str, found: list[int | None], options: argparse.Namespace) -> None:
    """One row."""
    frames = [f for f in found if f is not None]
    lost = len(found) - len(frames)
    lookahead = options.lookahead or default_lookahead(options.period)
    p50, p99 = np.percentile(frames, (50, 99))
    blocks = options.period
    print(
        f"{name}: p50 {p50 / 48:.2f} ms, p99 {p99 / 48:.2f} ms, most {max(frames) / 48:.2f} ms;"
        f" look-ahead {lookahead} blocks = {lookahead * blocks / 48:.2f} ms, so p99 is"
        f" {(p99 - lookahead * blocks) / blocks:.2f} blocks above it; {lost} of {len(found)} are"
        " left out, in which the server or the watching client lost cycles"
    )


def default_lookahead(period: int) -> int:
    """The driver's default look-ahead: blocks that last 10 ms, at least 2."""
    return max(2, math.ceil(0.01 * 48_000 / period))


def held(pid: int, kind: str) -> int:
    """Bytes of memory of a kind, from /proc."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(kind):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
