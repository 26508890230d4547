"""`ChildProcess`: a process of ours (the engine, a MIDI port) seen from the control process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from realtime.process.link import Outbox, read_message
from synth.contract import DeviceError, ProtocolError

STDERR_LINES = 60
KILL_WAIT_S = 2.0
START_NICENESS = -10  # somebody is waiting for sound
# One thread computes: pools of helpers would only compete with it. Whether a JACK server runs is
# for the user to decide.
ENVIRONMENT = {
    "JACK_NO_START_SERVER": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}

Report = tuple["ChildProcess", dict[str, Any]]


class ChildProcess:
    """A started process with three threads, for its messages, for ours to it, and for its stderr.

    Each of its messages is given to `take` as `(process, message)`, on the reading thread; its end
    is a message of the kind "gone". Nothing here waits for the process, except `reap`.

    Args:
        take: takes its messages; must not block.
        module: name of the module that `python -m` runs.
        niceness: from -20, before all others, to 19, after all others; as far as the system allows.

    Raises:
        DeviceError: the process can't be started.
    """

    def __init__(
        self, take: Callable[[Report], None], module: str, niceness: int = START_NICENESS
    ) -> None:
        self.outbox = Outbox()
        self.stderr: deque[str] = deque(maxlen=STDERR_LINES)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C reaches whole groups of processes; this one is the parent's to end.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                env={**os.environ, **ENVIRONMENT},
            )
        except OSError as error:
            raise DeviceError(f"{sys.executable} can't be started ({error})") from None
        self.pid = self._process.pid
        _set_niceness(self.pid, niceness)
        self._take = take
        self._threads = [
            threading.Thread(target=target, name=f"{module} {name}", daemon=True)
            for name, target in (("in", self._read), ("out", self._write), ("err", self._listen))
        ]
        for thread in self._threads:
            thread.start()

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def reap(self, timeout: float = KILL_WAIT_S) -> int | None:
        """Wait up to `timeout` s for its end; returns the exit code (a signal is negative), or None
        if it still runs."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self.outbox.close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout)
        return code

    def _read(self) -> None:
        stream = cast(BinaryIO, self._process.stdout)
        try:
            while (message := read_message(stream)) is not None:
                self._take((self, message))
        except ProtocolError as error:
            self._take((self, {"kind": "lost", "cause": "protocol", "message": str(error)}))
        except (OSError, ValueError) as error:
            self.stderr.append(f"pipe closed: {error}")
        stream.close()
        self._take((self, {"kind": "gone"}))

    def _write(self) -> None:
        stream = cast(BinaryIO, self._process.stdin)
        try:
            while (line := self.outbox.take()) is not None:
                stream.write(line)
                stream.flush()
        except (OSError, ValueError):
            pass  # it is gone; `_read` reports that
        finally:
            with contextlib.suppress(OSError):
                stream.close()

    def _listen(self) -> None:
        stream = cast(BinaryIO, self._process.stderr)
        while line := stream.readline(4096):
            self.stderr.append(line.decode("utf-8", "replace").rstrip()[:500])
        stream.close()


def _set_niceness(pid: int, niceness: int) -> None:
    """Set the priority of a process that is a session of its own, where the system allows that."""
    if hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, niceness)
    # Linux may share the cores among sessions first, and heeds niceness only within one of them.
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(niceness), "ascii")
