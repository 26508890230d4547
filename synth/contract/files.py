"""Writes files that are whole or absent: beside their place, synced, then renamed into it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from synth.contract.errors import DataError

# Left free on the disk after a save, so that logs and the next temporary file still fit.
RESERVE_BYTES = 1 << 20


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that a kill, a full disk or a power cut leaves the old or the new content.

    Args:
        path: of the file.
        content: all of its bytes.

    Raises:
        DataError: no room or no permission; the old file is untouched, and no temporary file is
            left.
    """
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        free = shutil.disk_usage(path.parent).free
        if free < len(content) + RESERVE_BYTES:
            raise OSError(f"{len(content)} bytes needed, {free} free")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise DataError(
            f"{path}: can't be written ({error}); make room or choose another --out. What was"
            " there before is intact"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files that killed processes left in `folder`."""
    for leftover in folder.glob(".*.tmp-*"):
        leftover.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # folders can't be opened there; a rename is written through
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
