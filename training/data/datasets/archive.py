"""Members out of a `.tar.gz`: read as a stream, judged one by one, checked to the last byte."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from synth.contract import DataError
from synth.contract.errors import one_line

OnBytes = Callable[[int, int], None]

LARGEST_SOUND = 1 << 24
LARGEST_INDEX = 1 << 30
CHUNK = 1 << 20


def file_digest(path: Path, on_bytes: OnBytes | None = None) -> str:
    """SHA-256 of a file, hexadecimal; `on_bytes` is called with (done, total)."""
    digest, total, done = hashlib.sha256(), path.stat().st_size, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            if on_bytes:
                on_bytes(done, total)
    return digest.hexdigest()


def member_names(path: Path, on_bytes: OnBytes | None = None) -> list[str]:
    """Names of all files in the archive, without a leading "./". Raises as `extract` does."""
    with _members(path, on_bytes) as (members, _):
        return [name for name, member in members if member.isfile()]


@contextlib.contextmanager
def open_member(path: Path, name: str, on_bytes: OnBytes | None = None) -> Iterator[IO[bytes]]:
    """One file of the archive, open for reading; the archive is read no further than to it.

    Args:
        path: the archive; name: of the member, without a leading "./".
        on_bytes: called with (done, total) of the compressed bytes.

    Raises:
        DataError: as `extract`, or there is no such member.
    """
    with _members(path, on_bytes) as (members, tar):
        for found, member in members:
            if found == name:
                yield _content(path, tar, member, LARGEST_INDEX)
                return
    raise DataError(f"{path}: holds no {name}; is it the right archive?")


def extract(
    path: Path, wanted: Mapping[str, str], folder: Path, on_bytes: OnBytes | None = None
) -> None:
    """Write members of the archive into `folder`, which exists.

    The archive is read to its end, so that a damaged one is always noticed.

    Args:
        path: the archive.
        wanted: names of members, each with the name of its file.
        folder: that the files are written to; it exists.
        on_bytes: called with (done, total) of the compressed bytes.

    Raises:
        DataError: the archive is damaged or no `.tar.gz`; a wanted member is missing or larger than
            a sound can be; or a member's path leads out of its folder, or it is a link or a device.
    """
    missing = dict(wanted)
    with _members(path, on_bytes) as (members, tar):
        for name, member in members:
            target = missing.pop(name, None)
            if target is None:
                continue
            source = _content(path, tar, member, LARGEST_SOUND)
            with (folder / target).open("wb") as file:
                shutil.copyfileobj(source, file)
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of {len(wanted)} wanted files are not in it, the first is"
            f" {next(iter(missing))}; is it the right archive?"
        )


@contextlib.contextmanager
def _members(
    path: Path, on_bytes: OnBytes | None
) -> Iterator[tuple[Iterator[tuple[str, tarfile.TarInfo]], tarfile.TarFile]]:
    try:
        with (
            path.open("rb") as raw,
            gzip.GzipFile(fileobj=_Counting(raw, path, on_bytes)) as plain,
            tarfile.open(fileobj=plain, mode="r|") as tar,
        ):
            yield _judged(path, tar, plain), tar
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: is damaged or no .tar.gz ({one_line(error, 100)}); delete it and fetch it"
            " again"
        ) from None


def _judged(
    path: Path, tar: tarfile.TarFile, plain: gzip.GzipFile
) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """Members by name; after the last one the rest is read, because the checksum is at its end."""
    for member in tar:
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or "\\" in member.name:
            raise DataError(f"{path}: member {member.name!r:.80} leads out of its folder; refused")
        if not (member.isfile() or member.isdir()):
            raise DataError(f"{path}: member {member.name!r:.80} is not a plain file; refused")
        yield str(name), member
    while plain.read(CHUNK):
        pass


def _content(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, most: int) -> IO[bytes]:
    source = tar.extractfile(member) if member.isfile() else None
    if source is None or member.size > most:
        raise DataError(
            f"{path}: member {member.name} is not a file of at most {most} bytes; refused"
        )
    return source


class _Counting:
    """A file that reports how much of it was read."""

    def __init__(self, file: IO[bytes], path: Path, on_bytes: OnBytes | None) -> None:
        self._file, self._on_bytes = file, on_bytes
        self._total = path.stat().st_size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if self._on_bytes:
            self._on_bytes(self._file.tell(), self._total)
        return data

    def seek(self, position: int, whence: int = 0) -> int:
        return self._file.seek(position, whence)

    def seekable(self) -> bool:
        return False
