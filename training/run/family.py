"""The parts that a family provides so that it can be trained and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor

from training.data.library import Array, Clip, Library
from training.run.config import TrainConfig
from training.run.plan import Plan
from training.run.review import Review, Say
from training.run.task import Task

NetworkT = TypeVar("NetworkT")
ModelT = TypeVar("ModelT")
SettingsT = TypeVar("SettingsT", bound=TrainConfig)


@dataclass(frozen=True)
class Span:
    """The batches of the steps `start` to `stop` (excluded), for process `rank` of `world`."""

    start: int
    stop: int
    rank: int = 0
    world: int = 1


@dataclass(frozen=True)
class Arrangement(Generic[ModelT, SettingsT]):
    """The recordings as a family uses them.

    Attributes:
        model: the model's config, with what only the recordings can tell.
        library: without the recordings that the family can't use.
        learned, held_out: the two parts of it.
        training: the run's config, with what only the recordings can tell; None: as it was.
        notes: lines for the user, printed before anything is trained.
    """

    model: ModelT
    library: Library
    learned: tuple[Clip, ...]
    held_out: tuple[Clip, ...]
    training: SettingsT | None = None
    notes: tuple[str, ...] = ()


def nothing_idle(model: Any, settings: TrainConfig) -> Mapping[str, str]:
    """The `idle` of a family whose settings all count, whatever the others are."""
    return {}


def as_planned(plan: Plan[ModelT, SettingsT], say: Say) -> Plan[ModelT, SettingsT]:
    """The plan itself: the `prepare` of a family that has nothing to try out."""
    return plan


def all_installed(plan: Plan[ModelT, SettingsT]) -> tuple[Plan[ModelT, SettingsT], tuple[str, ...]]:
    """The plan itself: the `installed` of a family that needs no further package."""
    return plan, ()


@dataclass(frozen=True)
class Parts(Generic[ModelT, SettingsT]):
    """The parts that train a family.

    Attributes:
        arrange: (model config, settings, data, library) -> Arrangement. May raise DataError or
            ConfigError.
        task: the task of a plan, with a fresh model.
        stream: the batches of a span of steps, each a function of plan and step alone.
        review: the evaluations beside the steps.
        window: samples of one row of a batch.
        prepare: trials before a fresh run: (plan, say) -> the plan to follow.
        idle: (model config, settings) -> settings that change nothing beside the others, and why.
        installed: the plan without what needs packages that are missing, and a line about each.
    """

    arrange: Callable[[ModelT, SettingsT, str, Library], Arrangement[ModelT, SettingsT]]
    task: Callable[[Plan[ModelT, SettingsT]], Task]
    stream: Callable[[Plan[ModelT, SettingsT], Span], Iterable[Any]]
    review: Callable[[Plan[ModelT, SettingsT], Path, Say], Review[Any, ModelT, SettingsT]]
    window: Callable[[Plan[ModelT, SettingsT]], int]
    prepare: Callable[[Plan[ModelT, SettingsT], Say], Plan[ModelT, SettingsT]] = as_planned
    idle: Callable[[ModelT, SettingsT], Mapping[str, str]] = nothing_idle
    installed: Callable[
        [Plan[ModelT, SettingsT]], tuple[Plan[ModelT, SettingsT], tuple[str, ...]]
    ] = all_installed


@dataclass(frozen=True)
class Reporting(Generic[NetworkT, ModelT]):
    """The parts that a report on trained runs needs of their family.

    Attributes:
        samples: length of every sound that is compared, from the model's config.
        sounds: number of sounds that a model has learned, from its config.
        load: the recordings of some clips, `[clips, samples]`, from the model's config.
        decode: (model, numbers of the sounds, the recordings `[sounds, samples]`) -> a function
            from a slice of them to what the model makes, `[rows, samples]`.
        name: a short name for models of this config.
        parameters: number of parameters of what makes one sound.
        repeated: settings in which repetitions of one run may differ.
    """

    samples: Callable[[ModelT], int]
    sounds: Callable[[ModelT], int]
    load: Callable[[ModelT, Sequence[Clip]], Array]
    decode: Callable[[NetworkT, Sequence[int], Array], Callable[[slice], Tensor]]
    name: Callable[[ModelT], str]
    parameters: Callable[[NetworkT], int]
    repeated: frozenset[str]
