"""Decoding processes: a file that crashes or hangs its decoder takes only that process with it."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from types import FrameType
from typing import Any, cast

from training.data.decode import Decoded, Request, cached_frames, remove_temporary, request_line

Result = Decoded | str | None


def decode_all(
    requests: Sequence[Request],
    workers: int,
    on_file: Callable[[int, int], None] | None,
    *,
    seconds: float | None = None,
) -> list[Result]:
    """Decode what is not cached yet, in several processes at a time.

    Ctrl-C and SIGTERM end the processes at once; what they have finished stays in the cache.

    Args:
        requests: one for each file.
        workers: processes, at least 1.
        on_file: called with (done, total) after each file.
        seconds: after which files are left alone, once one was decoded; None: all are decoded.

    Returns:
        For each request what was decoded, or the reason why the file can't be used, or None where
        the time was over.
    """
    until = None if seconds is None else time.monotonic() + seconds
    results: list[Result] = [None] * len(requests)
    todo, done = [], 0
    for index, request in enumerate(requests):
        frames = None if done and _is_over(until) else cached_frames(request)
        if frames is None:
            todo.append(index)
        else:
            results[index] = Decoded(request.digest, frames)
            done += 1
    if on_file:
        on_file(done, len(requests))
    if todo and not (done and _is_over(until)):
        with _sigterm_raises(), _Team(min(workers, len(todo))) as team:
            for index, result in team.decode([(i, requests[i]) for i in todo]):
                results[index] = result
                done += 1
                if on_file:
                    on_file(done, len(requests))
                if isinstance(result, Decoded) and _is_over(until):
                    break
    return results


class Decoder:
    """A decoding process, started when it is needed and replaced after a crash.

    Args:
        timeout: seconds for one file, after which the process is killed.
    """

    def __init__(self, timeout: float = 600.0) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._timeout = timeout
        self._lock = threading.Lock()
        self._ended = False

    def decode(self, request: Request) -> Result:
        """The file decoded, or the reason why it can't be used; None where `end` was called."""
        process = self._started()
        if process is None:
            return None
        watch = threading.Timer(self._timeout, process.kill)
        watch.start()
        try:
            answer = _ask(process, request)
        except (OSError, ValueError):
            if self._ended:
                return None
            self.close()
            remove_temporary(Path(request.cache), process.pid)
            code = process.returncode
            return f"{request.source}: its decoder crashed (exit {code}); convert or remove it"
        finally:
            watch.cancel()
        if "frames" in answer:
            return Decoded(str(answer["digest"]), int(answer["frames"]))
        return str(answer["reason"])

    def end(self, cache: Path) -> None:
        """End the process at once, whatever it does, for good; nothing unfinished stays behind."""
        with self._lock:
            self._ended = True
            process = self._process
        if process is not None:
            process.kill()
            process.wait()
            remove_temporary(cache, process.pid)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    continue  # it is gone already, with what was still to be sent
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _started(self) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._ended:
                return None
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "training.data.decode"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                    errors="surrogateescape",
                    # Out of reach of the terminal's Ctrl-C, which its owner answers.
                    start_new_session=True,
                )
            return self._process


def _ask(process: subprocess.Popen[str], request: Request) -> dict[str, Any]:
    if process.stdin is None or process.stdout is None:
        raise OSError("no pipes to the decoder")
    process.stdin.write(request_line(request))
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    return cast(dict[str, Any], answer)


class _Team:
    """Decoders that work side by side and are closed at the end of a `with` block.

    Args:
        count: number of them, at least 1.
    """

    def __init__(self, count: int) -> None:
        self._decoders = [Decoder() for _ in range(count)]
        self._free: queue.SimpleQueue[Decoder] = queue.SimpleQueue()
        for decoder in self._decoders:
            self._free.put(decoder)
        self._cache: Path | None = None
        self._pool = ThreadPoolExecutor(count)

    def __enter__(self) -> _Team:
        return self

    def __exit__(self, *ignored: object) -> None:
        self._end()
        for decoder in self._decoders:
            decoder.close()

    def decode(self, numbered: Sequence[tuple[int, Request]]) -> Iterator[tuple[int, Result]]:
        """Number and result of each request, in the order in which they are done."""
        self._cache = Path(numbered[0][1].cache)
        work = {self._pool.submit(self._decode, request): index for index, request in numbered}
        for future in as_completed(work):
            yield work[future], future.result()

    def _decode(self, request: Request) -> Result:
        decoder = self._free.get()
        try:
            return decoder.decode(request)
        finally:
            self._free.put(decoder)

    def _end(self) -> None:
        """End what still works: nothing does, unless an exception or the clock came first."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._cache is not None:
            for decoder in self._decoders:
                decoder.end(self._cache)
        self._pool.shutdown()


def _is_over(until: float | None) -> bool:
    return until is not None and time.monotonic() >= until


@contextlib.contextmanager
def _sigterm_raises() -> Iterator[None]:
    """SIGTERM as `SystemExit`, so that it takes the way of Ctrl-C through `finally` blocks."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
