"""The bundled instruments: their names and paths."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from synth.contract import ModelFileError

DEFAULT = "default"


def bundled_instruments() -> dict[str, Path]:
    """Paths of the bundled instruments by name.

    Raises:
        ModelFileError: the default instrument is missing.
    """
    folder = Path(str(files("synth"))) / "instruments"
    found = {path.stem: path for path in sorted(folder.glob("*.onnx"))}
    if DEFAULT not in found:
        raise ModelFileError("the bundled instrument is missing; install synth again")
    return found


def bundled_instrument() -> Path:
    """Path of the instrument that plays when none is named."""
    return bundled_instruments()[DEFAULT]


def instrument_path(given: str | Path | None) -> Path:
    """The path of an instrument.

    Args:
        given: a path, or the name of a bundled instrument (a file of that name is preferred); None
            for the default instrument.
    """
    if given is None:
        return bundled_instrument()
    path = Path(given)
    return path if path.exists() else bundled_instruments().get(str(given), path)
