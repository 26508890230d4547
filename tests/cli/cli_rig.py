"""Parts of the command line's tests: commands in this process, and `synth play` in one of its own.

Every process started here fails on the import of torch, because what plays must not need it.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from synth.cli import main

SYNTH = Path(sys.executable).with_name("synth")
PATIENCE_S = 20.0
NO_TORCH = """
import sys

class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchaudio", "lightning", "matplotlib"):
            sys.stderr.write(f"torch-free code imports {name}\\n")
            raise ImportError(name)

sys.meta_path.insert(0, Refusal())
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Done:
    """Run a command in this process."""
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return Done(int(end.value.code or 0), out, err)


def environment(folder: Path) -> dict[str, str]:
    """This process's environment, in which torch can't be imported."""
    (folder / "sitecustomize.py").write_text(NO_TORCH)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "120"}


def start(folder: Path, *arguments: object, **more: Any) -> subprocess.Popen[str]:
    """Start `synth ARGUMENTS` in `folder`."""
    command = [str(SYNTH), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment(folder), **pipes, **more)


def run(folder: Path, *arguments: object) -> Done:
    """Run `synth ARGUMENTS` in `folder`, to its end."""
    process = start(folder, *arguments)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return Done(process.returncode, out, err)


def on_terminal(
    folder: Path,
    *arguments: object,
    seen: Callable[[str], bool] = lambda _: False,
    program: str = str(SYNTH),
    **more: str,
) -> Done:
    """Run `synth ARGUMENTS` on a pseudo terminal of 120 columns; stdout and stderr in one.

    Args:
        folder: where it runs; arguments: of `synth`.
        seen: Ctrl-C is pressed once this says yes to all that was shown so far.
        program: what is run instead of `synth`.
        more: further variables of the environment.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        [program, *map(str, arguments)], cwd=folder,
        env={**environment(folder), "TERM": "xterm", **more},
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    shown, pressed, end = b"", False, time.monotonic() + 2 * PATIENCE_S
    try:
        while time.monotonic() < end:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    shown += os.read(master, 65_536)
                except OSError:  # nobody holds the other end any more
                    break
            if not pressed and seen(shown.decode("utf-8", "surrogateescape")):
                os.write(master, b"\x03")
                pressed = True
        code = process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return Done(code, shown.decode("utf-8", "surrogateescape"), "")


def free_port() -> int:
    """A UDP port that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Player:
    """`synth play ARGUMENTS --osc-port PORT` as a process; a context manager.

    Args:
        folder: where it runs; arguments: of `synth play`.
    """

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.port = free_port()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self.process = subprocess.Popen(
            [str(SYNTH), "play", *map(str, arguments), "--osc-port", str(self.port)],
            cwd=folder, env=environment(folder), stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.25)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._socket.close()
        self._log.close()

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        self._log.seek(0)
        return self._log.read()

    def send(self, address: str, *args: float | str) -> None:
        """An OSC message from python-osc."""
        builder = OscMessageBuilder(address)
        for arg in args:
            builder.add_arg(arg)
        self.send_bytes(builder.build().dgram)

    def send_bytes(self, packet: bytes) -> None:
        """Any datagram."""
        self._socket.sendto(packet, ("127.0.0.1", self.port))

    def answer(self) -> OscMessage | None:
        """The next message back, or None if none comes soon."""
        try:
            return OscMessage(self._socket.recv(65_536))
        except OSError:  # a timeout, or nobody listens yet
            return None

    def status(self) -> dict[str, float]:
        """The numbers of `/status.reply`, empty if no answer comes."""
        self.send("/status")
        while (message := self.answer()) is not None:
            if message.address == "/status.reply":
                return dict(zip(STATUS, message.params, strict=True))
        return {}

    def stop(self, number: signal.Signals) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


STATUS = (
    "playing", "load", "active_voices", "peak", "lost_frames", "late_blocks", "restarts",
    "latency_ms", "received", "rejected", "dropped", "clamped", "refused",
    "late", "far", "overflowed", "late_events",
)  # fmt: skip
