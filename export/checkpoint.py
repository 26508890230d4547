"""Reading `model.pt`: data only, no code is ever executed."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import torch

from synth.contract import ModelFileError
from synth.models.package import Package, unpack


def load_package(path: str | Path) -> Package:
    """Load a trained model.

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
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ModelFileError(f"{path}: not a readable model.pt ({reason})") from None
    try:
        return unpack(data)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
