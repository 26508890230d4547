"""`read_manifest`: reads the manifest of a file of any kind, without running anything in it."""

from __future__ import annotations

from pathlib import Path

from realtime.plugins.onnx.file import read_instrument
from realtime.plugins.torchscript.file import check_archive
from synth.contract import Manifest, ModelFileError


def read_manifest(path: str | Path) -> Manifest | None:
    """Read the manifest in an instrument file, with the same checks as before it is played.

    Args:
        path: an ONNX or TorchScript file.

    Returns:
        The manifest; None for a TorchScript file without one.

    Raises:
        ModelFileError: the file is refused, or is a trained model that was not exported.
    """
    path = Path(path)
    refuse_trained(path)
    return check_archive(path) if path.suffix == ".ts" else read_instrument(path)[1]


def refuse_trained(path: Path) -> None:
    """Raise `ModelFileError` for a trained model, which has to be exported first."""
    if path.suffix == ".pt":
        raise ModelFileError(
            f"{path}: a trained model; make it playable with `synth export {path}`"
        )
