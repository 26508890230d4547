"""Folders for snapshots, maps and recordings, and the check of names for them."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

from synth.contract import DataError, ProtocolError

MAX_FILES = 4_096
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _.-]{0,62}[A-Za-z0-9_-])?\Z")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)", re.IGNORECASE)


def data_folder() -> Path:
    """The user's data folder of this program, by the platform's rules; it may not exist yet.

    Linux and others: $XDG_DATA_HOME or ~/.local/share (XDG base directories 0.8); macOS:
    ~/Library/Application Support; Windows: %APPDATA%.
    """
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or _home() / "AppData" / "Roaming"
    elif sys.platform == "darwin":
        base = _home() / "Library" / "Application Support"
    else:
        given = os.environ.get("XDG_DATA_HOME", "")
        base = given if Path(given).is_absolute() else _home() / ".local" / "share"
    return Path(base) / "synth"


def _home() -> Path:
    """The user's home; a temporary folder for a user without one (a service, a container)."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir())


def checked_name(name: object) -> str:
    """A name from the network, checked so that a file with this name can't leave its folder.

    Args:
        name: 1 to 64 letters, digits, spaces, "_", "-" and "."; begins with a letter or digit, and
            doesn't end with a space or ".".

    Raises:
        ProtocolError: the name is anything else, or the name of a device.
    """
    if not isinstance(name, str) or not _NAME.match(name) or ".." in name or _DEVICES.match(name):
        raise ProtocolError(
            f"name {str(name)[:40]!r} can't be used; take 1 to 64 letters, digits, spaces, '_', '-'"
            " and '.', beginning with a letter or digit"
        )
    return name


def made_folder(folder: Path) -> Path:
    """The same folder, made if it doesn't exist.

    Args:
        folder: its path; parents are made, too.

    Raises:
        DataError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: can't be made ({error}); choose another folder") from None
    return folder


def names_in(folder: Path, suffix: str) -> list[str]:
    """Sorted names, without suffix, of a folder's files with a suffix; at most 4096."""
    try:
        found = [p.name.removesuffix(suffix) for p in folder.iterdir() if p.suffix == suffix]
    except OSError:
        return []
    return sorted(name for name in found if _NAME.match(name))[:MAX_FILES]
