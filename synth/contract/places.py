"""Places of recordings that are written down in one run and looked for in another."""

from __future__ import annotations

import os
from pathlib import Path


def written_place(path: str | Path) -> str:
    """A path as it is written into files: absolute, so that it is found from any folder.

    Links stay in it: where one is set anew, it is followed anew.
    """
    return os.path.abspath(path)


def found_again(written: str | Path, beside: str | Path) -> Path | None:
    """The place that a file names, if something is there.

    Args:
        written: the path in the file. One that is relative, as runs used to write it, is looked for
            in the present folder, then in the folder of the file and those above it.
        beside: the folder of the file.

    Returns:
        The absolute path, or None where nothing is.
    """
    folder = Path(os.path.abspath(beside))
    for base in (Path.cwd(), folder, *folder.parents):
        place = base / written
        if place.exists():
            return Path(os.path.abspath(place))
    return None
