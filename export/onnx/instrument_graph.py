"""From an `Instrument` to an ONNX file, and the proof that the file plays the same.

Inputs of the graph: `audio` (effects) or `frames` (generators), one per control under its name, one
`state_*` per state tensor. Outputs: `audio_out` and `state_*_out`. Metadata: `synth.manifest`.
"""

from __future__ import annotations

import io
import platform
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth import __version__
from synth.contract import METADATA_KEY, Manifest, ModelFileError, TensorSpec
from synth.models.instrument import Instrument
from synth.nn import State

OPSET = 18
PARITY_LIMIT = 1e-4
Run = Callable[[Mapping[str, NDArray[Any]]], list[NDArray[Any]]]
_DTYPES = {torch.float32: "float32", torch.int64: "int64"}


class _Flat(nn.Module):
    """The step with its dictionaries laid out as positional tensors, as a graph wants them."""

    def __init__(self, instrument: Instrument, state_keys: list[str]) -> None:
        super().__init__()
        self.instrument = instrument
        self.state_keys = state_keys

    def forward(self, feed: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        names = [c.name for c in self.instrument.controls]
        controls = dict(zip(names, rest, strict=False))
        state = dict(zip(self.state_keys, rest[len(names) :], strict=True))
        audio, new = self.instrument.step(feed, controls, state)
        return audio, *(new[k] for k in self.state_keys)


def describe(
    instrument: Instrument, name: str, family: str, provenance: Mapping[str, Any]
) -> Manifest:
    """The manifest of an instrument, parity not yet measured."""
    state = instrument.init_state(1)
    return Manifest(
        name=name,
        family=family,
        kind=instrument.kind,
        sample_rate=instrument.sample_rate,
        hop=instrument.hop,
        channels_in=instrument.channels_in,
        channels_out=instrument.channels_out,
        latency=instrument.latency,
        controls=instrument.controls,
        state=tuple(
            TensorSpec(state_name(k), tuple(v.shape[1:]), _DTYPES[v.dtype])
            for k, v in state.items()
        ),
        random=instrument.random,
        sounds=instrument.sounds,
        key_range=instrument.key_range,
        provenance={**provenance, "versions": _versions()},
    )


def export_onnx(
    instrument: Instrument,
    manifest: Manifest,
    *,
    rewrite: Callable[[Any], None] | None = None,
    limit: float = PARITY_LIMIT,
) -> tuple[bytes, Manifest]:
    """Trace, embed the manifest, re-load, compare.

    Args:
        rewrite: changes the traced graph in place before it is compared.
        limit: how far apart graph and torch step may be.

    Returns:
        The bytes of the file and the manifest in it, with `provenance["parity"]` = the largest
        difference to the torch step on the whole clip.

    Raises:
        ModelFileError: the file plays something else (parity above the limit).
    """
    instrument = instrument.eval()
    graph = trace(instrument)
    if rewrite is not None:
        rewrite(graph)
    difference = parity(instrument, graph.SerializeToString())
    if not difference <= limit:
        raise ModelFileError(
            f"the exported graph differs from the model by {difference:.2g} (at most"
            f" {limit:g} is allowed); nothing was written"
        )
    provenance = {**manifest.provenance, "parity": float(difference)}
    manifest = Manifest(**{**manifest.__dict__, "provenance": provenance})
    onnx.helper.set_model_props(graph, {METADATA_KEY: manifest.to_json()})
    onnx.checker.check_model(graph)
    return graph.SerializeToString(), manifest


def state_name(key: str) -> str:
    """Graph name of a state tensor."""
    return "state_" + key.replace(".", "_")


def trace(instrument: Instrument) -> Any:
    """The ONNX graph of an instrument, without a manifest and not yet compared."""
    state = instrument.init_state(2)
    keys = list(state)
    feed = _feed(instrument, 2, 3)
    controls = [c.default_array for c in instrument.controls]
    inputs = [torch.from_numpy(np.tile(c, (2, 1))) for c in controls]
    names = [c.name for c in instrument.controls]
    states = [state_name(k) for k in keys]
    feed_name = "audio" if instrument.kind == "effect" else "frames"
    voices = {n: {0: "voices"} for n in (*names, *states, *(f"{s}_out" for s in states))}
    axes: dict[str, dict[int, str]] = {**voices, "audio_out": {0: "voices", 2: "samples"}}
    if instrument.kind == "effect":
        axes["audio"] = {0: "voices", 2: "samples"}
    target = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        # The tracer is what can express a number of frames that depends on the data; it is marked
        # deprecated, and it warns of every branch on a traced value, none of which is taken here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Flat(instrument, keys),
            (feed, *inputs, *(state[k] for k in keys)),
            target,  # type: ignore[arg-type]  # files are taken too, with dynamo=False
            dynamo=False,
            opset_version=OPSET,
            input_names=[feed_name, *names, *states],
            output_names=["audio_out", *(f"{s}_out" for s in states)],
            dynamic_axes=axes,
            do_constant_folding=True,
        )
    graph = onnx.load_from_string(target.getvalue())
    graph.producer_name, graph.producer_version = "synth", __version__
    return graph


