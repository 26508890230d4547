"""Checks a TorchScript file without running it. No torch."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from synth.contract import METADATA_KEY, Manifest, ModelFileError, one_line
from synth.contract.manifest import MAX_JSON_BYTES

MAX_BYTES = 2 << 30
MAX_ENTRIES = 10_000
MAX_RATIO = 100


def check_archive(path: str | Path) -> Manifest | None:
    """Check the archive's directory and read the manifest, if it holds one.

    Args:
        path: of the file, at most 2 GB unpacked.

    Returns:
        The manifest of a file that synth exported, None for other nn~ files.

    Raises:
        ModelFileError: the file is missing, no TorchScript archive, too big, packed too tightly
            (more than 100:1), or has too many entries or a damaged manifest. The message names the
            limit.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_sizes(path, entries)
            names = [entry.filename for entry in entries]
            if not any("/code/" in name for name in names):
                raise ModelFileError(
                    f"{path}: no TorchScript program in it; a trained model is made playable with"
                    " `synth export`"
                )
            for entry in entries:
                if entry.filename.endswith(f"/extra/{METADATA_KEY}"):
                    return _manifest(path, archive, entry)
            return None
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ModelFileError(f"{path}: not a TorchScript archive ({one_line(error)})") from None


def _check_sizes(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise ModelFileError(f"{path}: {len(entries)} entries; at most {MAX_ENTRIES} are opened")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_BYTES:
        raise ModelFileError(
            f"{path}: {unpacked >> 20} MB unpacked; at most {MAX_BYTES >> 20} are opened"
        )
    ratio = unpacked / max(1, path.stat().st_size)
    if ratio > MAX_RATIO:
        raise ModelFileError(
            f"{path}: packed {ratio:.0f}:1, which no model is; at most {MAX_RATIO}:1 is opened"
        )


def _manifest(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Manifest:
    if entry.file_size > MAX_JSON_BYTES:
        raise ModelFileError(
            f"{path}: manifest of {entry.file_size} bytes; at most {MAX_JSON_BYTES} are read"
        )
    try:
        return Manifest.from_json(archive.read(entry).decode("utf-8"))
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


def last_words(error: BaseException) -> str:
    """The end of a TorchScript error as one line: torch names the cause last, after all calls."""
    return one_line(error, sys.maxsize)[-160:]
