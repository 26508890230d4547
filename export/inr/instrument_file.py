"""A trained coordinate network becomes instrument files: ONNX, and TorchScript for nn~ as well."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from export.inr.torchscript import export_script
from export.inr.unheard_sounds import encoded_sounds
from export.manifest import describe
from export.onnx.instrument_graph import export_onnx
from export.onnx.int8 import integer_weights
from synth.contract import ConfigError, Manifest
from synth.models.inr import INR
from synth.models.inr.live.instrument import INRInstrument
from synth.models.inr.live.playhead import ONE
from synth.models.package import Package

# A number that lies between two steps of int8 may be rounded up here and down there.
INT8_LIMIT = 0.02
HEARD_SOUNDS, HEARD_POINTS = 16, 2048


def generator_onnx(
    package: Package, name: str, options: Mapping[str, Any], on_notice: Callable[[str], None]
) -> tuple[bytes, Manifest]:
    """The ONNX file of a coordinate network that plays notes, and the manifest in it.

    Args:
        package: of the family inr.
        name: of the instrument.
        options: `sounds`, recordings that an autoencoder encodes in place of those it has learned,
            or None; `sample_rate` of the output in Hz, None: that of the training; `weights`,
            "fp32" or "int8", of which the manifest says how far the sounds are from fp32
            (`snr_db`).
        on_notice: nothing is said.

    Raises:
        ConfigError: the architecture can't be played, or not in int8.
        ModelFileError: the file plays something else.
    """
    package = _with_sounds(package, options)
    instrument = _instrument(package, options)
    manifest = describe(instrument, name, package.family, package.provenance)
    if options["weights"] != "int8":
        return export_onnx(instrument, manifest)
    _require_sines(cast(INR, package.model))
    exact = copy.deepcopy(instrument)
    snr_db = round_to_int8(instrument)
    told = {**manifest.provenance, "weights": "int8", "snr_db": round(snr_db, 1)}
    manifest = replace(manifest, provenance=told)
    return export_onnx(instrument, manifest, rewrite=as_integers, limit=INT8_LIMIT, exact=exact)


def generator_torchscript(
    package: Package, name: str, options: Mapping[str, Any], on_notice: Callable[[str], None]
) -> tuple[bytes, Manifest]:
    """The same as TorchScript, always in fp32: for nn~ and for hosts that play notes.

    Args:
        package, name, on_notice: as for `generator_onnx`.
        options: `sounds` and `sample_rate`.

    Raises:
        ConfigError: the architecture can't be played.
        ModelFileError: the file plays something else.
    """
    package = _with_sounds(package, options)
    instrument = _instrument(package, options)
    return export_script(instrument, describe(instrument, name, package.family, package.provenance))


def _with_sounds(package: Package, options: Mapping[str, Any]) -> Package:
    sounds = options["sounds"]
    return package if sounds is None else encoded_sounds(package, sounds)


def _instrument(package: Package, options: Mapping[str, Any]) -> INRInstrument:
    return INRInstrument(cast(INR, package.model), options["sample_rate"]).eval()


def round_to_int8(instrument: INRInstrument) -> float:
    """Round the weights and inputs of an instrument's products to int8, in place.

    Args:
        instrument: in eval mode, with layers of sines.

    Returns:
        level of its sounds over the difference to before, in dB.
    """
    exact = _heard(instrument)
    instrument.reader.network.round_to_int8()
    error = (_heard(instrument) - exact).square().sum()
    return float(10 * math.log10(float(exact.square().sum()) / max(float(error), 1e-30)))


def as_integers(graph: Any) -> None:
    """Make rounded weights of a traced graph integers.

    Args:
        graph: an ONNX model, changed in place.
    """
    nodes, weights = integer_weights(list(graph.graph.node), list(graph.graph.initializer))
    del graph.graph.node[:], graph.graph.initializer[:]
    graph.graph.node.extend(nodes)
    graph.graph.initializer.extend(weights)


def _heard(instrument: INRInstrument) -> Tensor:
    """Points spread evenly over the first sounds, `[sounds, points]`."""
    latents = instrument.latents[:HEARD_SOUNDS]
    place = torch.linspace(0, instrument.length, HEARD_POINTS, dtype=torch.float64) * ONE
    with torch.inference_mode():
        return instrument.reader.read(latents, place.long().expand(len(latents), -1))


def _require_sines(model: INR) -> None:
    row = model.config.row
    if {row.first, row.hidden} != {"sine"}:
        raise ConfigError(
            f"--weights int8 needs layers of sines, whose values have a range;"
            f" {model.config.architecture} has others, leave it at fp32"
        )
