"""A trained coordinate network becomes instrument files: ONNX, and TorchScript for nn~ as well."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from export.inr.torchscript import export_script
from export.onnx.instrument_graph import describe, export_onnx
from export.onnx.int8 import integer_weights
from synth.contract import ConfigError, Manifest, ModelFileError
from synth.models.inr import INR
from synth.models.inr.instrument import INRInstrument
from synth.models.inr.playhead import ONE
from synth.models.package import Package

# A number that lies between two steps of int8 may be rounded up here and down there.
INT8_LIMIT = 0.02
HEARD_SOUNDS, HEARD_POINTS = 16, 2048


def export_inr(
    package: Package,
    name: str,
    formats: Sequence[str],
    sample_rate: int | None,
    weights: str = "fp32",
) -> Iterator[tuple[str, bytes, Manifest]]:
    """File name, content and manifest of every format asked for, each proved equal to the model.

    Args:
        package: of family "inr"; name: of the instrument; formats: of "onnx" and "torchscript".
        sample_rate: of the output in Hz, by default that of the training.
        weights: "fp32", or "int8" for ONNX; its manifest says how far the sounds are from fp32
            (`snr_db`).

    Raises:
        ConfigError: the sample rate is out of range, the architecture can't be played, or not in
            int8.
        ModelFileError: another family, or a file plays something else than the model.
    """
    model = package.model
    if not isinstance(model, INR):
        raise ModelFileError(f"family {package.family} is no coordinate network")
    instrument = INRInstrument(model, sample_rate).eval()
    manifest = describe(instrument, name, package.family, package.provenance)
    if weights == "int8":
        _check_int8(model, formats)
        snr_db = round_to_int8(instrument)
        told = {**manifest.provenance, "weights": weights, "snr_db": round(snr_db, 1)}
        manifest = replace(manifest, provenance=told)
        made = export_onnx(instrument, manifest, rewrite=as_integers, limit=INT8_LIMIT)
        yield f"{name}.onnx", *made
        return
    if "onnx" in formats:
        yield f"{name}.onnx", *export_onnx(instrument, manifest)
    if "torchscript" in formats:
        yield f"{name}.ts", *export_script(instrument, manifest)


def round_to_int8(instrument: INRInstrument) -> float:
    """Round an instrument's products, and say how far its sounds are from before, in dB."""
    exact = _heard(instrument)
    instrument.reader.network.round_to_int8()
    error = (_heard(instrument) - exact).square().sum()
    return float(10 * math.log10(float(exact.square().sum()) / max(float(error), 1e-30)))


def as_integers(graph: Any) -> None:
    """Make rounded weights of a traced graph integers, in place."""
    nodes, weights = integer_weights(list(graph.graph.node), list(graph.graph.initializer))
    del graph.graph.node[:], graph.graph.initializer[:]
    graph.graph.node.extend(nodes)
    graph.graph.initializer.extend(weights)


def _heard(instrument: INRInstrument) -> Tensor:
    """Points all over the sounds, `[sounds, points]`."""
    latents = instrument.latents[:HEARD_SOUNDS]
    place = torch.linspace(0, instrument.length, HEARD_POINTS, dtype=torch.float64) * ONE
    with torch.inference_mode():
        return instrument.reader.read(latents, place.long().expand(len(latents), -1))


def _check_int8(model: INR, formats: Sequence[str]) -> None:
    row = model.config.row
    if formats != ("onnx",):
        raise ConfigError("--weights int8 is for --format onnx; TorchScript stays in fp32")
    if {row.first, row.hidden} != {"sine"}:
        raise ConfigError(
            f"--weights int8 needs layers of sines, whose values have a range;"
            f" {model.config.architecture} has others, leave it at fp32"
        )
