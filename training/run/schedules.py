"""Schedules over a run: how far they are at a step, and learning rates."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """How fast the schedules of a run go, which changes where it is resumed with other steps.

    A schedule is made for the steps that the run had at first. A run that is resumed with more of
    them goes on from the place in its schedule that it had reached, more slowly, and with fewer
    of them faster; a schedule that was over stays at its end. So no rate and no gate jumps.

    Args:
        legs: (steps done, steps in all) at the beginning and wherever the latter changed.

    >>> pace = Pace.of(10).resumed(4, 16)
    >>> [pace.at(step) for step in (3, 4, 10, 16)]
    [3.0, 4.0, 7.0, 10.0]
    """

    legs: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, steps: int) -> Pace:
        """The pace of a run that is planned for so many steps."""
        return cls(((0, steps),))

    @property
    def steps(self) -> int:
        """Number of steps that the schedules are made for."""
        return self.legs[0][1]

    def resumed(self, step: int, steps: int) -> Pace:
        """The pace from a step on, where the run now has so many steps in all."""
        return self if steps == self.legs[-1][1] else Pace((*self.legs, (step, steps)))

    def at(self, step: int) -> float:
        """The step of the schedules that a step of the run is at; the same before any change."""
        place = 0.0
        ends = (*(start for start, _ in self.legs[1:]), step)
        for (start, steps), end in zip(self.legs, ends, strict=True):
            left = max(0.0, self.steps - place)
            place += (min(step, end) - min(step, start)) * left / max(1, steps - start)
        return place


def half_cosine(step: float, steps: int, last: float) -> float:
    """Share of the highest learning rate, falling along half a cosine.

    Args:
        step: 0 is the first.
        steps: number of them; where it is 1 or less, the fall takes one step.
        last: share at the last step and after it, 0 … 1.

    >>> [half_cosine(step, 5, 0.0) for step in (0, 2, 4, 9)]
    [1.0, 0.5, 0.0, 0.0]
    """
    done = min(1.0, step / max(1, steps - 1))
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * done))
