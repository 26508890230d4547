"""Pieces of a signal round given moments, for whatever is measured frame by frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]
Floats = NDArray[np.float64]


def frame_centres(samples: int, hop: int) -> Floats:
    """Middles of the frames of `hop` samples that cover `samples`: `[ceil(samples / hop)]`.

    >>> frame_centres(10, 4).tolist()
    [2.0, 6.0, 10.0]
    """
    middles: Floats = (np.arange(-(-samples // hop), dtype=np.float64) + 0.5) * hop
    return middles


def windows_at(audio: Audio, centres: Floats, length: int) -> Floats:
    """The `length` samples round each centre, `[centres, length]`; zeros beyond both ends.

    Args:
        audio: `[samples]`.
        centres: positions in samples, rounded to the nearest possible window.
        length: in samples.
    """
    if not len(centres):
        return np.zeros((0, length))
    start = np.rint(centres - length / 2).astype(np.int64)
    first, end = int(start.min()), int(start.max()) + length
    inside = np.asarray(audio[max(first, 0) : max(end, 0)], np.float64)
    before = min(max(-first, 0), end - first)
    padded = np.pad(inside, (before, end - first - before - len(inside)))
    windows: Floats = padded[(start - first)[:, None] + np.arange(length)]
    return windows


def by_chunks(measure: Callable[[Floats], Floats], centres: Floats, chunk: int = 1024) -> Floats:
    """`measure` of all centres, a chunk at a time so that memory stays small.

    Args:
        measure: from positions `[n]` to values `[n]`.
        centres: positions in samples.
        chunk: positions at a time, at least 1.
    """
    parts = [measure(centres[start : start + chunk]) for start in range(0, len(centres), chunk)]
    return np.concatenate(parts) if parts else np.zeros(0)
