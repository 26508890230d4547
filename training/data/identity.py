"""The identity of recordings: what is in the files, not where they lie or when they were written.

To read gigabytes at every start would take long, so the digests of files that lie untouched are
remembered in the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from synth.contract import DataError, write_bytes

CACHE_VERSION = 2


def content_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits.

    Raises:
        DataError: it can't be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror or error})") from None


def entry_name(digest: str, sample_rate: int, channels: int) -> str:
    """Name of the decoded array of a file of this content, without a suffix."""
    return _short(f"{CACHE_VERSION} {digest} {sample_rate} {channels}", 32)


def fingerprint(entries: Iterable[tuple[str, int]]) -> str:
    """A digest of recordings in their order, each of them (name of its array, frames)."""
    return _short("\n".join(f"{name} {frames}" for name, frames in entries), 16)


def former_name(path: Path, sample_rate: int, channels: int) -> str:
    """The name of a file's array in runs that knew files by their place and time."""
    try:
        stat = path.stat()
        known = f"{stat.st_size} {stat.st_mtime_ns}"
    except OSError:
        known = "gone"
    return _short(f"1 {path.resolve()} {known} {sample_rate} {channels}", 32)


class Remembered:
    """The digests of the files under one root, as long as these lie untouched.

    A file counts as untouched while its size, times and inode are the same. The time of its last
    change of status can't be set by a program, so a file that was replaced is noticed even if its
    name, size and time of modification were copied.

    Args:
        cache: folder of decoded audio; root: of the recordings.
    """

    def __init__(self, cache: Path, root: Path) -> None:
        self._path = cache / f"digests-{_short(os.path.abspath(root), 32)}.json"
        self._known = self._read()
        self._changed = False

    def get(self, path: Path) -> str:
        """The digest of a file, "" where it isn't known."""
        known = self._known.get(str(path))
        return known[1] if known and known[0] == stamp(path) else ""

    def put(self, path: Path, stamped: list[int], digest: str) -> None:
        """Remember the digest of a file that had this stamp before it was read."""
        self._changed |= self._known.get(str(path)) != (stamped, digest)
        self._known[str(path)] = (stamped, digest)

    def save(self) -> None:
        """Write what is new; where that is impossible, the files are read again next time."""
        if not self._changed:
            return
        try:
            write_bytes(self._path, json.dumps(self._known).encode())
        except DataError:
            return

    def _read(self) -> dict[str, tuple[list[int], str]]:
        try:
            found = json.loads(self._path.read_bytes())
            return {
                str(k): ([int(n) for n in numbers], str(d)) for k, (numbers, d) in found.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # none yet, or damaged


def stamp(path: Path) -> list[int]:
    """Size, times and inode of a file, by which it counts as untouched; empty where it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return []
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _short(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:digits]
