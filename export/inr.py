"""A trained coordinate network becomes instrument files: ONNX, and TorchScript for nn~ as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from export.graph import describe, export_onnx
from export.inr_torchscript import export_script
from synth.contract import Manifest, ModelFileError
from synth.models.inr import INR
from synth.models.inr.instrument import INRInstrument
from synth.models.package import Package


def export_inr(
    package: Package, name: str, formats: Sequence[str], sample_rate: int | None
) -> Iterator[tuple[str, bytes, Manifest]]:
    """File name, content and manifest of every format asked for, each proved equal to the model.

    Args:
        package: of family "inr"; name: of the instrument; formats: of "onnx" and "torchscript".
        sample_rate: of the output in Hz, by default that of the training.

    Raises:
        ConfigError: the sample rate is out of range, or the architecture can't be played.
        ModelFileError: another family, or a file plays something else than the model.
    """
    model = package.model
    if not isinstance(model, INR):
        raise ModelFileError(f"family {package.family} is no coordinate network")
    instrument = INRInstrument(model, sample_rate).eval()
    manifest = describe(instrument, name, package.family, package.provenance)
    if "onnx" in formats:
        yield f"{name}.onnx", *export_onnx(instrument, manifest)
    if "torchscript" in formats:
        yield f"{name}.ts", *export_script(instrument, manifest)
