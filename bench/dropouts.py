"""Count drop-outs on a JACK server while the control process is as busy as it can be.

    python bench/dropouts.py [--minutes 10] [--period 256] [--instrument FILE] [--calm]

The engine holds a note while a hundred OSC messages a second arrive over UDP. In the control
process, a loop spins and the garbage collector runs over a million objects every second (not with
`--calm`). On the same server runs a C client that does nothing: the machine causes its losses.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from jack_server import Server, headline, jack_server

from realtime.device.driver import DriverSettings
from realtime.device.ledger import Ledger
from realtime.namespace.address import Address
from realtime.namespace.event import NOW, Event
from realtime.session.session import Session, SessionSettings
from realtime.supervisor.status import Status

OSC_PER_SECOND = 100


class QuietClient:
    """The C client, or nothing if it can't be built."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server, self._times = server, folder / "times"
        source, program = Path(__file__).with_name("quiet_client.c"), folder / "quiet_client"
        self._process: subprocess.Popen[bytes] | None = None
        if shutil.which("gcc") and Path("/usr/include/jack/jack.h").exists():
            subprocess.run(["gcc", "-O2", "-o", program, source, "-ljack"], check=True)
            command = [program, server.name, self._times]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE)

    def finish(self) -> str:
        """Its losses, counted by the same ledger as the engine's."""
        if self._process is None:
            return "no C client: gcc or libjack-jackd2-dev is missing"
        self._process.communicate()
        times = np.fromfile(self._times, np.uint64).astype(np.float64) * 1e-6
        ledger = Ledger(self._server.sample_rate, self._server.period)
        ledger.start(times[0])
        for cycle, now in enumerate(times):
            frames = (cycle + 1) * self._server.period
            ledger.observe(now, frames, frames)
        gap = 1000 * np.diff(times).max()
        late = self._server.late("quiet")
        return (
            f"C client: {ledger.lost_device} frames lost by the server's clock, longest cycle"
            f" {gap:.1f} ms, {late} times late"
        )


def spin(stop: threading.Event) -> None:
    """The busy loop."""
    number = 0
    while not stop.is_set():
        number = (number * 1_103_515_245 + 12_345) % 2**31


def litter(stop: threading.Event) -> None:
    """A million objects in cycles, collected every second."""
    heap = [[i] for i in range(1_000_000)]
    for item in heap:
        item.append(item)
    while not stop.wait(1.0):
        gc.collect()


SENDER = """
import math, sys, time
from pythonosc.udp_client import SimpleUDPClient
client = SimpleUDPClient("127.0.0.1", int(sys.argv[1]))
for number in range(10**9):
    target = sys.argv[3:][number % len(sys.argv[3:])]
    client.send_message(target, 0.5 + 0.5 * math.sin(number / 50))
    time.sleep(1 / float(sys.argv[2]))
"""


def send_osc(port: int, targets: list[str]) -> subprocess.Popen[bytes]:
    """A process that moves the controls of the instrument one after the other."""
    command = [sys.executable, "-c", SENDER, str(port), str(OSC_PER_SECOND), *targets]
    return subprocess.Popen(command)


def run(minutes: float, lookahead: int, instrument: tuple[str, ...], calm: bool) -> Status:
    """Play, be busy, and return the last status."""
    driver = DriverSettings(lookahead=lookahead)
    stop = threading.Event()
    with Session(SessionSettings(instrument, driver=driver, osc_port=0)) as session:
        controls = [
            str(Address(plugin["name"], control["name"]))
            for plugin in session.status().engine["plugins"]
            for control in plugin["controls"]
            if control["size"] == 1 and not control["per_voice"]
        ]
        busy = () if calm else (spin, litter)
        tasks = [threading.Thread(target=work, args=(stop,)) for work in busy]
        for task in tasks:
            task.start()
        if session.osc is None:
            raise RuntimeError("the session takes no OSC")
        sender = send_osc(session.osc.port, controls or ["/gain"])
        try:
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end:
                for key in (48.0, 55.0, 64.0):
                    session.take(Event(NOW, "/note/on", (key, 100.0)))
                time.sleep(min(2.0, max(0.0, end - time.monotonic())))
                session.take(Event(NOW, "/all_notes_off"))
            return session.status()
        finally:
            sender.kill()
            sender.wait()
            stop.set()
            for task in tasks:
                task.join()


def main() -> None:
    """Print one report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--period", type=int, default=256)
    parser.add_argument("--lookahead", type=int, default=DriverSettings().lookahead)
    parser.add_argument("--realtime", action="store_true", help="server with real-time priority")
    parser.add_argument("--calm", action="store_true", help="a control process with little to do")
    parser.add_argument("--instrument", action="append", default=[])
    arguments = parser.parse_args()
    print(headline())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with jack_server(arguments.period, folder / "jack.log", arguments.realtime) as server:
            quiet = QuietClient(server, folder)
            status = run(
                arguments.minutes,
                arguments.lookahead,
                tuple(arguments.instrument),
                arguments.calm,
            )
            report = quiet.finish()
            stats, late = status.stats, server.late("synth")
    work = "calm" if arguments.calm else "busy"
    print(f"{work}, {arguments.minutes} min at 48 kHz, period {arguments.period}: {status.driver}")
    print(
        f"engine: {stats['lost_frames_ring']} frames lost by itself, "
        f"{stats['lost_frames_device']} by the server's clock, longest gap"
        f" {stats['longest_gap_ms']} ms, {late} times late,"
        f" {sum(status.restarts.values())} restarts"
    )
    print(report)
    causes = [f"underruns_{cause}" for cause in ("render", "thread", "device")]
    for key in (
        *causes,
        "late_render",
        "late_thread",
        "load",
        "render_p99_ms",
        "cpu",
        "events",
    ):
        print(f"  {key}: {stats[key]}")


if __name__ == "__main__":
    main()
