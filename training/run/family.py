"""What a family has to give so that it can be trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data.library import Clip, Library
from training.run.config import TrainConfig
from training.run.plan import Plan
from training.run.review import Review, Say
from training.run.task import Task


@dataclass(frozen=True)
class Span:
    """Which batches are wanted: those of the steps `start` to `stop`, for process `rank` of
    `world`."""

    start: int
    stop: int
    rank: int = 0
    world: int = 1


@dataclass(frozen=True)
class Arrangement:
    """The recordings as a family uses them: `library` without what it can't use, its two parts, and
    the model's config, and the run's where it is not None, with what only the recordings can tell.
    `notes` are said before anything is trained."""

    model: Any
    library: Library
    learned: tuple[Clip, ...]
    held_out: tuple[Clip, ...]
    training: TrainConfig | None = None
    notes: tuple[str, ...] = ()


def as_planned(plan: Plan, say: Say) -> Plan:
    """The plan itself."""
    return plan


@dataclass(frozen=True)
class Parts:
    """What trains a family.

    Attributes:
        arrange: (model config, settings, data, library) -> Arrangement. May raise DataError or
            ConfigError.
        task: the task of a plan, with a fresh model.
        stream: the batches of a span of steps, each a function of plan and step alone.
        review: what is looked at beside the steps.
        window: samples of one row of a batch.
        prepare: what has to be tried out before a fresh run: (plan, say) -> the plan to follow.
    """

    arrange: Callable[[Any, Any, str, Library], Arrangement]
    task: Callable[[Plan], Task]
    stream: Callable[[Plan, Span], Iterable[Any]]
    review: Callable[[Plan, Path, Say], Review]
    window: Callable[[Plan], int]
    prepare: Callable[[Plan, Say], Plan] = as_planned
