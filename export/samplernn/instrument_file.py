"""A trained SampleRNN becomes an instrument file, and the proof that the file plays the same.

Codes are discrete: where a number drawn falls within rounding of the border between two of them,
file and model may part, and what follows is another sound. So the proof goes hop by hop: every hop
is made twice from the same state, and hops that part are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from export.onnx.instrument_graph import PARITY_LIMIT, make_session, state_name
from export.samplernn.live_graph import live_graph
from export.samplernn.prime_bank import (
    Material,
    build_primes,
    even_places,
    excerpts,
    hear,
    read_material,
)
from export.samplernn.tuning_range import keys_in_tune
from synth.contract import METADATA_KEY, Manifest, ModelFileError
from synth.models.samplernn import SampleRNN
from synth.models.samplernn.instrument import NOISE, SampleRNNInstrument
from synth.models.samplernn.live import bits_per_sample, make_int8

WEIGHTS = ("fp32", "int8")
INT8_LIMIT = 0.05  # of a state: a step of a rounded number may fall to the other side
FLIPPED = 0.25  # of the hops that may part at a border
PROOF_HOPS = 12
JUDGED_S, JUDGED_ROWS = 0.5, 8
HELD_OUT = 0.9  # from where on training holds one recording out


def live_instrument(
    model: SampleRNN, files: Sequence[Path], max_seconds: float, weights: str
) -> tuple[SampleRNNInstrument, dict[str, Any]]:
    """The instrument of a model, and what its manifest says of its weights.

    Args:
        files: recordings that notes start from; max_seconds: how much of each is read.
        weights: "fp32" or "int8".

    Raises:
        DataError: the recordings can't be used.
    """
    material = read_material(model, files, max_seconds)
    instrument = SampleRNNInstrument(model, build_primes(model, material)).eval()
    facts: dict[str, Any] = {"weights": weights}
    if weights == "int8":
        facts["bits_per_sample"] = {"fp32": _bits(model, instrument, material)}
        make_int8(instrument.live, lambda: _bits(model, instrument, material, (0.0, HELD_OUT)))
        facts["bits_per_sample"]["int8"] = _bits(model, instrument, material)
    return instrument, facts


def export_live(instrument: SampleRNNInstrument, manifest: Manifest) -> tuple[bytes, Manifest]:
    """Build the graph, prove it, embed the manifest.

    Returns:
        the bytes of the file and the manifest in it, with `provenance["parity"]`, the largest
        difference of sound and state in hops that agree, and `provenance["parted_hops"]`.

    Raises:
        ModelFileError: the file plays something else.
    """
    graph = live_graph(instrument)
    difference, parted = proof(instrument, graph.SerializeToString())
    limit = INT8_LIMIT if manifest.provenance.get("weights") == "int8" else PARITY_LIMIT
    if not difference <= limit or parted > FLIPPED * PROOF_HOPS:
        raise ModelFileError(
            f"the exported graph differs from the model by {difference:.2g} (at most {limit:g} is"
            f" allowed) and parts from it in {parted} of {PROOF_HOPS} hops; nothing was written"
        )
    provenance = {**manifest.provenance, "parity": difference, "parted_hops": parted}
    keys = instrument.key_range
    if keys is not None:
        keys = keys_in_tune(instrument, make_session(graph.SerializeToString()), *keys)
    manifest = replace(manifest, provenance=provenance, key_range=keys)
    onnx.helper.set_model_props(graph, {METADATA_KEY: manifest.to_json()})
    onnx.checker.check_model(graph)
    return graph.SerializeToString(), manifest


def proof(
    instrument: SampleRNNInstrument, graph: bytes, hops: int = PROOF_HOPS, seed: int = 0
) -> tuple[float, int]:
    """Play graph and model side by side, and the graph in one block.

    Returns:
        the largest difference in hops that agree, and the number of hops that don't.
    """
    rows, generator = 3, np.random.default_rng(seed)
    controls = {c.name: c.default_array for c in instrument.controls}
    drawn = {
        c.name: np.stack(
            [controls[c.name]]
            + [c.from_unit(generator.random(c.size).astype(np.float32)) for _ in range(rows - 1)]
        )
        for c in instrument.controls
    }
    drawn["gate"][:] = 1.0
    noise = generator.standard_normal((rows, hops, instrument.hop), np.float32)
    session = make_session(graph)
    initial = instrument.init_state(rows)
    state = {key: tensor.numpy() for key, tensor in initial.items()}
    worst, parted, pieces = 0.0, 0, []
    for i in range(hops):
        given = {**drawn, NOISE: noise[:, i : i + 1]}
        made = _run(session, given, state, 1)
        tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in (given | state).items()}
        with torch.inference_mode():
            audio, after = instrument.step(torch.tensor([1]), tensors, tensors)
        wanted = [audio, *(after[key] for key in state)]
        pairs = [(a, b.numpy()) for a, b in zip(made, wanted, strict=True)]
        history = 1 + list(state).index("history")
        if np.array_equal(*pairs[history]) and np.abs(np.subtract(*pairs[0])).max() < PARITY_LIMIT:
            worst = max(worst, *(float(np.abs(a - b).max()) for a, b in pairs))
        else:
            parted += 1
        state = dict(zip(state, made[1:], strict=True))
        pieces.append(made[0])
    whole = _run(session, {**drawn, NOISE: noise}, {k: t.numpy() for k, t in initial.items()}, hops)
    worst = max(worst, float(np.abs(whole[0] - np.concatenate(pieces, 2)).max()))
    return (worst if np.isfinite(worst) else float("inf")), parted


def _run(session: Any, given: dict[str, Any], state: dict[str, Any], hops: int) -> list[Any]:
    """Audio, then the next state in the order of `state`."""
    feed = {**given, **{state_name(k): v for k, v in state.items()}}
    names = ["audio_out", *(f"{state_name(k)}_out" for k in state)]
    return session.run(names, {**feed, "frames": np.array([hops])})  # type: ignore[no-any-return]


def _bits(
    model: SampleRNN,
    instrument: SampleRNNInstrument,
    material: Material,
    share: tuple[float, float] = (HELD_OUT, 1.0),
) -> float:
    """Bits per sample of the instrument's parts over a share of the material."""
    config = model.config
    judged = max(round(JUDGED_S * config.sample_rate / config.hop), 1) * config.hop
    judged = min(judged, len(material.codes) // (4 * config.hop) * config.hop)
    starts = even_places(material, config, 2 * judged, JUDGED_ROWS, share)
    _, state = hear(model, *excerpts(material, config, starts, judged))
    codes, steering = excerpts(material, config, starts + judged, judged)
    with torch.inference_mode():
        steered = instrument.steering.steer(steering)
        return bits_per_sample(instrument.live, codes, steered, state)[0]
