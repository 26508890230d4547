"""The class of each recording: the name of its folder, or what a table says."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from synth.contract import ConfigError, DataError
from training.data.library import Clip

TABLE = "labels.csv"


def clip_labels(clips: Sequence[Clip], data: str, label_by: str) -> list[str]:
    """The class of each clip; an empty list where `label_by` is "".

    Args:
        clips: the recordings.
        data: file or folder of the recordings.
        label_by: "", "folder" or "csv".

    Raises:
        DataError: the table is missing or broken, or lacks a file.
    """
    if label_by == "folder":
        return [clip.source.resolve().parent.name for clip in clips]
    if label_by == "csv":
        root = Path(data) if Path(data).is_dir() else Path(data).parent
        table = _read_table(root / TABLE)
        return [_looked_up(table, clip.source, root) for clip in clips]
    return []


def known_labels(found: Sequence[str], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The classes of a model: those that are asked for, or else all that occur, sorted.

    Args:
        found: class of each recording.
        wanted: classes that are asked for; (): those that occur.

    Raises:
        ConfigError: a recording has another class than those asked for, or none has any.
    """
    if wanted and not found:
        raise ConfigError(f"labels is {','.join(wanted)}, but label_by is empty; folder or csv")
    unknown = sorted(set(found) - set(wanted)) if wanted else []
    if unknown:
        raise ConfigError(f"labels is {','.join(wanted)}; the recordings have {unknown[0]} too")
    return wanted or tuple(sorted(set(found)))


def _read_table(path: Path) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: can't be read ({error}); write the columns file,label") from None
    if any(not row.get("file") or not row.get("label") for row in rows):
        raise DataError(f"{path}: a row lacks its file or its label; write the columns file,label")
    return {row["file"]: row["label"] for row in rows}


def _looked_up(table: dict[str, str], source: Path, root: Path) -> str:
    name = source.relative_to(root).as_posix()
    if name not in table:
        raise DataError(f"{root / TABLE}: {name} has no row; add one, or remove the file")
    return table[name]
