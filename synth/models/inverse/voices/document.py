"""Small JSON documents that people may write by hand: read strictly, with messages that help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from synth.contract import SynthError, one_line

MAX_BYTES = 1 << 20


def parse_document(text: str, kind: str, version: int, error: type[SynthError]) -> dict[str, Any]:
    """The content of a document, without the entry that says its version.

    Args:
        text: JSON object whose entry `synth_<kind>` is a version.
        kind: of document, "patch" for example.
        version: the newest that is known.
        error: class of what is raised.

    Raises:
        SynthError: of class `error`; the text is too long, isn't JSON, holds a name twice or a
            number that isn't finite, is another document, or of a newer version.
    """
    if len(text) > MAX_BYTES:
        raise error(f"{kind} of {len(text)} characters; at most {MAX_BYTES} are allowed")
    try:
        data = json.loads(text, parse_constant=_no_number, object_pairs_hook=_object)
    except (ValueError, RecursionError) as fault:
        raise error(f"{kind} is not JSON ({one_line(fault)}); write it again") from None
    mark = f"synth_{kind}"
    if not isinstance(data, dict) or mark not in data:
        raise error(f'this is not a {kind}: a {kind} is a JSON object with "{mark}": {version}')
    found = data.pop(mark)
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise error(f"{mark} is {found!r:.50}; a version is a whole number from 1 to {version}")
    if found > version:
        raise error(f"{mark} {found} is newer than {version}, the newest known here; update synth")
    return data


def read_text(path: str | Path, kind: str, error: type[SynthError]) -> str:
    """The text of a file that may hold a document.

    Args:
        path: of the file.
        kind: of document.
        error: class of what is raised.

    Raises:
        SynthError: of class `error`; the file can't be read, is too large or isn't text.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
        return content.decode()
    except (OSError, ValueError) as fault:
        raise error(
            f"{path}: can't be read as a {kind} ({one_line(fault)}); give the JSON file of a {kind}"
        ) from None


def as_number(value: Any, name: str, error: type[SynthError]) -> float:
    """A finite number of a document as a float.

    Raises:
        SynthError: of class `error`; the value is of another type, or too large for a float.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise error(f"{name:.50} is {value!r:.50}; write a number")
    try:
        return float(value)
    except OverflowError:
        raise error(f"{name:.50} has too many digits; write a smaller number") from None


def as_text(value: Any, name: str, error: type[SynthError]) -> str:
    """A text of a document.

    Raises:
        SynthError: of class `error`; the value is of another type.
    """
    if not isinstance(value, str):
        raise error(f"{name} is {value!r:.50}; write a text in quotes")
    return value


def only(data: dict[str, Any], known: set[str], kind: str, error: type[SynthError]) -> None:
    """Refuse a document with entries that mean nothing.

    Raises:
        SynthError: of class `error`; an entry isn't among `known`.
    """
    unknown = sorted(set(data) - known)
    if unknown:
        raise error(
            f"{kind:.50} has an entry {unknown[0]!r:.50}; known are {', '.join(sorted(known))}"
        )


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a finite number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"{name!r:.50} appears twice")
        made[name] = value
    return made
