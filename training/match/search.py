"""`search`: the patches of one target that are found within a budget of time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from synth.models.inverse.voices import Voice
from training.match.candidates import distinct, drawn, in_key
from training.match.evolving import GENERATION, cross, evolve
from training.match.judging import Judge
from training.match.losses import DEFAULT_LOSS
from training.match.proposing import Proposer
from training.match.refining import refine
from training.match.target import Target

PROPOSED = 32  # by a model
FIRST = 16  # by lot, without a model, before the first patch is told
DRAWN = 64  # at a time
# Shares of the budget at which each stage ends.
DRAWING, CROSSING = 0.1, 0.35
# Patches that are refined together, and when that ends: the better ones go on.
REFINING = ((4, 0.6), (2, 0.9))
SECONDS_EACH = 4.0  # of the budget, for each of them
POOL = 128  # patches that are kept

Tell = Callable[[float, float], None]


@dataclass
class Found:
    """The best patches so far.

    Attributes:
        units: knob positions, nearest first, `[count, parameters]`.
        distances: of each, in dB.
        first: distance of the first patch; curve: seconds and distance of each improvement.
        stopped: whether it was interrupted.
    """

    units: Tensor
    distances: Tensor
    first: float = float("inf")
    curve: list[tuple[float, float]] = field(default_factory=list)
    stopped: bool = False


class Search:
    """One target's search.

    Args:
        target: to be matched.
        voice: that shall make it.
        proposer: of patches by a model; None: by lot alone.
        budget: seconds; 0: the first patch at once.
        seed: of all that is drawn.
        loss: of refinement, see `LOSSES`; "": `DEFAULT_LOSS`.
        threads: that render at a time, see `Judge`.
        tell: takes the seconds that are over and the least distance.
        clock: seconds, of which the budget is.
    """

    def __init__(
        self,
        target: Target,
        voice: Voice,
        proposer: Proposer | None,
        *,
        budget: float,
        seed: int = 0,
        loss: str = "",
        threads: int = 1,
        tell: Tell = lambda seconds, distance: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.target, self.voice, self.proposer = target, voice, proposer
        self.budget, self.seed, self.tell = budget, seed, tell
        self.loss = loss or DEFAULT_LOSS
        self.judge = Judge(target, voice, threads=threads)
        self.generator = torch.Generator().manual_seed(seed)
        self.clock, self.began = clock, clock()
        self.found = Found(torch.zeros(0, len(voice.names)), torch.zeros(0))

    def run(self) -> Found:
        """Search until the budget is spent; an interrupt ends it, and what was found is kept."""
        try:
            self._propose()
            if self.budget > 0:
                self._draw(self._until(DRAWING))
                self._cross(self._until(CROSSING))
                for rows, share in REFINING:
                    self._refine(rows, self._until(share))
                self._evolve(self._until(1.0))
        except KeyboardInterrupt:
            if not len(self.found.units):
                raise
            self.found.stopped = True
        return self.found

    def _seconds(self) -> float:
        return self.clock() - self.began

    def _until(self, share: float) -> Callable[[], float]:
        """Of the time up to a share of the budget, the part that is over."""
        begin, end = self._seconds(), self.budget * share
        return lambda: (self._seconds() - begin) / max(end - begin, 1e-9)

    def _propose(self) -> None:
        if self.proposer is None:
            self._judge(drawn(self.voice, self.target, FIRST, self.generator))
        else:
            noise = torch.randn(PROPOSED, len(self.voice.names), generator=self.generator)
            self._judge(self.proposer.propose(self.target.audio, noise))
        self.found.first = float(self.found.distances[0])

    def _draw(self, fraction: Callable[[], float]) -> None:
        """More candidates: by the model where there is one, else by lot."""
        while fraction() < 1:
            if self.proposer is None:
                units = drawn(self.voice, self.target, DRAWN, self.generator)
            else:
                noise = torch.randn(PROPOSED, len(self.voice.names), generator=self.generator)
                units = self.proposer.propose(self.target.audio, noise)[1:]
            for part in torch.split(units, GENERATION):
                self._judge(part)
                if fraction() >= 1:
                    return

    def _cross(self, fraction: Callable[[], float]) -> None:
        others = self.found.units
        cross(self.judge, lambda: self.found.units, others, fraction, self._keep, self.generator)

    def _refine(self, count: int, fraction: Callable[[], float]) -> None:
        # To find the pace of each patch takes a while, too.
        count = min(count, max(1, int(self.budget / SECONDS_EACH)))
        rows = distinct(self.found.units, self.found.distances, count)
        if len(rows) and fraction() < 1:
            refine(self.judge, self.found.units[rows], self.loss, fraction, self._keep)

    def _evolve(self, fraction: Callable[[], float]) -> None:
        if fraction() < 1:
            evolve(self.judge, self.found.units[:1], fraction, self._keep, self.seed)

    def _judge(self, units: Tensor) -> None:
        units = in_key(self.voice, self.target, self.voice.settled(units))
        self._keep(units, self.judge.distances(units))

    def _keep(self, units: Tensor, distances: Tensor) -> None:
        """Note patches that were judged."""
        before = float(self.found.distances[0]) if len(self.found.distances) else float("inf")
        every = torch.cat([self.found.units, units])
        near = torch.cat([self.found.distances, torch.nan_to_num(distances, nan=float("inf"))])
        rows = near.argsort()[:POOL]
        self.found.units, self.found.distances = every[rows], near[rows]
        best = float(self.found.distances[0])
        if best < before:
            self.found.curve.append((self._seconds(), best))
        self.tell(self._seconds(), best)


def nearest(found: Found, count: int) -> tuple[Tensor, Tensor]:
    """The `count` best patches that differ, and their distances."""
    rows = distinct(found.units, found.distances, count)
    return found.units[rows], found.distances[rows]
