"""The recordings a run learns from: found, judged, decoded into a cache, split."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from synth.contract import DataError, find_audio
from training.data.decode import Request, request_line

CACHE_VERSION = 1
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """A decoded recording: `source` file, `cache` (.npy `[channels, frames]`), and the part of it
    that is meant, frames `start` to `end`."""

    source: Path
    cache: Path
    start: int
    end: int

    @property
    def frames(self) -> int:
        """Length in frames."""
        return self.end - self.start

    def open(self) -> Array:
        """The samples `[channels, frames]`, memory-mapped."""
        return cast(Array, np.load(self.cache, mmap_mode="r")[:, self.start : self.end])


@dataclass(frozen=True)
class Library:
    """All usable recordings at one rate.

    Attributes:
        clips: sorted by source; rejected: (file, reason) of those that can't be used.
        sample_rate: Hz; channels: of every clip.
    """

    clips: tuple[Clip, ...]
    rejected: tuple[tuple[str, str], ...]
    sample_rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """Total duration in seconds."""
        return sum(c.frames for c in self.clips) / self.sample_rate

    def fingerprint(self) -> str:
        """Changes when a file that is used changes, comes or goes."""
        text = "\n".join(f"{c.cache.stem} {c.frames}" for c in self.clips)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def default_cache() -> Path:
    """The user's cache folder for decoded audio."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "synth" / "audio"


def build_library(
    root: str | Path,
    sample_rate: int,
    channels: int,
    *,
    cache: Path | None = None,
    workers: int = 0,
    on_file: Callable[[int, int], None] | None = None,
) -> Library:
    """Decode everything under `root` that is not cached yet.

    Args:
        root: an audio file or a folder tree.
        sample_rate: Hz; channels: 1 or 2.
        cache: folder for the decoded arrays; None: the user's.
        workers: decoding processes; 0: one per core, at most 8.
        on_file: called with (done, total) after each file.

    Raises:
        DataError: nothing there, or every file was rejected (the message tells why of the first).
    """
    files = find_audio(root)
    cache = cache or default_cache()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{cache}: can't make the audio cache ({error})") from None
    requests = [_request(f, cache, sample_rate, channels) for f in files]
    results = _decode_all(requests, workers or min(os.cpu_count() or 1, 8), on_file)
    clips, rejected = [], []
    for file, request, result in zip(files, requests, results, strict=True):
        if isinstance(result, int):
            clips.append(Clip(file, Path(request.target), 0, result))
        else:
            rejected.append((str(file), result))
    if not clips:
        raise DataError(
            f"{root}: none of {len(files)} audio files can be used; the first: {rejected[0][1]}"
        )
    return Library(tuple(clips), tuple(rejected), sample_rate, channels)


def split(library: Library, share: float, seed: int) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """(training, held-out) clips, the same at every call.

    Whole files are held out, at least one; of an only file, its end.
    """
    clips = library.clips
    if len(clips) == 1:
        only = clips[0]
        at = max(1, min(only.end - 1, round(only.end * (1 - share))))
        if only.end < 2:
            return clips, clips
        return (Clip(only.source, only.cache, 0, at),), (
            Clip(only.source, only.cache, at, only.end),
        )
    order = np.random.default_rng([seed, len(clips)]).permutation(len(clips))
    held = set(order[: max(1, min(len(clips) - 1, round(share * len(clips))))].tolist())
    training = tuple(c for i, c in enumerate(clips) if i not in held)
    return training, tuple(c for i, c in enumerate(clips) if i in held)


def _request(file: Path, cache: Path, sample_rate: int, channels: int) -> Request:
    try:
        stat = file.stat()
        identity = f"{stat.st_size} {stat.st_mtime_ns}"
    except OSError:
        identity = "gone"  # the decoder will say so
    text = f"{CACHE_VERSION} {file.resolve()} {identity} {sample_rate} {channels}"
    name = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return Request(str(file), str(cache / f"{name}.npy"), sample_rate, channels)


def _cached_frames(request: Request) -> int | None:
    try:
        array = np.load(request.target, mmap_mode="r")
    except (OSError, ValueError):
        return None
    ok = array.ndim == 2 and array.dtype == np.float32 and array.shape[0] == request.channels
    return int(array.shape[1]) if ok and array.shape[1] else None


def _decode_all(
    requests: Sequence[Request], workers: int, on_file: Callable[[int, int], None] | None
) -> list[int | str]:
    """Frames, or the reason of the rejection, for each request."""
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


class Decoder:
    """A decoding process; started at need, replaced after a crash or `timeout` s of one file."""

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
