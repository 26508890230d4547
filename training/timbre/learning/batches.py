"""The frames of a step, a function of seed, step and process alone: so a run resumes exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.run.family import Span


class Batch(NamedTuple):
    """The frames of a step.

    Attributes:
        joined: float32 `[rows, bands + width]`, scaled frames with their conditions beside.
        classes: int64 `[rows]`, number of the instrument of each.
    """

    joined: Tensor
    classes: Tensor


@dataclass(frozen=True)
class Deck:
    """The order in which frames are learned, shuffled anew for each epoch, each once in it.

    The batches of an epoch differ by one frame at most, so that none is a small remainder.

    Args:
        rows: number of frames.
        batch_size: frames per step and process, at most.
        world: number of processes, at most that of frames.
        seed: of the run; rank: of the process.
    """

    rows: int
    batch_size: int
    world: int
    seed: int
    rank: int

    @property
    def batches(self) -> int:
        """Number of steps in an epoch."""
        return min(-(-self.rows // (self.batch_size * self.world)), self.rows // self.world)

    def items(self, step: int) -> Tensor:
        """The frames of a step, int64."""
        epoch, at = divmod(step, self.batches)
        parts = self.batches * self.world
        part = at * self.world + self.rank
        ends = self.rows * part // parts, self.rows * (part + 1) // parts
        return _shuffled(self.rows, self.seed, epoch)[ends[0] : ends[1]]


@lru_cache(maxsize=2)
def _shuffled(rows: int, seed: int, epoch: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, epoch, 8]).permutation(rows))


class FrameStream:
    """The batches of a span of steps, in order.

    Args:
        joined: float16 `[rows, bands + width]`, all frames with their conditions.
        classes: int64 `[rows]`.
        deck: their order.
        span: of steps, for one process.
    """

    def __init__(self, joined: Tensor, classes: Tensor, deck: Deck, span: Span) -> None:
        self._joined, self._classes, self._deck, self._span = joined, classes, deck, span

    def __iter__(self) -> Iterator[Batch]:
        return (self.batch(step) for step in range(self._span.start, self._span.stop))

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        items = self._deck.items(step)
        return Batch(self._joined[items].float(), self._classes[items])
