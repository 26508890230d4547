"""The keys that an instrument plays in tune, found by playing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.manifest import state_name
from synth.dsp.features import extract
from synth.models.instrument import Instrument

NOTE_S, ATTACK_S = 1.0, 0.25
FEATURE_HOP = 256
TOLERANCE = 0.5  # semitones
ONCE_MISSED = 0.4  # share of a note's frames that may be elsewhere


def keys_in_tune(
    instrument: Instrument, session: Any, low: int, high: int
) -> tuple[int, int] | None:
    """The longest run of keys that sound at their own pitch.

    Every key is held for a second, all else at its default. It is in tune when the pitch of three
    fifths of its frames, and their median, are within half a semitone of it.

    Args:
        instrument: with a control `key` and random inputs.
        session: an onnxruntime session of its exported graph.
        low, high: MIDI keys to try.

    Returns:
        lowest and highest key of the run, or None where fewer than two keys are in tune.
    """
    keys = range(low, high + 1)
    audio = _play(instrument, session, keys)
    start = round(ATTACK_S * instrument.sample_rate)
    good = [
        _in_tune(extract(row[start:], instrument.sample_rate, FEATURE_HOP, ("pitch",))[:, 0], key)
        for row, key in zip(audio, keys, strict=True)
    ]
    edges = [-1, *(i for i, fine in enumerate(good) if not fine), len(good)]
    before, after = max(pairwise(edges), key=lambda edge: edge[1] - edge[0])
    return (low + before + 1, low + after - 1) if after - before > 2 else None


def _in_tune(pitch: NDArray[np.float32], key: int) -> bool:
    away = np.abs(pitch - key)
    return bool(np.median(away) < TOLERANCE and np.mean(away >= TOLERANCE) <= ONCE_MISSED)


def _play(instrument: Instrument, session: Any, keys: Sequence[int]) -> NDArray[np.float32]:
    """One row of audio per key, `[keys, samples]`."""
    rows, generator = len(keys), np.random.default_rng(0)
    controls: Mapping[str, Any] = {
        c.name: np.tile(c.default_array, (rows, 1)) for c in instrument.controls
    }
    controls["gate"][:] = 1.0
    controls["key"][:, 0] = keys
    state = {state_name(k): v.numpy() for k, v in instrument.init_state(rows).items()}
    hops = -(-round(NOTE_S * instrument.sample_rate) // instrument.hop)
    noise = {
        spec.name: generator.standard_normal((rows, hops, *spec.shape[1:]), np.float32)
        for spec in instrument.random
    }
    frames = {"frames": np.array([hops], np.int64)}
    audio, *_ = session.run(["audio_out"], {**frames, **controls, **noise, **state})
    return np.asarray(audio[:, 0], np.float32)
