"""The folders of fetched sets."""

from __future__ import annotations

import os
from pathlib import Path

from synth.contract import DataError
from synth.contract.places import found_again, written_place
from training.data.datasets.selection import folder_name, is_dataset, parse_selection

FACTS = "dataset.json"


def default_root() -> Path:
    """The user's folder of data sets."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "synth" / "datasets"


def set_folder(name: str, root: Path | None = None) -> Path:
    """The folder of the set of that name, fetched or not."""
    return (root or default_root()) / folder_name(name)


def is_fetched(folder: Path) -> bool:
    """Whether the set in this folder is complete: its facts are written before it gets its name."""
    return (folder / FACTS).is_file()


def written(data: str | Path) -> str:
    """`data` as a run writes it down: the name of a set, or a path that is found from anywhere."""
    is_name = is_dataset(str(data)) and not Path(data).exists()
    return str(data) if is_name else written_place(data)


def found_again_data(data: str, folder: Path) -> str:
    """What the run in a folder learned from.

    Args:
        data: as `written` gave it, or a relative path of a run from before; folder: of the run.

    Raises:
        DataError: nothing is there any more; the message says how to name the new place.
    """
    if is_dataset(data):
        return data
    place = found_again(data, folder)
    if place is not None:
        return str(place)
    raise DataError(
        f"{folder}: its recordings were in {data}, and nothing is there now; if they were moved,"
        " name their new place: DATA of synth train, --data of synth report"
    )


def locate(data: str | Path, root: Path | None = None) -> Path:
    """Folder or file of recordings that `data` means: its path, or a fetched set's.

    Args:
        data: a path, or a name such as "NSYNTH.diverse_baseline"; a path that exists wins.
        root: folder of the sets; None: the user's.

    Raises:
        ConfigError: the name of a set that doesn't exist.
        DataError: the set is not fetched yet; the message has the command.
    """
    if Path(data).exists() or not is_dataset(str(data)):
        return Path(data)
    parse_selection(str(data))
    folder = set_folder(str(data), root)
    if not is_fetched(folder):
        raise DataError(f"{data} is not in {folder.parent}; fetch it: synth fetch '{data}'")
    return folder
