"""A separate JACK server for a benchmark, and the line that describes the machine in its report."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path


class Server:
    """`jackd` with the dummy driver; its output goes to `log`."""

    def __init__(self, period: int, log: Path, realtime: bool, sample_rate: int = 48_000) -> None:
        self.name = f"bench-{os.getpid()}"
        self.period, self.sample_rate, self.log = period, sample_rate, log
        self.priority = "--realtime" if realtime else "--no-realtime"
        self.start()

    def start(self) -> None:
        """Start, and wait until clients can connect."""
        command = ["jackd", self.priority, "-n", self.name, "-d", "dummy"]
        command += ["-r", str(self.sample_rate), "-p", str(self.period)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        while b"not running" in self._ask() or self.process.poll() is not None:
            if self.process.poll() is not None:
                sys.exit(f"jackd doesn't start: {self.log.read_text()[-300:]}")
            time.sleep(0.01)

    def _ask(self) -> bytes:
        command = ["jack_wait", "-c", "-s", self.name]
        try:
            return subprocess.run(command, capture_output=True, check=False, timeout=2.0).stdout
        except subprocess.TimeoutExpired:  # a client can hang on a server that is half there
            return b"not running"

    def late(self, client: str) -> int:
        """How often the server found that this client had not finished."""
        return self.log.read_text().count(f"client = {client} was not finished")


@contextlib.contextmanager
def jack_server(period: int, log: Path, realtime: bool = False) -> Iterator[Server]:
    """A server; programs started meanwhile find it through the environment."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server is ended as well
    server = Server(period, log, realtime)
    os.environ["JACK_DEFAULT_SERVER"] = server.name
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait()


def headline() -> str:
    """Command, machine, load and date."""
    command = " ".join(["python", *sys.argv])
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    today = datetime.date.today().isoformat()
    return f"{command}\n{platform.platform()}, {os.cpu_count()} cores{load}, {today}"
