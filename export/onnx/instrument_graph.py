"""From an `Instrument` to an ONNX file, and the proof that the file plays the same.

Inputs of the graph: `audio` (effects) or `frames` (generators), one per control and one per noise
input under its name, one `state_*` per state tensor. Outputs: `audio_out` and `state_*_out`.
Metadata: `synth.manifest`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.manifest import state_name
from export.onnx.tracing import trace_graph
from export.parity import (
    PARITY_LIMIT,
    example_feed,
    example_noise,
    largest_difference,
    require_parity,
)
from synth import __version__
from synth.contract import METADATA_KEY, Manifest
from synth.models.instrument import Instrument


class _Flat(nn.Module):
    """The step with its dictionaries laid out as positional tensors, as a graph wants them."""

    def __init__(self, instrument: Instrument, state_keys: list[str]) -> None:
        super().__init__()
        self.instrument = instrument
        self.state_keys = state_keys

    def forward(self, feed: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        names = [c.name for c in self.instrument.controls]
        names += [spec.name for spec in self.instrument.random]
        controls = dict(zip(names, rest, strict=False))
        state = dict(zip(self.state_keys, rest[len(names) :], strict=True))
        audio, new = self.instrument.step(feed, controls, state)
        return audio, *(new[k] for k in self.state_keys)


def export_onnx(
    instrument: Instrument,
    manifest: Manifest,
    *,
    rewrite: Callable[[Any], None] | None = None,
    limit: float = PARITY_LIMIT,
    exact: Instrument | None = None,
) -> tuple[bytes, Manifest]:
    """Trace an instrument, compare the graph with it, and embed the manifest.

    Args:
        instrument: is set to eval mode.
        manifest: as `export.manifest.describe` makes it.
        rewrite: changes the traced graph in place before it is compared.
        limit: how far apart graph and torch step may be.
        exact: the instrument before its weights were rounded, where they were.

    Returns:
        the bytes of the file and the manifest in it, with `provenance["parity"]`, the largest
        difference to the torch step on the whole clip. With `exact`, that is the difference to its
        step, and `provenance["graph_parity"]` the one to the rounded instrument's.

    Raises:
        ModelFileError: the file plays something else (parity above the limit).
    """
    instrument = instrument.eval()
    graph = trace(instrument)
    if rewrite is not None:
        rewrite(graph)
    data = graph.SerializeToString()
    difference = parity(instrument, data)
    require_parity(difference, "exported graph", limit)
    figures = {"parity": difference}
    if exact is not None:
        figures = {"parity": parity(exact.eval(), data), "graph_parity": difference}
    provenance = {**manifest.provenance, **figures}
    manifest = replace(manifest, provenance=provenance)
    return with_manifest(graph, manifest), manifest


def with_manifest(graph: Any, manifest: Manifest) -> bytes:
    """The content of an ONNX file.

    Args:
        graph: an ONNX model, checked here; the manifest is added in place.
        manifest: of the instrument.
    """
    onnx.helper.set_model_props(graph, {METADATA_KEY: manifest.to_json()})
    onnx.checker.check_model(graph)
    data: bytes = graph.SerializeToString()
    return data


def trace(instrument: Instrument) -> Any:
    """The ONNX graph of an instrument, without a manifest and not yet compared.

    Args:
        instrument: in eval mode.
    """
    state = instrument.init_state(2)
    keys = list(state)
    feed = example_feed(instrument, 2, 3)
    controls = [c.default_array for c in instrument.controls]
    inputs = [torch.from_numpy(np.tile(c, (2, 1))) for c in controls]
    noise = example_noise(instrument, 2, 3)
    inputs += [torch.from_numpy(drawn) for drawn in noise.values()]
    names = [*(c.name for c in instrument.controls), *noise]
    states = [state_name(k) for k in keys]
    feed_name = "audio" if instrument.kind == "effect" else "frames"
    voices = {n: {0: "voices"} for n in (*names, *states, *(f"{s}_out" for s in states))}
    axes: dict[str, dict[int, str]] = {**voices, "audio_out": {0: "voices", 2: "samples"}}
    axes |= {name: {0: "voices", 1: "hops"} for name in noise}
    if instrument.kind == "effect":
        axes["audio"] = {0: "voices", 2: "samples"}
    graph = trace_graph(
        _Flat(instrument, keys),
        (feed, *inputs, *(state[k] for k in keys)),
        [feed_name, *names, *states],
        ["audio_out", *(f"{s}_out" for s in states)],
        axes,
    )
    graph.producer_name, graph.producer_version = "synth", __version__
    return graph


def parity(instrument: Instrument, graph: bytes, hops: int = 24, seed: int = 0) -> float:
    """Largest difference between the graph, played in blocks, and the torch step in one block.

    Args:
        instrument, hops, seed: as of `export.parity.largest_difference`.
        graph: the bytes of the ONNX file.
    """
    session = make_session(graph)

    def run(given: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        made: list[NDArray[Any]] = session.run(None, given)
        return made

    return largest_difference(instrument, run, hops, seed)


def make_session(graph: bytes) -> Any:
    """An onnxruntime session on one thread.

    Args:
        graph: the bytes of an ONNX file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
