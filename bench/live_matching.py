"""Live matching with JACK at work: time from /match to the patch, and frames lost meanwhile.

    python bench/live_matching.py INSTRUMENT --matcher FILE [--times 5] [--still]

Starts a JACK server of its own (dummy driver), plays a tone into the input and a chord on the
instrument. `--still` waits as long without matching, to compare with.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from realtime.device.driver import DriverSettings
from realtime.namespace.event import NOW, Event
from realtime.session.session import Session, SessionSettings
from tests.realtime.jack_peers import Loop, wait_until

SERVER, RATE, PERIOD = f"match-{os.getpid()}", 48_000, 256
CHORD = (45.0, 57.0, 64.0)
LONGEST_S = 60.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("instrument")
    parser.add_argument("--matcher", default="")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--still", action="store_true")
    given = parser.parse_args()
    os.environ["JACK_DEFAULT_SERVER"] = SERVER
    command = ["jackd", "-n", SERVER, "-d", "dummy", "-r", str(RATE), "-p", str(PERIOD)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        subprocess.run(
            ["jack_wait", "-w", "-s", SERVER, "-t", "10"], check=True, capture_output=True
        )
        measure(given)
    finally:
        server.terminate()
        server.wait(10)


def measure(given: argparse.Namespace) -> None:
    turns = np.arange(RATE) * 220 / RATE
    tone = (0.2 * np.exp(-3 * np.arange(RATE) / RATE) * np.sin(2 * np.pi * turns)).astype(
        np.float32
    )
    settings = SessionSettings(
        (given.instrument,),
        driver=DriverSettings(input="system"),
        osc_port=0,
        oscquery=False,
        matcher=given.matcher,
    )
    with Session(settings) as session, Loop(SERVER, tone):
        for key in CHORD:
            session.take(Event(NOW, "/note/on", (key, 90.0)))
        time.sleep(5.0)
        for _ in range(given.times):
            report(session, given.still)


def report(session: Session, still: bool) -> None:
    """One match, or as long a time without one."""
    matcher = session.matcher
    assert matcher is not None
    lost, began = session.status().stats.get("lost_frames", 0), time.perf_counter()
    if still:
        time.sleep(3.0)
    else:
        command = session.commands.find("/match")
        assert command is not None
        command([4.0, 0.5])
        wait_until(lambda: matcher._run is None, LONGEST_S)
    seconds = time.perf_counter() - began
    time.sleep(0.6)
    now = session.status().stats.get("lost_frames", 0)
    print(f"{seconds:.2f} s  lost {now - lost} frames  {'' if still else matcher.words}")


if __name__ == "__main__":
    main()
