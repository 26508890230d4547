"""Reading `model.pt` and checkpoints: data only, no code is ever executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synth.contract import ModelFileError
from synth.models.package import PACKAGE_FORMAT, Package, read_tensors, unpack


def load_package(path: str | Path) -> Package:
    """Load a trained model, as it is at the end of its run or was at a checkpoint.

    Args:
        path: `model.pt` or a checkpoint of its run.

    Raises:
        ModelFileError: missing, truncated, foreign or unsafe file; the message says which.
    """
    path = Path(path)
    if not path.exists():
        raise ModelFileError(f"{path}: no such file; `synth train` writes model.pt into its --out")
    if not path.is_file():
        raise ModelFileError(f"{path}: no file; name the model.pt that `synth train` wrote")
    try:
        with path.open("rb") as file:
            data = read_tensors(file)
    except OSError as error:
        raise ModelFileError(f"{path}: can't be read ({error.strerror})") from None
    except ModelFileError as error:
        raise ModelFileError(f"{path}: not a readable model.pt ({error})") from None
    try:
        return unpack(_as_package(data))
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


def _as_package(data: Any) -> Any:
    """A checkpoint in the form of a package; it has no statistics, and of the provenance only the
    number of steps."""
    if not isinstance(data, dict) or not data.keys() >= {"optimizer", "weights", "model", "step"}:
        return data
    return {
        "format": PACKAGE_FORMAT,
        "family": data.get("family"),
        "config": data["model"],
        "weights": data["weights"],
        "provenance": {"steps": data["step"]},
    }
