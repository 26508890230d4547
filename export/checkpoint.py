"""Reading `model.pt` and checkpoints: data only, no code is ever executed."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

from synth.contract import ModelFileError, one_line
from synth.models.package import PACKAGE_FORMAT, Package, unpack


def load_package(path: str | Path) -> Package:
    """Load a trained model, as it is at the end of its run or was at a checkpoint.

    Args:
        path: `model.pt` or a checkpoint of its run.

    Raises:
        ModelFileError: missing, truncated, foreign or unsafe file; the message says which.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file; `synth train` writes model.pt into its --out")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of old tar formats, which then fail
            data = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ModelFileError(
            f"{path}: not a readable model.pt (it holds more than data, or is damaged; nothing in"
            " it was run); use one that synth train wrote"
        ) from None
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise ModelFileError(f"{path}: not a readable model.pt ({one_line(error, 120)})") from None
    try:
        return unpack(_as_package(data))
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


def _as_package(data: Any) -> Any:
    """A checkpoint in the form of a package; it has no statistics, and of the provenance only the
    number of steps."""
    if not isinstance(data, dict) or not {"optimizer", "weights", "model", "step"} <= set(data):
        return data
    return {
        "format": PACKAGE_FORMAT,
        "family": data.get("family"),
        "config": data["model"],
        "weights": data["weights"],
        "provenance": {"steps": data["step"]},
    }
