"""How exactly bundles are heard when their time tags say, against the clock of a JACK server.

    python bench/osc_timing.py [--period 128] [--times 200] [--ahead 0.2]

`synth play` holds a note on a dummy server. Bundles open its gain at a moment to come; a JACK
client knows the frame of the first sound. The latency is constant and declared; what is told is its
spread (jitter of absolute time), and the error of the distance between a bundle and the next one,
for pairs between which no cycle was lost.
"""

from __future__ import annotations

import argparse
import itertools
import random
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from jack_server import headline, jack_server
from latency import PORT, Watcher, start_player

from realtime.osc_encode import encode_message

RATE = 48_000
UNIX = 2_208_988_800


class Sender:
    """Plays by OSC."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._server = ("127.0.0.1", PORT)

    def send(self, address: str, *args: float) -> None:
        """A message."""
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
        watcher = Watcher(server.name)
        player = start_player(options)
        try:
            run(watcher, options)
        finally:
            player.terminate()
            player.wait()


def run(watcher: Watcher, options: argparse.Namespace) -> None:
    """Let the gain open at random moments, in pairs a known number of samples apart."""
    sender, random_ = Sender(), random.Random(1)
    watcher.connect()
    while not watcher.sounding:
        sender.send("/default/loop", 2)
        sender.send("/note/on", 60, 127)
        time.sleep(0.3)
    time.sleep(2.0)  # the clock has seen some heartbeats
    heard: list[int | None] = []
    asked: list[tuple[int, float]] = []
    for _ in range(options.times):
        # From here on, so that a loss between two rounds leaves out the second one.
        watcher.missed = False
        sender.send("/gain", -80)
        watcher.await_silence()
        moment = time.time() + options.ahead + random_.random() * 0.01
        timetag = round((moment + UNIX) * 2**32)
        now = time.time()
        expected = watcher.client.frame_time + (moment - now) * RATE
        watcher.found.clear()
        watcher.wanted = True
        sender.at(timetag, "/gain", 0)
        if not watcher.found.wait(5):
            sys.exit("no sound within 5 s")
        heard.append(None if watcher.missed else watcher.first)
        asked.append((timetag, expected))
        time.sleep(0.02)
    report(heard, asked)


def report(heard: list[int | None], asked: list[tuple[int, float]]) -> None:
    """The figures."""
    rounds = list(zip(heard, asked, strict=True))
    good = [(h, a) for h, a in rounds if h is not None]
    if not good:
        sys.exit("cycles were lost in every round: nothing can be said")
    late = np.array([h - expected for h, (_, expected) in good])
    middle = np.median(late)
    away = np.abs(late - middle) * 1000 / RATE
    print(
        f"time tag to sound: {middle * 1000 / RATE:.2f} ms at the median; away from it p50"
        f" {np.percentile(away, 50):.3f} ms, p99 {np.percentile(away, 99):.3f} ms, most"
        f" {away.max():.3f} ms; {len(heard) - len(good)} of {len(heard)} left out, in which the"
        " server or the watching client lost cycles"
    )
    apart = np.array(
        [
            abs((h2 - h1) - (t2 - t1) * RATE / 2**32)
            for (h1, (t1, _)), (h2, (t2, _)) in itertools.pairwise(rounds)
            if h1 is not None and h2 is not None
        ]
    )
    if len(apart):
        print(
            f"distance of two bundles in a row, {len(apart)} of them: error p50"
            f" {np.percentile(apart, 50):.1f}, p99 {np.percentile(apart, 99):.1f} samples"
        )


if __name__ == "__main__":
    main()
