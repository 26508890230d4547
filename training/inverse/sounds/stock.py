"""The sounds at hand, and the batches drawn from them.

Sounds are rendered in order, ahead of the steps. At each step some fresh ones join the stock and as
many of the oldest leave it; a batch is the fresh ones and others drawn from the stock. So each
batch is a function of plan, step and process alone, and a run that is resumed renders the stock
again and goes on exactly.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from synth.models.inverse import InverseConfig
from synth.models.inverse.voices.sounds import numbers_of
from training.inverse.config import InversePlan
from training.inverse.sounds.rendering import Renderer, Sounds
from training.run.family import Span

CHUNK = 32  # sounds that are rendered at once
AHEAD = 4  # chunks that a worker renders ahead
FIRST_BATCHES = 8  # that are at hand before the first step


@dataclass(frozen=True)
class Turnover:
    """The sounds at hand at each step, counted in the order of rendering.

    Args:
        batch_size: sounds of a step; stock: number at hand; reuse: mean number of times that a
            sound is learned.
        seed: of the run; rank: of the process.
    """

    batch_size: int
    stock: int
    reuse: int
    seed: int
    rank: int

    @property
    def fresh(self) -> int:
        """Sounds that join at each step."""
        return max(1, round(self.batch_size / self.reuse))

    @property
    def kept(self) -> int:
        """Sounds at hand in the long run: those of a batch at least."""
        return max(self.stock, self.batch_size)

    def window(self, step: int) -> tuple[int, int]:
        """The first sound at hand at a step, and the one after the last."""
        end = min(self.kept, FIRST_BATCHES * self.batch_size) + step * self.fresh
        return max(0, end - self.kept), end

    def drawn(self, step: int) -> list[int]:
        """The sounds of a step's batch."""
        first, end = self.window(step)
        draw = np.random.default_rng([self.seed, step, self.rank, 3])
        old = draw.choice(end - self.fresh - first, self.batch_size - self.fresh, replace=False)
        return [*(first + old).tolist(), *range(end - self.fresh, end)]


class _Chunks(Dataset[Sounds]):
    """Chunks of the sounds of the split "train", each rendered when it is asked for."""

    def __init__(self, config: InverseConfig, audio: bool, span: Span) -> None:
        self._config, self._audio, self._span = config, audio, span
        self._renderer: Renderer | None = None

    def __getitem__(self, chunk: int) -> Sounds:
        # Made in the process that renders.
        self._renderer = self._renderer or Renderer(self._config, self._audio)
        first = (chunk * self._span.world + self._span.rank) * CHUNK
        return self._renderer(numbers_of("train", first, CHUNK))


class SoundStream:
    """The batches of a span of steps, in order.

    Args:
        plan: of the run; span: of steps, for one process.
    """

    def __init__(self, plan: InversePlan, span: Span) -> None:
        self._settings, self._span = plan.training, span
        s = plan.training
        third = s.stage == "vicreg" and bool(plan.model.waveform)
        self._chunks = _Chunks(plan.model, third, span)
        self.turnover = Turnover(s.batch_size, s.stock, s.reuse, s.seed, span.rank)

    def __iter__(self) -> Iterator[Sounds]:
        turnover, span = self.turnover, self._span
        if span.stop <= span.start:
            return
        shelf = _Shelf(turnover.kept + CHUNK)
        begin = turnover.window(span.start)[0] // CHUNK
        end = -(-turnover.window(span.stop - 1)[1] // CHUNK)
        chunks = iter(self._loader(range(begin, end)))
        there = begin * CHUNK
        for step in range(span.start, span.stop):
            while there < turnover.window(step)[1]:
                shelf.put(there, next(chunks))
                there += CHUNK
            yield shelf.take(turnover.drawn(step))

    def _loader(self, order: range) -> DataLoader[Sounds]:
        if not self._settings.workers:
            return DataLoader(self._chunks, batch_size=None, sampler=order)
        return DataLoader(
            self._chunks,
            batch_size=None,
            sampler=order,
            num_workers=self._settings.workers,
            prefetch_factor=AHEAD,
            multiprocessing_context="spawn",
            worker_init_fn=_ignore_signals,
        )


def _ignore_signals(worker: int) -> None:
    """Leave it to the process that learns to end the run when a signal comes to both."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class _Shelf:
    """Room for a number of sounds that follow each other, in a ring."""

    def __init__(self, size: int) -> None:
        self._size = -(-size // CHUNK) * CHUNK
        self._rows: list[Tensor] = []

    def put(self, place: int, sounds: Sounds) -> None:
        """Keep a chunk whose first sound has a place that is a multiple of `CHUNK`."""
        if not self._rows:
            self._rows = [t.new_empty(self._size if len(t) else 0, *t.shape[1:]) for t in sounds]
        at = place % self._size
        for rows, tensor in zip(self._rows, sounds, strict=True):
            if len(tensor):
                rows[at : at + CHUNK] = tensor

    def take(self, places: list[int]) -> Sounds:
        """The sounds at these places."""
        at = torch.tensor(places) % self._size
        taken = [rows[at] if len(rows) else rows for rows in self._rows]
        return Sounds(*(t.float() if t.dtype == torch.float16 else t for t in taken))
