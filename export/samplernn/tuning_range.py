"""The keys that an instrument plays at their pitch, and how exactly, found by playing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
EXACT_CENTS = 10.0
ONCE_MISSED = 0.4  # share of a note's frames that may be elsewhere


@dataclass(frozen=True)
class Tuning:
    """The keys that an instrument plays, and how exactly.

    Attributes:
        keys: lowest and highest key of the longest run that sounds at its own pitch, or None where
            fewer than two keys do.
        cents: largest deviation of a key among them, None where there are none.
        exact_keys: the longest run among them within `EXACT_CENTS`, or None.
    """

    keys: tuple[int, int] | None
    cents: float | None
    exact_keys: tuple[int, int] | None


def find_tuning(instrument: Instrument, session: Any, low: int, high: int) -> Tuning:
    """Play every key for a second, all else at its default, and measure its pitch.

    A key sounds at its own pitch when the pitch of three fifths of its frames, and their median,
    are within half a semitone of it. Its deviation is that of the median.

    Args:
        instrument: with a control `key` and random inputs.
        session: an onnxruntime session of its exported graph.
        low, high: MIDI keys to try.
    """
    keys = range(low, high + 1)
    audio = _play(instrument, session, keys)
    start = round(ATTACK_S * instrument.sample_rate)
    cents = [
        _cents(extract(row[start:], instrument.sample_rate, FEATURE_HOP, ("pitch",))[:, 0], key)
        for row, key in zip(audio, keys, strict=True)
    ]
    found = _longest_run(low, [c is not None for c in cents])
    if found is None:
        return Tuning(None, None, None)
    inside = [c for c in cents[found[0] - low : found[1] - low + 1] if c is not None]
    exact = _longest_run(found[0], [abs(c) <= EXACT_CENTS for c in inside])
    return Tuning(found, round(max(abs(c) for c in inside), 1), exact)


def _longest_run(low: int, good: Sequence[bool]) -> tuple[int, int] | None:
    """First and last key of the longest run of good ones, `low` being the first key; None where it
    is shorter than two."""
    edges = [-1, *(i for i, fine in enumerate(good) if not fine), len(good)]
    before, after = max(pairwise(edges), key=lambda edge: edge[1] - edge[0])
    return (low + before + 1, low + after - 1) if after - before > 2 else None


def _cents(pitch: NDArray[np.float32], key: int) -> float | None:
    """Deviation of a note, or None where it doesn't sound at the pitch of its key."""
    away = pitch - key
    near = np.abs(away) < TOLERANCE
    median = float(np.median(away))
    if np.mean(~near) > ONCE_MISSED or not abs(median) < TOLERANCE:
        return None
    return 100.0 * median


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
