"""The proof that the graph of a live SampleRNN makes the sound of the model.

Codes are discrete: where a number drawn falls within rounding of the border between two of them,
file and model may part, and what follows is another sound. So the proof goes hop by hop: every hop
is made twice from the same state, and hops that part are counted. What rounded weights change is
measured in the same way, against the model before it was rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
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
# Share of a hop's peak over which two samples come from different codes. Neighbouring codes are
# further apart, and the same code sounds the same to rounding.
SAME_CODE = 2e-6

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Proof:
    """How far a graph is from the models that it was made from.

    Attributes:
        difference: the largest one of sound and state in hops that agree.
        parted: number of hops that don't.
        exact_difference: the largest one of the sound to the model before it was rounded, in full
            scale or, where that is louder, in its peak; over all hops, 0 where none was given.
        codes_differing: share of the samples, 0 … 1, whose code is another than the one which that
            model draws from the same state and number, until the hop ends.
    """

    difference: float
    parted: int
    exact_difference: float = 0.0
    codes_differing: float = 0.0


def proof(
    instrument: SampleRNNInstrument,
    graph: bytes,
    hops: int = PROOF_HOPS,
    seed: int = 0,
    exact: SampleRNNInstrument | None = None,
) -> Proof:
    """Play graph and model side by side, and the graph in one block.

    Args:
        instrument: the model.
        graph: the bytes of its ONNX file.
        hops: how many are made, at least 1.
        seed: of the controls and of the noise.
        exact: the model before its weights were rounded, where they were.
    """
    generator = np.random.default_rng(seed)
    drawn = _draw_controls(instrument, generator)
    noise = generator.standard_normal((ROWS, hops, instrument.hop), np.float32)
    session = make_session(graph)
    initial = {key: tensor.numpy() for key, tensor in instrument.init_state(ROWS).items()}
    state, worst, parted, pieces, wanted = initial, 0.0, 0, [], []
    for i in range(hops):
        given = {**drawn, NOISE: noise[:, i : i + 1]}
        made = _run(session, given, state, 1)
        difference = _difference(instrument, given, state, made)
        if difference is None:
            parted += 1
        else:
            worst = max(worst, difference)
        if exact is not None:
            wanted.append(_step(exact, given, state)[0])
        state = dict(zip(state, made[1:], strict=True))
        pieces.append(made[0])
    whole = _run(session, {**drawn, NOISE: noise}, initial, hops)
    worst = max(worst, float(np.abs(whole[0] - np.concatenate(pieces, 2)).max()))
    worst = worst if np.isfinite(worst) else float("inf")
    return Proof(worst, parted, *_departure(pieces, wanted))


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
    pairs = list(zip(made, _step(instrument, given, state), strict=True))
    history = 1 + list(state).index("history")
    same = np.array_equal(*pairs[history])
    if not same or not np.abs(np.subtract(*pairs[0])).max() < PARITY_LIMIT:
        return None
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def _departure(
    made: list[NDArray[np.float32]], wanted: list[NDArray[np.float32]]
) -> tuple[float, float]:
    """`exact_difference` and `codes_differing` between hops `[rows, 1, samples]`."""
    if not wanted:
        return 0.0, 0.0
    away = [np.abs(a - b) for a, b in zip(made, wanted, strict=True)]
    peaks = [np.maximum(np.abs(b).max(2, keepdims=True), 1e-12) for b in wanted]
    other = np.mean([a > SAME_CODE * peak for a, peak in zip(away, peaks, strict=True)])
    loudest = max(1.0, *(float(peak.max()) for peak in peaks))
    return max(float(a.max()) for a in away) / loudest, float(other)


def _step(instrument: SampleRNNInstrument, given: Arrays, state: Arrays) -> list[NDArray[Any]]:
    """The model's hop: audio, then the next state in the order of `state`."""
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in (given | state).items()}
    with torch.inference_mode():
        audio, after = instrument.step(torch.tensor([1]), tensors, tensors)
    return [audio.numpy(), *(after[key].numpy() for key in state)]


def _run(session: Any, given: Arrays, state: Arrays, hops: int) -> list[NDArray[Any]]:
    """Audio, then the next state in the order of `state`."""
    feed = {**given, **{state_name(k): v for k, v in state.items()}}
    names = ["audio_out", *(f"{state_name(k)}_out" for k in state)]
    made: list[NDArray[Any]] = session.run(names, {**feed, "frames": np.array([hops])})
    return made
