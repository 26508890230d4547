"""What a table beside the recordings tells of notes.

`notes.csv` has the column file and any of instrument, pitch, octave and dynamics;
`TinySOL_metadata.csv` comes with TinySOL.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from synth.contract import DataError, parse_name
from training.timbre.dynamics import OTHER, WORDS
from training.timbre.names import Told, dynamics_of

TABLES = ("notes.csv", "TinySOL_metadata.csv")
# Names of columns, as ours and as TinySOL has them; the first that a table has counts.
COLUMNS = {
    "file": ("file", "path"),
    "instrument": ("instrument", "instrument (in full)"),
    "pitch": ("pitch id", "pitch"),
    "octave": ("octave",),
    "dynamics": ("dynamics",),
}
FORM = "file and any of instrument, pitch, octave and dynamics"
SIGNS = {";": "semicolons", "\t": "tabs"}
CLASSES = 12  # of pitch: an octave's keys


class Table:
    """The rows of a table, found by file.

    Args:
        path: of the table.

    Raises:
        DataError: it can't be read, lacks the column of files, or a row is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, Told] = {}
        for line, row in _read(path):
            name = PurePosixPath(row["file"].replace("\\", "/")).as_posix()
            if not row["file"]:
                raise DataError(f"{path}, line {line}: names no file; write the columns {FORM}")
            if name in self._rows:
                raise DataError(f"{path}, line {line}: {name} has a row already; remove one")
            self._rows[name] = _told(f"{path}, line {line}", row)

    def told(self, file: Path, root: Path) -> Told:
        """What the table tells of a file, which it names by its path under `root` or a part of it.

        Raises:
            DataError: no row names the file.
        """
        parts = file.relative_to(root).parts if file.is_relative_to(root) else (file.name,)
        for start in range(len(parts)):
            row = self._rows.get("/".join(parts[start:]))
            if row is not None:
                return row
        raise DataError(f"{self.path}: {'/'.join(parts)} has no row; add one, or remove the file")


def find_table(root: Path) -> Table | None:
    """The table beside the recordings under `root`, or in the folder above; None: there is none."""
    for folder in (root, root.parent):
        for name in TABLES:
            # In the folder above, a table of ours would be another set's.
            if (folder / name).is_file() and (folder == root or name == TABLES[1]):
                return Table(folder / name)
    return None


def _read(path: Path) -> list[tuple[int, dict[str, str]]]:
    """(line, row) with our names of columns; "" where a table lacks one."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, skipinitialspace=True)
            known = {(name or "").strip().lower(): name for name in table.fieldnames or ()}
            columns = {
                ours: next((known[name] for name in names if name in known), None)
                for ours, names in COLUMNS.items()
            }
            rows = []
            for row in table:
                require_columns(f"{path}, line {table.line_num}", row)
                told = {c: (row.get(n or "") or "").strip() for c, n in columns.items()}
                rows.append((table.line_num, told))
    except UnicodeDecodeError:
        raise DataError(f"{path}: isn't written in UTF-8; save it so") from None
    except (OSError, csv.Error) as error:
        raise DataError(f"{path}: can't be read ({error}); write the columns {FORM}") from None
    if columns["file"] is None:
        raise DataError(
            f"{path}: the column file is missing; write the columns {FORM}"
            f"{between_columns(tuple(known))}"
        )
    return rows


def between_columns(names: Sequence[str] | None) -> str:
    """The end of a message about a missing column, where another sign than a comma may be why.

    Args:
        names: of the columns, as they were read.
    """
    sign = next((s for s in (";", "\t") if any(s in (name or "") for name in names or ())), "")
    return f", with commas between them instead of {SIGNS[sign]}" if sign else ""


def require_columns(where: str, row: Mapping[Any, Any]) -> None:
    """Raise `DataError` where a row has more values than there are columns.

    Args:
        where: file and line, for the message; row: as `csv.DictReader` reads it.
    """
    if row.get(None):
        raise DataError(
            f"{where}: has more values than there are columns; write a decimal point, and quotes"
            " about a name with a comma in it"
        )


def _told(where: str, row: Mapping[str, str]) -> Told:
    dynamics = row["dynamics"]
    if dynamics.isdecimal():
        if not 1 <= int(dynamics) <= 127:
            raise DataError(
                f"{where}: dynamics is {dynamics}; write a velocity of 1 … 127 or a word such as mf"
            )
        dynamics = dynamics_of(int(dynamics))
    elif dynamics.lower() in (*WORDS, *OTHER):
        dynamics = dynamics.lower()
    return Told(row["instrument"], _key(where, row["pitch"], row["octave"]), dynamics)


def _key(where: str, pitch: str, octave: str) -> float | None:
    """The MIDI key of a pitch (a number or a note) in an octave; C4, and octave 4, begin at 60."""
    if not pitch:
        return None
    number = _number(pitch)
    key = number if number is not None else parse_name(f"note_{pitch}").key
    if octave:
        start, place = _number(octave), key if number is not None else _pitch_class(pitch)
        if start is None or place is None:
            raise DataError(
                f"{where}: pitch {pitch}, octave {octave} is no key; write A and 4, or 69"
            )
        if 0 <= place < CLASSES:
            key = place + CLASSES * (start + 1)
        elif place // CLASSES - 1 != start:
            raise DataError(
                f"{where}: pitch {pitch} is in octave {place // CLASSES - 1:g}, and octave is"
                f" {octave}; middle C, 60, begins octave 4"
            )
    if key is None or not 0 <= key <= 127:
        raise DataError(
            f"{where}: pitch is {pitch}; a MIDI key of 0 … 127 or a note such as Bb2 is needed"
        )
    return float(key)


def _pitch_class(pitch: str) -> float | None:
    """0 … 11 of a note without octave, the key of one with it; None: it is none."""
    whole = parse_name(f"note_{pitch}").key
    if whole is not None:
        return whole
    key = parse_name(f"note_{pitch}0").key
    return None if key is None else key - CLASSES


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
