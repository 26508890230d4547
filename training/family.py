"""What a family has to give so that it can be trained: one row of `training.families`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.config import TrainConfig
from training.library import Clip, Library
from training.plan import Plan
from training.review import Review, Say
from training.task import Task


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
    the model's config with what only the recordings can tell."""

    model: Any
    library: Library
    learned: tuple[Clip, ...]
    held_out: tuple[Clip, ...]


@dataclass(frozen=True)
class FamilyTraining:
    """How a family is trained.

    Attributes:
        config: its class of settings.
        arrange: (model config, settings, data, library) -> Arrangement. May raise DataError or
            ConfigError.
        task: the task of a plan, with a fresh model.
        stream: the batches of a span of steps, each a function of plan and step alone.
        review: what is looked at beside the steps.
        window: samples of one row of a batch.
        aliases: further names of flags, by field.
    """

    config: type[TrainConfig]
    arrange: Callable[[Any, Any, str, Library], Arrangement]
    task: Callable[[Plan], Task]
    stream: Callable[[Plan, Span], Iterable[Any]]
    review: Callable[[Plan, Path, Say], Review]
    window: Callable[[Plan], int]
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
