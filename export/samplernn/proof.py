"""The proof that the graph of a live SampleRNN makes the sound of the model.

Codes are discrete: where a number drawn falls within rounding of the border between two of them,
file and model may part, and what follows is another sound. So the proof goes hop by hop: every hop
is made twice from the same state, and hops that part are counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from export.manifest import state_name
from export.onnx.instrument_graph import make_session
from export.parity import PARITY_LIMIT
from synth.models.samplernn.instrument import NOISE, SampleRNNInstrument

PROOF_HOPS = 12
ROWS = 3

Arrays = dict[str, NDArray[Any]]


def proof(
    instrument: SampleRNNInstrument, graph: bytes, hops: int = PROOF_HOPS, seed: int = 0
) -> tuple[float, int]:
    """Play graph and model side by side, and the graph in one block.

    Args:
        instrument: the model.
        graph: the bytes of its ONNX file.
        hops: how many are made, at least 1.
        seed: of the controls and of the noise.

    Returns:
        the largest difference in hops that agree, and the number of hops that don't.
    """
    generator = np.random.default_rng(seed)
    drawn = _draw_controls(instrument, generator)
    noise = generator.standard_normal((ROWS, hops, instrument.hop), np.float32)
    session = make_session(graph)
    initial = {key: tensor.numpy() for key, tensor in instrument.init_state(ROWS).items()}
    state, worst, parted, pieces = initial, 0.0, 0, []
    for i in range(hops):
        given = {**drawn, NOISE: noise[:, i : i + 1]}
        made = _run(session, given, state, 1)
        difference = _difference(instrument, given, state, made)
        if difference is None:
            parted += 1
        else:
            worst = max(worst, difference)
        state = dict(zip(state, made[1:], strict=True))
        pieces.append(made[0])
    whole = _run(session, {**drawn, NOISE: noise}, initial, hops)
    worst = max(worst, float(np.abs(whole[0] - np.concatenate(pieces, 2)).max()))
    return (worst if np.isfinite(worst) else float("inf")), parted


def _draw_controls(instrument: SampleRNNInstrument, generator: np.random.Generator) -> Arrays:
    """Row 0 at the defaults, the others anywhere in the ranges; gates open."""
    drawn = {
        c.name: np.stack(
            [c.default_array]
            + [c.from_unit(generator.random(c.size).astype(np.float32)) for _ in range(ROWS - 1)]
        )
        for c in instrument.controls
    }
    drawn["gate"][:] = 1.0
    return drawn


def _difference(
    instrument: SampleRNNInstrument, given: Arrays, state: Arrays, made: list[NDArray[Any]]
) -> float | None:
    """Between a hop that the graph has made and the model's; None where their codes part."""
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in (given | state).items()}
    with torch.inference_mode():
        audio, after = instrument.step(torch.tensor([1]), tensors, tensors)
    wanted = [audio, *(after[key] for key in state)]
    pairs = [(a, b.numpy()) for a, b in zip(made, wanted, strict=True)]
    history = 1 + list(state).index("history")
    same = np.array_equal(*pairs[history])
    if not same or not np.abs(np.subtract(*pairs[0])).max() < PARITY_LIMIT:
        return None
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def _run(session: Any, given: Arrays, state: Arrays, hops: int) -> list[NDArray[Any]]:
    """Audio, then the next state in the order of `state`."""
    feed = {**given, **{state_name(k): v for k, v in state.items()}}
    names = ["audio_out", *(f"{state_name(k)}_out" for k in state)]
    made: list[NDArray[Any]] = session.run(names, {**feed, "frames": np.array([hops])})
    return made
