"""Training windows, read from the decoded recordings when their step comes.

A window is `context + span` samples: the first `context` are given, the others are predicted.
Windows are never stored; those of a step are a function of seed, step and process alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.library import Clip
from training.run.family import Span
from training.samplernn.shuffle import Indices, shuffled
from training.samplernn.steering import Steering


class Batch(NamedTuple):
    """The windows of a step.

    Attributes:
        audio: float32 `[rows, context + span]`.
        features: `[rows, span / hop, count]`, or None.
        fresh: bool `[rows]`, whether the row doesn't continue where it ended in the batch before.
    """

    audio: Tensor
    features: Tensor | None
    fresh: Tensor


class Places(NamedTuple):
    """The places of the windows of a step.

    Attributes:
        clips: int64 `[rows]`, numbers of clips; starts: int64 `[rows]`, samples.
        fresh: bool `[rows]`, as in `Batch`.
    """

    clips: Indices
    starts: Indices
    fresh: NDArray[np.bool_]


class Layout(Protocol):
    """An order in which windows are learned."""

    def places(self, step: int) -> Places:
        """The places of the windows of a step."""

    def epoch(self, step: int) -> int:
        """Number of times that everything was learned before a step."""


class AnyPlace:
    """Windows that start at any sample, each start once per epoch, in shuffled order.

    Args:
        frames: samples of each clip, each at least `window`.
        window: samples.
        rows: windows per step and process.
        seed: of the run; rank: of the process; world: number of processes.

    Attributes:
        items: number of starts.
    """

    def __init__(
        self, frames: Sequence[int], window: int, rows: int, seed: int, rank: int, world: int
    ) -> None:
        self._ends = np.cumsum([n - window + 1 for n in frames], dtype=np.int64)
        self._rows, self._seed, self._rank, self._world = rows, seed, rank, world
        self.items = int(self._ends[-1])

    def epoch(self, step: int) -> int:
        """Number of times that every start was used before a step."""
        return step * self._world * self._rows // self.items

    def places(self, step: int) -> Places:
        """The places of the windows of a step; all of them are fresh."""
        first = (step * self._world + self._rank) * self._rows
        epochs, at = np.divmod(np.arange(first, first + self._rows), self.items)
        for epoch in np.unique(epochs):
            of_epoch = epochs == epoch
            at[of_epoch] = shuffled(at[of_epoch], self.items, self._seed, int(epoch))
        clips = np.searchsorted(self._ends, at, side="right")
        before = np.concatenate([[0], self._ends[:-1]])[clips]
        return Places(clips, at - before, np.ones(self._rows, bool))


class InOrder:
    """Windows that follow each other through all clips, each row from a place of its own.

    After a row has covered everything, windows shift by less than a span, so that gradients are cut
    at other samples the next time.

    Args:
        frames: samples of each clip, each at least `context + span`.
        context: samples that are given; span: samples that are predicted.
        rows: windows per step.
        seed: of the run.

    Attributes:
        items: number of windows.
    """

    def __init__(
        self, frames: Sequence[int], context: int, span: int, rows: int, seed: int
    ) -> None:
        self._span, self._rows, self._seed = span, rows, seed
        length = np.asarray(frames, np.int64) - context
        self._ends = np.cumsum(length // span)
        self._slack = length % span
        self.items = int(self._ends[-1])

    def epoch(self, step: int) -> int:
        """Number of times that every row has covered everything before a step."""
        return step // self.items

    def places(self, step: int) -> Places:
        """The places of the windows of a step; fresh where a clip or a new round begins."""
        tour, done = divmod(step, self.items)
        shifts = np.random.default_rng([self._seed, tour, 3]).integers(0, self._slack + 1)
        at = (np.arange(self._rows) * self.items // self._rows + done) % self.items
        clips = np.searchsorted(self._ends, at, side="right")
        inside = at - np.concatenate([[0], self._ends[:-1]])[clips]
        return Places(clips, shifts[clips] + inside * self._span, (inside == 0) | (done == 0))


class WindowStream:
    """The batches of a span of steps, in order.

    Args:
        clips: mono.
        layout: the order of the windows.
        context: samples of a window that are given; window: all of its samples.
        steps: of the batches, for one process.
        steering: features and classes of the clips, where the model has any.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        layout: Layout,
        context: int,
        window: int,
        steps: Span,
        steering: Steering | None,
    ) -> None:
        self._arrays = [clip.open() for clip in clips]
        self._layout, self._context, self._window = layout, context, window
        self._steps, self._steering = steps, steering

    def __iter__(self) -> Iterator[Batch]:
        return (self.batch(step) for step in range(self._steps.start, self._steps.stop))

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        clips, starts, fresh = self._layout.places(step)
        audio = np.empty((len(clips), self._window), np.float32)
        for row, clip, start in zip(audio, clips, starts, strict=True):
            row[:] = self._arrays[clip][0, start : start + self._window]
        features = None
        if self._steering:
            span = self._window - self._context
            parts = [
                self._steering.window(int(clip), int(start) + self._context, span)
                for clip, start in zip(clips, starts, strict=True)
            ]
            features = torch.from_numpy(np.stack(parts))
        return Batch(torch.from_numpy(audio), features, torch.from_numpy(fresh))
