"""Shared parts of the tests: a real JACK server, and processes that always end."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_numbers = itertools.count()
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What a test draws doesn't hang on the tests before it (pytest-randomly knows no torch)."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)


@dataclass
class JackServer:
    """A `jackd` with the dummy driver and a name of its own.

    Args:
        name: what JACK_DEFAULT_SERVER must be for its clients.
        sample_rate: Hz; period: frames.
        log: what it prints; killed: whether it left without tidying up.
    """

    name: str
    log: Path
    sample_rate: int = 48_000
    period: int = 128
    process: subprocess.Popen[bytes] | None = field(default=None)
    killed: bool = False

    def start(self) -> None:
        """Start it and wait until clients can come."""
        command = ["jackd", "--no-realtime", "-n", self.name, "-d", "dummy"]
        command += ["-r", str(self.sample_rate), "-p", str(self.period)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        patience = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > patience:
                self.kill()
                self.killed = False
                pytest.fail(f"jackd {self.name} doesn't start: {self.log.read_text()[-500:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it without any notice to its clients."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.killed = True

    def stop(self) -> None:
        """Ask it to end, so that it frees its place: a machine has places for eight servers."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
            self.killed = False
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def clear(self) -> None:
        """Stop it for good. One that was killed still holds its place until it ran once more."""
        if self.process is None and self.killed:
            self.start()
        self.stop()

    def _answers(self) -> bool:
        command = ["jack_wait", "-c", "-s", self.name]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=2.0)
        except subprocess.TimeoutExpired:  # a client can hang on a server that is half there
            return False
        return b"running" in done.stdout and b"not running" not in done.stdout


@pytest.fixture
def new_jack_server(tmp_path: Path) -> Iterator[Callable[..., JackServer]]:
    """Makes JACK servers, `new_jack_server(sample_rate=…, period=…)`, and stops them at the end."""
    if shutil.which("jackd") is None or shutil.which("jack_wait") is None:
        pytest.skip("jackd is not installed (Debian: apt install jackd2)")
    servers: list[JackServer] = []

    def make(sample_rate: int = 48_000, period: int = 128) -> JackServer:
        name = f"synth-{os.getpid()}-{next(_numbers)}"
        server = JackServer(name, tmp_path / f"{name}.log", sample_rate, period)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.clear()


@pytest.fixture
def jack_server(
    new_jack_server: Callable[..., JackServer], monkeypatch: pytest.MonkeyPatch
) -> JackServer:
    """A JACK server at 48 kHz with periods of 128 frames; processes started by the test find it
    (JACK_DEFAULT_SERVER is set to its `name`)."""
    server = new_jack_server()
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    return server
