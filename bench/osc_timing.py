"""Measure how exactly bundles sound at their time tags, against the clock of a JACK server.

    python bench/osc_timing.py [--period 128] [--times 200] [--ahead 0.2]

`synth play` holds a note on a dummy server. Bundles that are sent together open its gain at a
future time, close it, and open it again 100 ms after the first time. A JACK client finds the frames
at which the sound begins. The script reports two figures: by how many samples the second beginning
misses its distance from the first, and how far the frames are from a straight line over the times
of the tags. The position of the line is the latency, which is constant and declared; its slope is
the speed of the server's clock. When the server stands still, frames are missing: a step of more
than half a period ends a stretch, and each stretch of five rounds or more gets its own line. Rounds
in which the server or the client lost cycles are left out.
"""

from __future__ import annotations

import argparse
import random
import socket
import struct
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import numpy as np
from jack_server import headline, jack_server
from latency import PORT, Watcher, start_player

from realtime.protocol.osc_encode import encode_message

RATE = 48_000
UNIX = 2_208_988_800
OPEN, CLOSED = 0.0, -80.0  # dB; closed is exactly 0
CLOSE_S, AGAIN_S = 0.04, 0.1
SILENCE = RATE // 100  # samples before a beginning
PATIENCE_S = 5.0


class Ear(Watcher):
    """Records the frames at which sound begins after silence."""

    def __init__(self, server: str) -> None:
        self.onsets: deque[int] = deque(maxlen=16)
        self._silent = 0
        super().__init__(server)

    def _process(self, frames: int) -> None:
        super()._process(frames)
        loud = np.flatnonzero(self.port.get_array())
        if not len(loud):
            self._silent += frames
            return
        if self._silent + int(loud[0]) >= SILENCE:
            self.onsets.append(self.client.last_frame_time + int(loud[0]))
        self._silent = frames - 1 - int(loud[-1])

    def await_onsets(self, count: int) -> list[int]:
        """Wait for this many beginnings and return their frames."""
        end = time.monotonic() + PATIENCE_S
        while len(self.onsets) < count:
            if time.monotonic() > end:
                sys.exit(f"{len(self.onsets)} of {count} beginnings within {PATIENCE_S} s")
            time.sleep(0.005)
        return [self.onsets.popleft() for _ in range(count)]


class Sender:
    """Plays over OSC."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._server = ("127.0.0.1", PORT)

    def send(self, address: str, *args: float) -> None:
        """Send a message."""
        self._socket.sendto(encode_message(address, list(args)), self._server)

    def at(self, timetag: int, address: str, *args: float) -> None:
        """A message in a bundle."""
        element = encode_message(address, list(args))
        head = b"#bundle\0" + struct.pack(">Qi", timetag, len(element))
        self._socket.sendto(head + element, self._server)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--period", type=int, default=128)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--ahead", type=float, default=0.2)
    parser.add_argument("--lookahead", type=int, default=None)
    parser.set_defaults(instrument=None, midi=False)
    options = parser.parse_args()
    print(headline())
    with (
        tempfile.TemporaryDirectory() as folder,
        jack_server(options.period, Path(folder) / "jack.log") as server,
    ):
        ear = Ear(server.name)
        player = start_player(options)
        try:
            run(ear, options)
        finally:
            player.terminate()
            player.wait()


def run(ear: Ear, options: argparse.Namespace) -> None:
    """Measure rounds at random times."""
    sender, random_ = Sender(), random.Random(1)
    ear.connect()
    while not ear.sounding:
        sender.send("/default/loop", 2)
        sender.send("/note/on", 60, 127)
        time.sleep(0.3)
    time.sleep(2.0)  # the clock has seen some heartbeats
    rounds, apart, lost = [], [], 0
    for _ in range(options.times):
        sender.send("/gain", CLOSED)
        ear.await_silence()
        ear.onsets.clear()
        ear.missed = False
        moment = time.time() + options.ahead + random_.random() * 0.01
        tag = round((moment + UNIX) * 2**32)
        for after, gain in ((0.0, OPEN), (CLOSE_S, CLOSED), (AGAIN_S, OPEN)):
            sender.at(tag + round(after * 2**32), "/gain", gain)
        first, second = ear.await_onsets(2)
        if ear.missed:
            lost += 1
            continue
        rounds.append((moment, float(first)))
        apart.append(abs(second - first - AGAIN_S * RATE))
    report(np.array(rounds), np.array(apart), lost, options.period)


def report(rounds: np.ndarray, apart: np.ndarray, lost: int, period: int) -> None:
    """Compute the figures."""
    if not len(rounds):
        sys.exit("cycles were lost in every round: nothing can be said")
    print(
        f"distance of two bundles of a client: {np.mean(apart == 0):.0%} exact, error at most"
        f" {apart.max():.0f} samples; {len(apart)} rounds, {lost} left out"
    )
    seconds = rounds[:, 0] - rounds[0, 0]
    offset = rounds[:, 1] - rounds[0, 1] - seconds * RATE
    steps = np.flatnonzero(np.abs(np.diff(offset)) > period / 2) + 1
    away: list[float] = []
    for part in np.split(np.arange(len(rounds)), steps):
        if len(part) >= 5:
            slope, place = np.polyfit(seconds[part], offset[part], 1)
            away += list(np.abs(offset[part] - slope * seconds[part] - place) * 1000 / RATE)
    if not away:
        sys.exit(f"the server stood still {len(steps)} times: nothing can be said of its clock")
    print(
        f"time of the sound against that of the tag: p50 {np.percentile(away, 50):.3f} ms, p99"
        f" {np.percentile(away, 99):.3f} ms, most {max(away):.3f} ms from the line; {len(away)}"
        f" rounds, between which the server stood still {len(steps)} times"
    )


if __name__ == "__main__":
    main()
