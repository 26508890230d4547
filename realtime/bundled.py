"""Where the bundled instrument lies."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from synth.contract import ModelFileError


def bundled_instrument() -> Path:
    """Path of the instrument that plays when none is named."""
    path = Path(str(files("synth"))) / "instruments" / "default.onnx"
    if not path.is_file():
        raise ModelFileError("the bundled instrument is missing; install synth again")
    return path


def instrument_path(given: str | Path | None) -> Path:
    """The given path, or the bundled instrument."""
    return bundled_instrument() if given is None else Path(given)
