"""The networks that find patches become the file of a matching model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.inverse.made_tables import make_tables
from export.inverse.proposing_graph import proposing_graph, values_of
from export.manifest import versions
from export.onnx.half_precision import halve_weights
from export.parity import PARITY_LIMIT, require_parity
from synth.contract import MATCHER_KEY, MatcherManifest
from synth.contract.matcher import MATCHER_INPUTS, MATCHER_OUTPUTS
from synth.models.inverse import Inverse
from synth.models.inverse.hearing import Hearing
from synth.models.inverse.voices import DURATION, KEY
from synth.models.package import Package

COUNTS = (2, 5, 16)  # of proposals, with which graph and networks are compared
HALF_LIMIT = 0.05  # of a range, by which a proposal may move as weights are rounded to fp16


def matcher_onnx(
    package: Package, name: str, options: Mapping[str, Any], on_notice: Callable[[str], None]
) -> tuple[bytes, MatcherManifest]:
    """The ONNX file of a model that proposes patches, and the manifest in it.

    Weights are rounded to half precision.

    Args:
        package: of the family inverse.
        name: of the file; the manifest has none.
        options: not used.
        on_notice: not used.

    Raises:
        ModelFileError: the file proposes something else than the model.
    """
    model = cast(Inverse, package.model).eval()
    voice = model.voice
    graph = proposing_graph(model)
    exact = _difference(model, _runner(graph))
    require_parity(exact, "exported graph", PARITY_LIMIT)
    make_tables(graph, Hearing(voice.sample_rate))
    halve_weights(graph, rounded=True)
    parity = _difference(model, _runner(graph))
    require_parity(parity, "graph with weights in half precision", HALF_LIMIT)
    told = {"parity": parity, "graph_parity": exact, "weights": "fp16"}
    manifest = MatcherManifest(
        voice.name,
        tuple(voice.names),
        KEY,
        DURATION,
        voice.sample_rate,
        voice.samples,
        {**package.provenance, "versions": versions(torch, onnx, onnxruntime), **told},
    )
    onnx.helper.set_model_props(graph, {MATCHER_KEY: manifest.to_json()})
    return graph.SerializeToString(), manifest


def _example(model: Inverse, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noise that decays, as a sound, and the noise of proposals."""
    generator = torch.Generator().manual_seed(seed)
    samples = model.voice.samples
    decay = torch.exp(-torch.linspace(0, 5, samples))
    tone = torch.sin(torch.arange(samples) * (0.02 + 0.03 * seed))
    audio = decay * (0.3 * tone + 0.05 * torch.randn(samples, generator=generator))
    return audio[None], torch.randn(count, len(model.voice.names), generator=generator)


def _runner(graph: Any) -> Callable[[Tensor, Tensor], list[NDArray[np.float32]]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def run(audio: Tensor, noise: Tensor) -> list[NDArray[np.float32]]:
        feed = dict(zip(MATCHER_INPUTS, (audio.numpy(), noise.numpy()), strict=True))
        return list(session.run(list(MATCHER_OUTPUTS), feed))

    return run


def _difference(
    model: Inverse, run: Callable[[Tensor, Tensor], list[NDArray[np.float32]]]
) -> float:
    """The largest difference of a proposed value from the model's, as a share of its range.

    Not as a share of the knob's way: where that is steep, float32 can't tell positions apart.
    """
    parameters = model.voice.parameters_
    spans = torch.tensor([p.maximum - p.minimum for p in parameters])
    differences = []
    for seed, count in enumerate(COUNTS):
        audio, noise = _example(model, count, seed)
        with torch.inference_mode():
            wanted = values_of(model, model.propose(audio, noise), model.told(audio))
        found = torch.from_numpy(run(audio, noise)[0])
        differences.append(float(((found - wanted).abs() / spans).max()))
    # A maximum would pass over a difference that is no number.
    return max(differences) if np.isfinite(differences).all() else float("inf")
