"""The sounds, and the points of them, that a step learns from.

They are a function of seed, step and process alone, so that a run resumes exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.library import Array
from training.run.family import Span

Indices = NDArray[np.int64]


class Batch(NamedTuple):
    """The sounds of a step.

    Attributes:
        items: int64 `[rows]`, their rows in the table of latents.
        positions: `[rows, points]`, in samples, with fractions between the samples.
        target: `[rows, points]`, amplitudes at these positions.
        audio: `[rows, samples]`, the whole sounds for an encoder; None without one.
        mixed: int64 `[mixtures, 2]`, the two sounds of each mixture, or None; `positions` and
            `target` have one more row for each mixture, after the others.
        shares: `[mixtures, 1]`, share of the second sound, 0 … 1, or None.
    """

    items: Tensor
    positions: Tensor
    target: Tensor
    audio: Tensor | None
    mixed: Tensor | None = None
    shares: Tensor | None = None


@dataclass(frozen=True)
class Deck:
    """The order in which sounds are learned, shuffled anew for each epoch, each sound once in it.

    The batches of an epoch differ by one sound at most, so that none of them is a small remainder.

    Args:
        sounds: number of them.
        batch_size: sounds per step and process, at most.
        world: number of processes, at most that of sounds.
        seed: of the run.
    """

    sounds: int
    batch_size: int
    world: int
    seed: int

    @property
    def batches(self) -> int:
        """Number of steps in an epoch."""
        return min(-(-self.sounds // (self.batch_size * self.world)), self.sounds // self.world)

    @property
    def most(self) -> int:
        """Number of sounds in the largest batch of a process."""
        return -(-self.sounds // (self.batches * self.world))

    def items(self, step: int, rank: int) -> Indices:
        """The sounds of a step for the process `rank`."""
        epoch, at = divmod(step, self.batches)
        order = np.random.default_rng([self.seed, epoch, 5]).permutation(self.sounds)
        return np.array_split(order, self.batches * self.world)[at * self.world + rank]


@dataclass(frozen=True)
class Points:
    """The points of a sound that are learned in a step.

    Args:
        grid: number of points that there are.
        count: number of points that are drawn, at most `grid`.
        even: whether they form a comb of equal distances, as wide as fits, with a random phase;
            otherwise they lie anywhere, none twice, in order of time.
    """

    grid: int
    count: int
    even: bool

    @property
    def stride(self) -> int:
        """Grid points from one tooth of the comb to the next."""
        return self.grid // self.count

    def draw(self, rows: int, random: np.random.Generator) -> Indices:
        """Numbers of grid points `[rows, count]`, drawn for each row separately."""
        if self.even:
            # Where the count doesn't divide the grid, the comb leaves room and lies anywhere in it.
            room = self.grid - self.stride * (self.count - 1)
            teeth = np.arange(self.count) * self.stride
            return random.integers(0, room, (rows, 1)) + teeth
        chosen = [random.choice(self.grid, self.count, False, shuffle=False) for _ in range(rows)]
        return np.sort(np.stack(chosen), axis=1)


@dataclass(frozen=True)
class Mixtures:
    """Mixtures of two sounds, the target for a latent between theirs.

    Two sounds of the same key are mixed if there are any, because a player morphs between those;
    otherwise any two.

    Args:
        share: number of mixtures for each sound of a step, at least 0.
        keys: MIDI key of each sound, -1 where it is unknown.
    """

    share: float
    keys: tuple[float, ...]

    def draw(self, items: Indices, random: np.random.Generator) -> tuple[Indices, Array]:
        """Pairs of sounds `[mixtures, 2]` and shares of the second `[mixtures, 1]`, 0 … 1."""
        count = round(self.share * len(items)) if len(self.keys) > 1 else 0
        first = random.permutation(np.resize(items, count))
        second = [int(random.choice(self._partners[int(item)])) for item in first]
        pairs = np.stack([first, np.array(second, np.int64)], axis=1).reshape(-1, 2)
        return pairs, random.random((count, 1), np.float32)

    @cached_property
    def _partners(self) -> list[Indices]:
        """The partners that each sound may be mixed with, found once for all steps."""
        keys = np.array(self.keys)
        own = np.arange(len(keys))
        alike = [
            np.flatnonzero((keys == key) & (own != i) & (key >= 0)) for i, key in enumerate(keys)
        ]
        return [found if len(found) else own[own != i] for i, found in enumerate(alike)]


class SoundStream:
    """The batches of a span of steps, in order.

    Args:
        sounds: `[sounds, samples * oversample]`.
        deck: the order of the sounds; points: those of a sound.
        span: of steps, for one process.
        oversample: grid points per sample, at least 1.
        mixtures: of two sounds, further rows of a batch; None: none.
        encoded: whether batches carry the whole sounds.
        double: whether they are float64 instead of float32.
    """

    def __init__(
        self,
        sounds: Array,
        deck: Deck,
        points: Points,
        span: Span,
        *,
        oversample: int = 1,
        mixtures: Mixtures | None = None,
        encoded: bool = False,
        double: bool = False,
    ) -> None:
        self._sounds, self._deck, self._points, self._span = sounds, deck, points, span
        self._oversample, self._mixtures, self._encoded = oversample, mixtures, encoded
        self._dtype = torch.float64 if double else torch.float32

    def __iter__(self) -> Iterator[Batch]:
        return (self.batch(step) for step in range(self._span.start, self._span.stop))

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        rank = self._span.rank
        items = self._deck.items(step, rank)
        random = np.random.default_rng([self._deck.seed, step, rank, 6])
        at = self._points.draw(len(items), random)
        target = np.take_along_axis(self._sounds[items], at, axis=1)
        mixed = shares = None
        if self._mixtures is not None:
            pairs, share = self._mixtures.draw(items, random)
            between = self._points.draw(len(pairs), random)
            first, second = (
                np.take_along_axis(self._sounds[pairs[:, i]], between, axis=1) for i in (0, 1)
            )
            at = np.concatenate([at, between])
            target = np.concatenate([target, (1 - share) * first + share * second])
            mixed, shares = torch.from_numpy(pairs), torch.from_numpy(share).to(self._dtype)
        positions = torch.from_numpy(at)
        audio = None
        if self._encoded:
            audio = torch.from_numpy(self._sounds[items, :: self._oversample]).to(self._dtype)
        return Batch(
            torch.from_numpy(items),
            positions.double() / self._oversample if self._oversample > 1 else positions,
            torch.from_numpy(target).to(self._dtype),
            audio,
            mixed,
            shares,
        )
