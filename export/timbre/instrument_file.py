"""A trained timbre space becomes an instrument file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from export.manifest import describe
from export.onnx.half_precision import halve_weights
from export.onnx.instrument_graph import export_onnx
from export.timbre.made_waves import make_waves
from synth.contract import Manifest
from synth.models.package import Package
from synth.models.timbre import Timbre
from synth.models.timbre.live.instrument import TimbreInstrument


def generator_onnx(
    package: Package, name: str, options: Mapping[str, Any], on_notice: Callable[[str], None]
) -> tuple[bytes, Manifest]:
    """The ONNX file of a timbre space that plays notes, and the manifest in it.

    Args:
        package: of the family timbre.
        name: of the instrument.
        options: `sample_rate` of the output in Hz; `weights`, "fp32" or "fp16", which is half as
            large; the manifest then says how far that is from fp32 (`parity`).
        on_notice: nothing is said.

    Raises:
        ConfigError: the model has no anchors, or the sample rate is out of range.
        ModelFileError: the file plays something else.
    """
    model = cast(Timbre, package.model)

    def made() -> TimbreInstrument:
        return TimbreInstrument(model, package.latent, options["sample_rate"]).eval()

    instrument = made()
    manifest = describe(instrument, name, package.family, package.provenance)

    def rewrite(graph: Any) -> None:
        for table in (instrument.oscillators.waves, instrument.noise.waves):
            make_waves(graph, table.numpy())
        halve_weights(graph)

    if options["weights"] == "fp32":
        return export_onnx(instrument, manifest, rewrite=rewrite)
    instrument.round_to_half()
    told = {**manifest.provenance, "weights": options["weights"]}
    manifest = replace(manifest, provenance=told)
    return export_onnx(instrument, manifest, rewrite=rewrite, exact=made())
