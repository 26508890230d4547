"""The weights of CDPAM as the package `cdpam` carries them, read without running any of it.

Importing the package needs librosa, resampy and an old numpy, and its weights are a pickle of the
kind that can run programs. So the package is never imported: its metadata tells where the file is,
the digest of the file must be the known one, and the pickle may build only tensors and containers.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from synth.contract import ConfigError, ModelFileError
from synth.contract.errors import one_line

PACKAGE, VERSION = "cdpam", "0.0.6"
FILE = "cdpam/CDPAM_trained/scratchJNDdefault_best_model.pth"
SHA256 = "453c8b6edee1a94f0120236156436ff28fe4d8d884485e4a67695c8e8570bdfe"
_ALLOWED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
}


def find_weights() -> Path:
    """Path of the weights in the installed package.

    Raises:
        ConfigError: the package is not installed, or lacks the file.
    """
    try:
        installed = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        raise ConfigError(
            "cdpam asks for the package cdpam, which is not installed; install it:"
            " pip install cdpam, or --cdpam 0"
        ) from None
    path = Path(str(installed.locate_file(FILE)))
    if not path.is_file():
        raise ConfigError(
            f"cdpam {installed.version} holds no {FILE};"
            f" pip install 'cdpam=={VERSION}', or --cdpam 0"
        )
    return path


def installed_weights() -> Mapping[str, Tensor]:
    """State dictionary of the published model; raises as `find_weights` and `read_weights` do."""
    return read_weights(find_weights(), SHA256)


def read_weights(path: Path, sha256: str) -> Mapping[str, Tensor]:
    """The tensors of the entry "state" of a file in the format of `torch.save` before 2020.

    Args:
        path: of the file.
        sha256: the digest that it must have, hexadecimal.

    Raises:
        ModelFileError: the file has another digest, or holds anything but tensors and containers.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelFileError(f"{path}: can't be read ({error.strerror})") from None
    if found != sha256:
        raise ModelFileError(
            f"{path}: is not the weights of cdpam {VERSION} (SHA-256 {found[:12]}…, not"
            f" {sha256[:12]}…); pip install --force-reinstall 'cdpam=={VERSION}'"
        )
    data = _read_pickle(path)
    state = data.get("state") if isinstance(data, Mapping) else None
    if not isinstance(state, Mapping) or not all(torch.is_tensor(t) for t in state.values()):
        raise ModelFileError(f"{path}: holds no tensors under 'state'; cdpam {VERSION} does")
    return dict(state)


class _TensorUnpickler(pickle.Unpickler):
    """Builds only objects that `_ALLOWED` names; torch itself adds the kinds of storage."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = _ALLOWED.get((module, name))
        if allowed is None:
            raise pickle.UnpicklingError(f"{module}.{name} is refused")
        return allowed


def _load(file: Any, **given: Any) -> Any:
    return _TensorUnpickler(file, **given).load()


def _read_pickle(path: Path) -> Any:
    restricted = SimpleNamespace(
        __name__=__name__,
        Unpickler=_TensorUnpickler,
        load=_load,
        UnpicklingError=pickle.UnpicklingError,
    )
    try:
        return torch.load(path, map_location="cpu", pickle_module=restricted, weights_only=False)
    except (
        pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError,
        AttributeError, IndexError, ImportError,
    ) as error:  # fmt: skip
        raise ModelFileError(f"{path}: can't be read as tensors ({one_line(error)})") from None
