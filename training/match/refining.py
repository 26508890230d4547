"""`refine`: patches improved by gradient through the voice.

Adam goes equally far along every parameter, but a hundredth of a knob's way is half a semitone of
one and nothing of another. So each knob's pace is set by how much the sound changes when it is
turned a little: none changes the sound by more than some tenths of a decibel in a step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from synth.models.inverse.voices import KEY
from training.match.distances import SCALES
from training.match.judging import JUDGE, ROWS, Judge
from training.match.losses import LOSSES
from training.match.spectra import decibels, mel_power

EDGE = 0.005  # knob positions begin at least so far from their ends: a logit there is finite
NUDGE = 0.05  # of a logit, by which knobs are turned to see what changes
CHANGE = 0.3  # dB of distance by which one knob may change the sound in a step
SLOWEST, FASTEST = 0.002, 0.2  # steps of logits
CALM = 0.1  # of the pace, at the end

Report = Callable[[Tensor, Tensor], None]


def refine(
    judge: Judge,
    units: Tensor,
    loss: str,
    fraction: Callable[[], float],
    report: Report,
    pace: float = 1.0,
) -> None:
    """Improve patches by Adam on the logits of their knob positions.

    Each patch is rendered and learned by itself, on a thread of the judge's: sounds of several at
    once wouldn't fit the cache.

    Args:
        judge: of the target.
        units: knob positions to begin from, `[rows, parameters]`.
        loss: of `LOSSES`.
        fraction: of the time that is over, 0 … 1; refining ends at 1.
        report: takes knob positions and distances of all rows after each step.
        pace: factor of the steps, which get smaller towards the end.
    """
    describe, compare = LOSSES[loss]
    meant = describe(judge.meant, judge.rate)
    fixed = held(judge)
    logits = torch.logit(units.clamp(EDGE, 1 - EDGE))
    paces = torch.stack([paces_of(judge, row, fixed) for row in logits]) * pace
    adam = _Adam(logits)

    def learned(row: int) -> tuple[Tensor, Tensor]:
        """Loss and slopes of a patch."""
        leaf = logits[row].clone().requires_grad_()
        now = torch.where(fixed, units[row], leaf.sigmoid())[None]
        features = describe(judge.levelled(judge.render(now)), judge.rate)
        value = compare(features, meant).sum()
        (slopes,) = torch.autograd.grad(value, leaf)
        return value.detach(), slopes

    while (over := fraction()) < 1:
        settled = torch.where(fixed, units, logits.sigmoid())
        found, slopes = map(torch.stack, zip(*judge.each(learned, range(len(units))), strict=True))
        if loss != "mel":
            found = judge.distances(settled, JUDGE)
        report(settled, found)
        slopes = torch.nan_to_num(slopes, nan=0.0, posinf=0.0, neginf=0.0)
        logits = logits - adam.direction(slopes) * paces * (1 - (1 - CALM) * over)


def held(judge: Judge) -> Tensor:
    """Which parameters stay: frozen ones, and the key where it was heard; bool `[parameters]`."""
    names = set(judge.voice.frozen_) | ({KEY} if judge.target.has_key else set())
    return torch.tensor([name in names for name in judge.voice.names])


class _Adam:
    """Directions of Kingma & Ba 2015, each of about 1."""

    FIRST, SECOND = 0.9, 0.95

    def __init__(self, like: Tensor) -> None:
        self._mean, self._power = torch.zeros_like(like), torch.zeros_like(like)
        self._count = 0

    def direction(self, slopes: Tensor) -> Tensor:
        self._count += 1
        self._mean = self.FIRST * self._mean + (1 - self.FIRST) * slopes
        self._power = self.SECOND * self._power + (1 - self.SECOND) * slopes.square()
        mean = self._mean / (1 - self.FIRST**self._count)
        power = self._power / (1 - self.SECOND**self._count)
        return mean / (power.sqrt() + 1e-8)


def paces_of(judge: Judge, logits: Tensor, fixed: Tensor) -> Tensor:
    """The longest step of each logit that changes the sound by no more than `CHANGE`.

    Changes are those of the middle one of the distance's three windows: all three would take twice
    as long, and say the same.

    Args:
        judge: of the target.
        logits: of knob positions, `[parameters]`.
        fixed: which of them stay, see `held`.
    """
    free = (~fixed).nonzero()[:, 0]
    nudged = logits.repeat(len(free), 1)
    nudged[torch.arange(len(free)), free] += NUDGE

    @torch.no_grad()
    def changed(rows: Tensor) -> Tensor:
        return (levels(rows) - here).abs().mean((1, 2))

    def levels(rows: Tensor) -> Tensor:
        audio = judge.render(rows.sigmoid())
        db = decibels(mel_power(audio, judge.rate, *window))
        return db - db.amax((1, 2), keepdim=True)

    length, hop, bands = SCALES[1]
    window = int(length * judge.rate), int(hop * judge.rate), bands
    with torch.no_grad():
        here = levels(logits[None])
    changes = judge.each(changed, torch.split(nudged, ROWS))
    paces = torch.zeros_like(logits)
    paces[free] = (CHANGE * NUDGE / torch.cat(changes).clamp_min(1e-6)).clamp(SLOWEST, FASTEST)
    return paces
