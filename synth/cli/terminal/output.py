"""`guard_output` makes stdout and stderr of the process streams that never raise.

A reader that has gone (`| head -1`), a full disk, a closed stream (`>&-`) or a terminal that lacks
a character must not end a session or a training. Output that can't be written is left out. A
command whose purpose is its output prints it by `print_answer`, which reports the failure.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import queue
import select
import sys
import threading
import time
from typing import Any, TextIO

import click

from synth.contract import DataError

ERRORS = "synth-output"
# Characters of our own texts as ASCII, for terminals that lack them.
PLAIN = {"…": "...", "–": "-", "—": "-", "·": ".", "×": "x", "→": "->", "²": "^2", "³": "^3"}
MAX_WAITING = 64  # pieces of output
SETTLE_S = 0.5
# The reader wants no more, which is no error.
_UNWANTED = (errno.EPIPE, errno.EBADF)


class Outlet(io.RawIOBase):
    """A stream over a file descriptor that accepts every byte, even if it can't be written.

    Args:
        descriptor: number of an open file, which is never closed here.

    Attributes:
        failure: the first error while writing, or None.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.failure: OSError | None = None
        self._waiting: queue.Queue[bytes] | None = None

    def writable(self) -> bool:
        """Always True."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """Write all of `data` if possible; returns its length in bytes either way."""
        given = bytes(data)
        if self._waiting is None:
            self._write_all(given)
        else:
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait(given)
        return len(given)

    def never_wait(self) -> None:
        """From now on, drop output that a slow reader or a stopped terminal has no room for."""
        if self._waiting is None:
            self._waiting = queue.Queue(MAX_WAITING)
            threading.Thread(target=self._serve, name="output", daemon=True).start()

    def settle(self) -> None:
        """Give waiting output a moment to be written."""
        end = time.monotonic() + SETTLE_S
        while self._waiting is not None and self._waiting.unfinished_tasks:
            if time.monotonic() > end:
                return
            time.sleep(0.005)

    def _serve(self) -> None:
        assert self._waiting is not None  # noqa: S101 - started by `never_wait`
        while True:
            self._write_all(self._waiting.get())
            self._waiting.task_done()

    def _write_all(self, rest: bytes) -> None:
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # the parent program made the descriptor non-blocking
                    select.select([], [self._descriptor], [])
        except OSError as error:
            self.failure = self.failure or error


def guard_output() -> None:
    """Replace `sys.stdout` and `sys.stderr` by streams over an `Outlet`.

    Closed descriptors among 0 to 2 are opened on the null device; otherwise a file or socket could
    get such a number and receive what libraries print. Streams that are not the process's own, as
    in tests, stay as they are.
    """
    codecs.register_error(ERRORS, _replace)
    if sys.stdin is None:
        _open_null(0)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for good
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            _open_null(descriptor)
        if stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _guarded(stream, descriptor))


def never_wait() -> None:
    """From now on, drop output rather than wait until it can be written."""
    for outlet in _outlets():
        outlet.never_wait()


def settle() -> None:
    """Before the end, give output a moment to be written, if `never_wait` was called."""
    for outlet in _outlets():
        outlet.settle()


def print_answer(text: str) -> None:
    """Print the output that is a command's purpose.

    Args:
        text: with or without line breaks; one is added.

    Raises:
        DataError: the text can't be written, as on a full disk; a reader that has gone is no error.
    """
    click.echo(text)
    outlet = _outlet(sys.stdout)
    failure = None if outlet is None else outlet.failure
    if failure is not None and failure.errno not in _UNWANTED:
        reason = failure.strerror or failure
        raise DataError(f"the output can't be written ({reason}); send it to another place")


def _outlet(stream: TextIO) -> Outlet | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, Outlet) else None


def _outlets() -> list[Outlet]:
    found = (_outlet(stream) for stream in (sys.stdout, sys.stderr))
    return [outlet for outlet in found if outlet is not None]


def _guarded(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Outlet(descriptor)),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        errors=ERRORS,
        line_buffering=getattr(stream, "line_buffering", True),
        write_through=getattr(stream, "write_through", False),
    )


def _open_null(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """The substitute for an unencodable character: a byte of a name not in UTF-8, or plain text."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking, end = error.object[error.start], error.start + 1
    if "\udc80" <= lacking <= "\udcff":
        return lacking.encode("utf-8", "surrogateescape"), end
    return PLAIN.get(lacking, "?"), end
