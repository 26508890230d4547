"""Decoding processes: a file that crashes or hangs its decoder takes only that process with it."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, cast

import numpy as np

from training.data.decode import Request, request_line


def decode_all(
    requests: Sequence[Request], workers: int, on_file: Callable[[int, int], None] | None
) -> list[int | str]:
    """Decode what is not cached yet, in several processes at a time.

    Args:
        requests: one for each file.
        workers: processes, at least 1.
        on_file: called with (done, total) after each file.

    Returns:
        For each request the frames of its file, or the reason why the file can't be used.
    """
    results: list[int | str | None] = [_cached_frames(r) for r in requests]
    todo = [i for i, r in enumerate(results) if r is None]
    done = len(requests) - len(todo)
    if on_file:
        on_file(done, len(requests))
    if todo:
        free: queue.SimpleQueue[Decoder] = queue.SimpleQueue()
        with _Decoders(min(workers, len(todo))) as decoders:
            for decoder in decoders:
                free.put(decoder)

            def work(index: int) -> tuple[int, int | str]:
                decoder = free.get()
                try:
                    return index, decoder.decode(requests[index])
                finally:
                    free.put(decoder)

            with ThreadPoolExecutor(len(decoders)) as pool:
                for index, result in pool.map(work, todo):
                    results[index] = result
                    done += 1
                    if on_file:
                        on_file(done, len(requests))
    return [r if r is not None else "not decoded" for r in results]


def _cached_frames(request: Request) -> int | None:
    try:
        array = np.load(request.target, mmap_mode="r")
    except (OSError, ValueError):
        return None
    ok = array.ndim == 2 and array.dtype == np.float32 and array.shape[0] == request.channels
    return int(array.shape[1]) if ok and array.shape[1] else None


class Decoder:
    """A decoding process, started when it is needed and replaced after a crash.

    Args:
        timeout: seconds for one file, after which the process is killed.
    """

    def __init__(self, timeout: float = 600.0) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._timeout = timeout

    def decode(self, request: Request) -> int | str:
        """Frames written, or the reason why the file can't be used."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "training.data.decode"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="surrogateescape",
            )
        process = self._process
        watch = threading.Timer(self._timeout, process.kill)
        watch.start()
        try:
            answer = _ask(process, request)
        except (OSError, ValueError):
            self.close()
            code = process.returncode
            return f"{request.source}: its decoder crashed (exit {code}); convert or remove it"
        finally:
            watch.cancel()
        if "frames" in answer:
            return int(answer["frames"])
        return str(answer["reason"])

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        process, self._process = self._process, None
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


def _ask(process: subprocess.Popen[str], request: Request) -> dict[str, Any]:
    if process.stdin is None or process.stdout is None:
        raise OSError("no pipes to the decoder")
    process.stdin.write(request_line(request))
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    return cast(dict[str, Any], answer)


class _Decoders(list[Decoder]):
    """Decoders that are closed at the end of a `with` block."""

    def __init__(self, count: int) -> None:
        super().__init__(Decoder() for _ in range(count))

    def __enter__(self) -> _Decoders:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for decoder in self:
            decoder.close()
