"""The time of a step, measured on as little as a few seconds allow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import lightning as L
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from training.data.library import Clip
from training.run.family import Parts, Span
from training.run.plan import AnyPlan
from training.run.task import Task
from training.run.trainer import build_task, fit, make_trainer

STEPS = 2
HEARD_SECONDS = 30.0  # of the recordings


@dataclass(frozen=True)
class Measured:
    """The time of a step.

    Attributes:
        seconds: that a whole step takes, or at least takes.
        rows: of a batch that were measured; 0: the time was over before one was done.
        device: that the step ran on.
        parameters: of the model.
    """

    seconds: float
    rows: int
    device: str
    parameters: int


def measure_step(plan: AnyPlan, parts: Parts[Any, Any], limit: float) -> Measured:
    """The time of a step without what the first one sets up (caches, the optimiser's state).

    One row of a batch is tried first, or as many as the family's smallest batch has. Where the
    whole batch would take too long, as many rows as there is time for stand for it. What training
    compiles runs uncompiled: to compile takes longer than all of this.

    Args:
        plan: of the run; parts: of its family.
        limit: seconds for all of it.
    """
    batch, begun = plan.training.batch_size, time.monotonic()
    fewest = int(plan.training.RANGES["batch_size"][0])
    trial = _Trial(plan, parts, fewest)
    parameters = sum(p.numel() for p in trial.task.model.parameters())
    built = time.monotonic()
    with torch.compiler.set_stance("force_eager"):
        try:
            with _Deadline(begun + limit):
                once = trial.step_seconds(1)
        except _TooLongError:
            return Measured(time.monotonic() - built, 0, str(trial.task.device), parameters)
        left = limit - (time.monotonic() - begun)
        rows = min(batch, int(left / (once / fewest * (1 + STEPS))))
        if rows < fewest:
            if once < left:
                once = trial.step_seconds(1)  # without what the first one sets up
            return Measured(once * batch / fewest, fewest, str(trial.task.device), parameters)
        trial = _Trial(plan, parts, rows)
        seconds = trial.step_seconds(1 + STEPS) * batch / rows
    return Measured(seconds, rows, str(trial.task.device), parameters)


def few_clips(clips: tuple[Clip, ...], rows: int, window: int, frames: int) -> tuple[Clip, ...]:
    """As many clips, and as much of each, as a few steps need.

    Args:
        clips: that are learned.
        rows: of a batch; as many clips are kept, if there are so many.
        window: samples of a row, which each clip keeps, if it has so many.
        frames: in all that are enough otherwise.
    """
    each = max(window, frames // max(1, min(rows, len(clips))))
    return tuple(replace(c, end=min(c.end, c.start + each)) for c in clips[:rows])


class _Trial:
    """A few steps of a run on a part of its batch, with a model that is thrown away.

    Args:
        plan: of the run; parts: of its family; rows: of a batch, at least 1.
    """

    def __init__(self, plan: AnyPlan, parts: Parts[Any, Any], rows: int) -> None:
        frames = round(HEARD_SECONDS * plan.library.sample_rate)
        learned = few_clips(plan.learned, rows, parts.window(plan), frames)
        self._plan = replace(
            plan,
            training=replace(plan.training, batch_size=rows),
            learned=learned,
            library=replace(plan.library, clips=learned),
        )
        make: Callable[[AnyPlan], Task] = parts.task
        self._parts, self.task = parts, build_task(make, self._plan)

    def step_seconds(self, steps: int) -> float:
        """Mean time of `steps` steps, of several without the first."""
        clock = _Clock()
        stream = self._parts.stream(self._plan, Span(0, steps))
        fit(make_trainer(self._plan.training, clock), self.task, stream)
        if steps == 1:
            return clock.ends[0] - clock.begun
        return (clock.ends[-1] - clock.ends[0]) / (steps - 1)


class _Clock(L.Callback):
    """Notes when the first step began and each step ended."""

    def __init__(self) -> None:
        self.begun = 0.0
        self.ends: list[float] = []

    def on_train_batch_start(self, *ignored: Any) -> None:
        self.begun = self.begun or time.perf_counter()

    def on_train_batch_end(self, *ignored: Any) -> None:
        self.ends.append(time.perf_counter())


class _TooLongError(Exception):
    """The time for the measurement was over inside a step."""


class _Deadline(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Ends a computation between two of torch's operations, forward or backward.

    Args:
        until: of `time.monotonic()`.
    """

    def __init__(self, until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._until = until

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if time.monotonic() > self._until:
            raise _TooLongError
        return function(*args, **(kwargs or {}))
