"""A voice becomes an instrument file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from onnx import TensorProto, helper

from export.inverse.bank import bank_of
from export.manifest import describe
from export.onnx.instrument_graph import export_onnx
from synth.contract import Manifest
from synth.models.inverse import Inverse
from synth.models.inverse.live.instrument import VoiceInstrument
from synth.models.inverse.voices import Patch, Voice
from synth.models.package import Package


def generator_onnx(
    package: Package, name: str, options: Mapping[str, Any], on_notice: Callable[[str], None]
) -> tuple[bytes, Manifest]:
    """The ONNX file of a model's voice with its bundled bank, and the manifest in it.

    Args:
        package: of the family inverse.
        name: of the instrument.
        options: `sample_rate` of the output in Hz.
        on_notice: told where the voice has no bank.

    Raises:
        ConfigError: the sample rate is out of range.
        ModelFileError: the file plays something else.
    """
    voice = cast(Inverse, package.model).voice
    patches = bank_of(voice.name)
    if not patches:
        on_notice(f"the voice {voice.name} has no patches yet, so that all knobs are in the middle")
        middle = torch.full((1, len(voice.names)), 0.5)
        patches = (Patch.of(voice, middle, "Init"),)
    return voice_onnx(voice, patches, name, options["sample_rate"], package.provenance)


def voice_onnx(
    voice: Voice,
    patches: Sequence[Patch],
    name: str,
    sample_rate: int,
    provenance: Mapping[str, Any],
) -> tuple[bytes, Manifest]:
    """The ONNX file of a voice that plays notes, and the manifest in it.

    Args:
        voice: whose curves the controls have; patches: its bank.
        name: of the instrument; sample_rate: of the output in Hz.
        provenance: JSON-ready.

    Raises:
        ConfigError, DataError: see `VoiceInstrument`.
        ModelFileError: the file plays something else.
    """
    instrument = VoiceInstrument(voice, patches, sample_rate)
    manifest = describe(instrument, name, "inverse", {**provenance, "voice": voice.name})

    def rewrite(graph: Any) -> None:
        _keep_inputs(graph, instrument)

    return export_onnx(instrument, manifest, rewrite=rewrite)


def _keep_inputs(graph: Any, instrument: VoiceInstrument) -> None:
    """Add the inputs that the tracer left out because nothing in the graph uses them: the number of
    the patch, which the host replaces by what it stands for, and noise where the voice has none."""
    found = {given.name for given in graph.graph.input}
    shapes: dict[str, list[str | int]] = {c.name: ["voices", c.size] for c in instrument.controls}
    shapes |= {r.name: ["voices", "hops", *r.shape[1:]] for r in instrument.random}
    for name, shape in shapes.items():
        if name not in found:
            added = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            graph.graph.input.append(added)
