"""The recordings that a run learns from: found, judged, decoded into a cache, split."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from synth.contract import DataError, find_audio
from training.data.decode import Request
from training.data.decoders import decode_all

CACHE_VERSION = 1
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """A decoded recording, or a part of one.

    Attributes:
        source: the audio file.
        cache: the decoded file, .npy `[channels, frames]`.
        start, end: first frame of the part, and the frame after its last one.
    """

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
        """A digest that changes when a file that is used changes, comes or goes."""
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
        DataError: no audio files there, or every one was rejected; the message has the reason of
            the first.
    """
    files = find_audio(root)
    cache = cache or default_cache()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{cache}: can't make the audio cache ({error})") from None
    requests = [_request(f, cache, sample_rate, channels) for f in files]
    results = decode_all(requests, workers or min(os.cpu_count() or 1, 8), on_file)
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
    """Clips to learn from and held-out clips, the same at every call.

    Args:
        library: at least one clip.
        share: of the files that is held out, 0 … 1, but at least one file; of an only file, the
            share of its frames at its end.
        seed: of the draw.
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
        identity = "gone"  # the decoder reports it
    text = f"{CACHE_VERSION} {file.resolve()} {identity} {sample_rate} {channels}"
    name = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return Request(str(file), str(cache / f"{name}.npy"), sample_rate, channels)
