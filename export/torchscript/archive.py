"""From a scripted module to the bytes of a `.ts` file, and back."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from synth.contract import METADATA_KEY, Manifest


def traced(part: nn.Module, *example: Tensor) -> Any:
    """A module that a script can call, traced in one run.

    Args:
        part: any module of tensors; what a script can't express may stand in it.
        example: its inputs; the sizes of their axes don't matter.
    """
    with warnings.catch_warnings():
        # It warns of every shape that is looked at; those that matter stay tensors.
        warnings.simplefilter("ignore")
        return torch.jit.trace(part, example, check_trace=False)  # type: ignore[no-untyped-call]


def script(module: nn.Module) -> Any:
    """A module compiled with its methods, in eval mode."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return torch.jit.script(module.eval())


def archive(scripted: Any, manifest: Manifest) -> bytes:
    """The content of a `.ts` file, in which there is no path of this machine.

    Args:
        scripted: a `torch.jit.ScriptModule`.
        manifest: embedded as the extra file `synth.manifest`.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`?torch.jit", DeprecationWarning)
        torch.jit.save(scripted, buffer, _extra_files={METADATA_KEY: manifest.to_json()})
    return _without_paths(buffer.getvalue())


def load(file: str | Path | io.BytesIO) -> Any:
    """Open an archive that was made here: loading runs the program that is in it.

    Args:
        file: path or content.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`?torch.jit", DeprecationWarning)
        return torch.jit.load(file, map_location="cpu").eval()  # type: ignore[no-untyped-call]


def _without_paths(data: bytes) -> bytes:
    """The archive without its debug tables, which name source files on the exporting machine."""
    source, target = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as kept:
        for entry in source.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                bare = zipfile.ZipInfo(entry.filename)
                bare.compress_type = entry.compress_type
                kept.writestr(bare, source.read(entry))
    return target.getvalue()