def parity(instrument: Instrument, graph: bytes, hops: int = 24, seed: int = 0) -> float:
    """Largest difference between the graph, played in blocks, and the torch step in one block.

    Where the model is louder than full scale (an untrained one can be), relative to its peak.
    """
    session = make_session(graph)

    def run(given: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        made: list[NDArray[Any]] = session.run(None, given)
        return made

    return largest_difference(instrument, run, hops, seed)


def largest_difference(instrument: Instrument, run: Run, hops: int = 24, seed: int = 0) -> float:
    """As `parity`, of anything that makes steps of the instrument.

    Args:
        run: from feed, controls and state (under the names of the graph) to the audio and the next
            state, in the order of the instrument's.
    """
    rows = 3
    generator = np.random.default_rng(seed)
    controls = _spread_controls(instrument, rows, generator)
    feed = _feed(instrument, rows, hops, generator)
    with torch.inference_mode():
        torch_controls = {k: torch.from_numpy(v) for k, v in controls.items()}
        whole, _ = instrument.step(feed, torch_controls, instrument.init_state(rows))
    worst, size = 0.0, max(1.0, float(whole.abs().max()))
    for block in (1, 2, 3, hops // 2, hops):
        streamed = _play(instrument, run, feed.numpy(), controls, block, hops)
        worst = max(worst, float(np.abs(streamed - whole.numpy()).max()) / size)
    return worst if np.isfinite(worst) else float("inf")


def make_session(graph: bytes) -> Any:
    """A one-thread onnxruntime session of the bytes of a graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _play(
    instrument: Instrument,
    run: Run,
    feed: NDArray[Any],
    controls: Mapping[str, NDArray[np.float32]],
    block: int,
    hops: int,
) -> NDArray[np.float32]:
    rows = next(iter(controls.values())).shape[0]
    initial: State = instrument.init_state(rows)
    state = {state_name(k): v.numpy() for k, v in initial.items()}
    pieces = []
    for at in range(0, hops, block):
        size = min(block, hops - at)
        if instrument.kind == "effect":
            part = feed[:, :, at * instrument.hop : (at + size) * instrument.hop]
            given = {"audio": np.ascontiguousarray(part)}
        else:
            given = {"frames": np.array([size], np.int64)}
        audio, *new = run({**given, **controls, **state})
        state = dict(zip(state, new, strict=True))
        pieces.append(audio)
    return np.concatenate(pieces, 2)


def _feed(
    instrument: Instrument, rows: int, hops: int, generator: np.random.Generator | None = None
) -> Tensor:
    if instrument.kind != "effect":
        return torch.tensor([hops])
    shape = (rows, instrument.channels_in, hops * instrument.hop)
    generator = generator or np.random.default_rng(0)
    return torch.from_numpy(generator.normal(0, 0.2, shape).astype(np.float32))


def _spread_controls(
    instrument: Instrument, rows: int, generator: np.random.Generator
) -> dict[str, NDArray[np.float32]]:
    """Row 0 at the defaults, the others anywhere in the ranges; gates open, so that they sound."""
    controls = {}
    for control in instrument.controls:
        values = [control.default_array]
        for _ in range(rows - 1):
            values.append(control.from_unit(generator.random(control.size).astype(np.float32)))
        controls[control.name] = np.stack(values)
    if "gate" in controls:
        controls["gate"][:] = 1.0
    return controls


def _versions() -> dict[str, str]:
    return {
        "synth": __version__,
        "torch": str(torch.__version__),
        "onnx": str(onnx.__version__),
        "onnxruntime": str(onnxruntime.__version__),
        "python": platform.python_version(),
    }
