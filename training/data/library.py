"""The recordings that a run learns from: found, judged, decoded into a cache, split."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from synth.contract import DataError, search_audio
from training.data.decode import Decoded, Request, cached_frames
from training.data.decoders import Result, decode_all
from training.data.identity import Remembered, fingerprint, former_name, stamp

# What a look at recordings may cost where nothing is learned from them.
GLANCE_SECONDS, GLANCE_AUDIO_SECONDS = 1.5, 30.0
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
        skipped: what is to be said of kinds of audio that aren't read; "": there are none.
        unseen: number of files that a glance had no time for.
        cut: number of files of which a glance read only the beginning.
    """

    clips: tuple[Clip, ...]
    rejected: tuple[tuple[str, str], ...]
    sample_rate: int
    channels: int
    skipped: str = ""
    unseen: int = 0
    cut: int = 0

    @property
    def seconds(self) -> float:
        """Total duration in seconds."""
        return sum(c.frames for c in self.clips) / self.sample_rate

    def fingerprint(self) -> str:
        """A digest that changes when what is in a file changes, or a file comes or goes."""
        return fingerprint((c.cache.stem, c.frames) for c in self.clips)

    def is_known_as(self, known: str) -> bool:
        """Whether a run with this fingerprint learned from these recordings.

        Runs used to know files by their place and time; they know them again while the files lie
        untouched.
        """
        if known == self.fingerprint():
            return True
        names = (former_name(c.source, self.sample_rate, self.channels) for c in self.clips)
        return known == fingerprint(zip(names, (c.frames for c in self.clips), strict=True))


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
    glance: bool = False,
) -> Library:
    """Decode everything under `root` that is not cached yet.

    Args:
        root: an audio file or a folder tree.
        sample_rate: Hz; channels: 1 or 2.
        cache: folder for the decoded arrays; None: the user's.
        workers: decoding processes; 0: one per core, at most 8.
        on_file: called with (done, total) after each file.
        glance: look only at so many files, and so much of each, as takes a second or two; at one
            usable file at least.

    Raises:
        DataError: no audio files there, or every one was rejected; the message has the reason of
            the first.
    """
    found = search_audio(root)
    cache = _made(cache or default_cache())
    remembered = Remembered(cache, Path(root))
    stamps = {file: stamp(file) for file in found.files}
    requests = [
        _request(file, cache, sample_rate, channels, remembered.get(file), glance)
        for file in found.files
    ]
    results = decode_all(
        requests,
        workers or min(os.cpu_count() or 1, 8),
        on_file,
        seconds=GLANCE_SECONDS if glance else None,
    )
    usable, rejected = _sorted_out(requests, results)
    if not usable:
        raise DataError(
            f"{root}: none of {len(found.files)} audio files can be used; the first:"
            f" {rejected[0][1]}"
        )
    if not glance:
        for clip, digest in usable:
            remembered.put(clip.source, stamps[clip.source], digest)
        remembered.save()
    return Library(
        tuple(clip for clip, _ in usable),
        tuple(rejected),
        sample_rate,
        channels,
        found.skipped_in_words(),
        sum(result is None for result in results),
        sum(_is_cut(request, result) for request, result in zip(requests, results, strict=True)),
    )


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


def _made(cache: Path) -> Path:
    """The cache, made where it is missing."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{cache}: can't make the audio cache ({error})") from None
    return cache


def _sorted_out(
    requests: Sequence[Request], results: Sequence[Result]
) -> tuple[list[tuple[Clip, str]], list[tuple[str, str]]]:
    """Usable recordings with the digests of their files; and (file, reason) of the others."""
    usable, rejected = [], []
    for request, result in zip(requests, results, strict=True):
        if isinstance(result, Decoded):
            target = replace(request, digest=result.digest).target
            usable.append((Clip(Path(request.source), target, 0, result.frames), result.digest))
        elif result is not None:
            rejected.append((request.source, result))
    return usable, rejected


def _is_cut(request: Request, result: Result) -> bool:
    """Whether only the beginning of a file was read, as far as its length tells."""
    wanted = request.glance * request.sample_rate
    return isinstance(result, Decoded) and 0 < 0.999 * wanted < result.frames


def _request(
    file: Path, cache: Path, sample_rate: int, channels: int, digest: str, glance: bool
) -> Request:
    whole = Request(str(file), str(cache), sample_rate, channels, digest)
    if not glance or cached_frames(whole) is not None:
        return whole
    # To read all of a long file for its digest would be no glance.
    place = f"glance {os.path.abspath(file)} {stamp(file)}"
    return replace(whole, digest=place, glance=GLANCE_AUDIO_SECONDS)
