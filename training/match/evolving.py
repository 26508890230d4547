"""`cross` and `evolve`: patches improved by chance and choice, which need no gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from training.match.judging import Judge
from training.match.refining import EDGE, Report, held, paces_of

GENERATION = 16  # patches
PARENTS = 6  # of the nearest, the first ones more often
LONGEST = 24  # neighbours taken from another patch
TURNED = 0.04  # of the knobs, which are turned by chance beside that
TURN = 0.6  # of a logit, standard deviation
KNOBS = 32  # those that change the sound most, for CMA-ES
SPREAD = 0.3  # of what knobs may be turned in one step of `refine`, at the beginning


def cross(
    judge: Judge,
    nearest: Callable[[], Tensor],
    others: Tensor,
    fraction: Callable[[], float],
    report: Report,
    generator: torch.Generator,
) -> None:
    """Improve patches by knobs of others (two-point crossover, Holland 1975), and a few by chance.

    One proposal may have the right envelope and another the right LFO. Parameters of one part of a
    voice stand next to each other, so neighbours are taken over together. It finds what no gradient
    does: rates and pitches so far from right that a small turn makes nothing better.

    Args:
        judge: of the target.
        nearest: the best knob positions so far, nearest first, `[rows, parameters]`.
        others: knob positions that runs are taken from, `[rows, parameters]`.
        fraction: of the time that is over, 0 … 1; it ends at 1.
        report: takes knob positions and distances of a generation.
        generator: of random numbers.
    """
    fixed = held(judge)
    while fraction() < 1:
        children = _children(nearest()[:PARENTS], others, fixed, generator)
        report(children, judge.distances(children))


def _children(parents: Tensor, others: Tensor, fixed: Tensor, generator: torch.Generator) -> Tensor:
    """A generation of patches `[GENERATION, parameters]`, whose fixed knobs are as the parents'."""
    # The smaller of two random rows: the first is drawn most often.
    rows = torch.randint(len(parents), (2, GENERATION), generator=generator).amin(0)
    donors = others[torch.randint(len(others), (GENERATION,), generator=generator)]
    count = others.shape[1]
    start = torch.randint(count, (GENERATION, 1), generator=generator)
    length = torch.randint(1, LONGEST + 1, (GENERATION, 1), generator=generator)
    taken = (torch.arange(count) - start) % count < length
    children = torch.where(taken & ~fixed, donors, parents[rows])
    turned = torch.rand(children.shape, generator=generator) < TURNED
    moved = torch.logit(children.clamp(EDGE, 1 - EDGE))
    moved = moved + TURN * torch.randn(children.shape, generator=generator)
    return torch.where(turned & ~fixed, moved.sigmoid(), children)


def evolve(
    judge: Judge,
    units: Tensor,
    fraction: Callable[[], float],
    report: Report,
    seed: int = 0,
    spread: float = SPREAD,
) -> None:
    """Improve a patch by CMA-ES (Hansen 2016, The CMA evolution strategy: a tutorial).

    Only the knobs that change the sound most are turned, and their covariance is taken to be
    diagonal (the separable kind, Ros & Hansen 2008): the whole one of 78 parameters would take more
    renderings to learn than there is time for.

    Args:
        judge: of the target.
        units: knob positions to begin from, `[1, parameters]`.
        fraction: of the time that is over, 0 … 1; it ends at 1.
        report: takes knob positions and distances of a generation.
        seed: of random numbers.
        spread: of knobs at the beginning, beside the longest step that `refine` would take.
    """
    from cmaes import SepCMA

    fixed = held(judge)
    free = (~fixed).nonzero()[:, 0]
    start = torch.logit(units[0].clamp(EDGE, 1 - EDGE))
    paces = paces_of(judge, start, fixed)
    free = free[paces[free].argsort()[:KNOBS]]
    scale = paces[free]
    search = SepCMA(mean=np.zeros(len(free)), sigma=spread, seed=seed, population_size=GENERATION)
    while fraction() < 1 and not search.should_stop():
        asked = [search.ask() for _ in range(search.population_size)]
        moved = start[free] + torch.from_numpy(np.stack(asked)).float() * scale
        tried = units.repeat(len(asked), 1)
        tried[:, free] = moved.sigmoid()
        found = judge.distances(tried)
        report(tried, found)
        found = torch.nan_to_num(found, nan=1e9)
        search.tell(list(zip(asked, found.tolist(), strict=True)))
