"""Batches of crops as a function of (seed, step, rank), so that there is no state to save."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from training.data.library import Array, Clip


class Crops:
    """Random crops from clips.

    A clip is drawn with a probability in proportion to its length, a start in it uniformly. Clips
    shorter than a crop count as one crop and are padded with zeros at the end.

    Args:
        clips: at least one.
        crop: length of a crop in frames.
        batch_size: crops per batch.
        seed: of the run; rank: of the process.
    """

    def __init__(
        self, clips: Sequence[Clip], crop: int, batch_size: int, *, seed: int, rank: int = 0
    ) -> None:
        self._arrays = [clip.open() for clip in clips]
        frames = np.array([a.shape[1] for a in self._arrays])
        self._shares = np.cumsum(np.maximum(frames, crop))
        self._starts = np.maximum(frames - crop, 0) + 1
        self.crop, self.batch_size, self.seed, self.rank = crop, batch_size, seed, rank

    def batch(self, step: int) -> Tensor:
        """The batch of a step, float32 `[batch_size, channels, crop]`."""
        draw = np.random.default_rng([self.seed, step, self.rank])
        at = draw.integers(0, self._shares[-1], self.batch_size)
        files = np.searchsorted(self._shares, at, side="right")
        starts = draw.integers(0, self._starts[files])
        out = np.zeros((self.batch_size, self._arrays[0].shape[0], self.crop), np.float32)
        for row, file, start in zip(out, files, starts, strict=True):
            piece = self._arrays[file][:, start : start + self.crop]
            row[:, : piece.shape[1]] = piece
        return torch.from_numpy(out)


class CropStream:
    """The batches of the steps `start` to `stop` (excluded), in order."""

    def __init__(self, crops: Crops, start: int, stop: int) -> None:
        self._crops, self._start, self._stop = crops, start, stop

    def __iter__(self) -> Iterator[Tensor]:
        return (self._crops.batch(step) for step in range(self._start, self._stop))


def even_pieces(clips: Sequence[Clip], size: int, count: int) -> list[Array]:
    """Pieces of clips, spread evenly over them, the same at every call.

    Args:
        clips: at least one.
        size: frames of a piece; the last one of a clip may have fewer.
        count: pieces wanted; fewer if the clips have fewer.

    Returns:
        Pieces `[channels, <= size]`.
    """
    lengths = [max(1, -(-clip.frames // size)) for clip in clips]
    ends = np.cumsum(lengths)
    count = min(count, int(ends[-1]))
    pieces = []
    for at in np.unique(np.linspace(0, ends[-1] - 1, count).round().astype(int)):
        file = int(np.searchsorted(ends, at, side="right"))
        start = int(at - (ends[file] - lengths[file])) * size
        pieces.append(np.array(clips[file].open()[:, start : start + size]))
    return pieces
